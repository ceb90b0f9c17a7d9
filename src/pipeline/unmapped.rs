//! Warns of orders whose records name fields that can change what the order is worth and that the
//! mapping does not read.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::warn;

use crate::order::Unmapped;

/// How long a kind of field is not warned of again.
const INTERVAL: Duration = Duration::from_secs(3600);

/// What each of [`Unmapped::KINDS`] is called in the warning, and the remedy.
const KINDS: [(&str, &str); Unmapped::KINDS.len()] = [
    ("product", "set mapping.items and mapping.product, or these orders are in no product's total"),
    ("status", "set mapping.status and mapping.cancelled, or cancelled orders count as sold"),
    ("currency", "set mapping.currency and orders.currency, or amounts of several are added up"),
    (
        "charge",
        "set mapping.shipping, mapping.tax or mapping.discount, or it is missing from the total",
    ),
    ("unit of money", "set mapping.minor_units = true if amounts are in cents, or map it"),
];

/// When each kind was last warned of.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    last: Mutex<[Option<Instant>; Unmapped::KINDS.len()]>,
}

impl Warnings {
    /// Warns of those kinds that `orders` counts any of, unless that was done in the last hour.
    pub(super) fn tell(&self, topic: &str, orders: [u64; Unmapped::KINDS.len()]) {
        for (kind, (name, remedy)) in KINDS.iter().enumerate() {
            let found = orders.get(kind).is_some_and(|orders| *orders > 0);
            if found && self.is_due(kind, Instant::now()) {
                warn!(%topic, "orders name a {name} that the mapping does not read: {remedy}");
            }
        }
    }

    fn is_due(&self, kind: usize, now: Instant) -> bool {
        // Nothing can be left half done under this lock, so a poisoned one is as good.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = last.get_mut(kind) else { return false };
        let due = last.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_warned_of_at_once_and_then_once_an_hour() {
        let (warnings, now) = (Warnings::default(), Instant::now());
        let due = |kind, seconds| warnings.is_due(kind, now + Duration::from_secs(seconds));
        assert!(due(0, 0) && due(1, 5) && !due(0, 3599) && due(0, 3600) && !due(1, 3604));
        assert!(!due(0, 7199) && due(0, 7200));
    }
}

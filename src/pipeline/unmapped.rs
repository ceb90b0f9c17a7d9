//! Warns of orders whose records contain fields that can change the order's value but that the
//! mapping does not read.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::warn;

use crate::order::Unmapped;

/// The minimum time between two warnings of the same kind.
const INTERVAL: Duration = Duration::from_secs(3600);

/// The name of each of [`Unmapped::KINDS`] in the warning, and the remedy.
const KINDS: [(&str, &str); Unmapped::KINDS.len()] = [
    (
        "product",
        "set mapping.items and mapping.product, otherwise these orders are missing from \
                 sales by product",
    ),
    (
        "status",
        "set mapping.status and mapping.cancelled, otherwise cancelled orders count as \
                sold",
    ),
    (
        "currency",
        "set mapping.currency and orders.currency, otherwise amounts in different \
                  currencies are added up",
    ),
    (
        "charge",
        "set mapping.shipping, mapping.tax or mapping.discount, otherwise it is missing from the \
         total",
    ),
    ("field in cents", "map it, and set mapping.minor_units = true"),
];

/// When each kind was last warned of.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    last: Mutex<[Option<Instant>; Unmapped::KINDS.len()]>,
}

impl Warnings {
    /// Warns of each kind with a count above zero in `orders`, at most once an hour.
    pub(super) fn warn(&self, topic: &str, orders: [u64; Unmapped::KINDS.len()]) {
        for (kind, (name, remedy)) in KINDS.iter().enumerate() {
            let found = orders.get(kind).is_some_and(|orders| *orders > 0);
            if found && self.is_due(kind, Instant::now()) {
                warn!(
                    %topic,
                    "orders contain a {name} that the mapping does not read (`vendas check --sample \
                     200` names the field): {remedy}"
                );
            }
        }
    }

    fn is_due(&self, kind: usize, now: Instant) -> bool {
        // No update under this lock can be left incomplete, so a poisoned lock is usable.
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

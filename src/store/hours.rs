//! What new rows of `sales` add to the sums by hour.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{columns::Sales, rows::WallClock};

/// A column for each field of `hour_sum`; a row for each hour.
#[derive(Debug, Default)]
pub(super) struct Hours {
    pub(super) hours: Vec<WallClock>,
    pub(super) orders: Vec<i64>,
    pub(super) totals: Vec<Decimal>,
}

impl Hours {
    /// The sums of all the rows, if these are new; none at all where the database has to find out
    /// when one of them counts.
    pub(super) fn of(sales: &Sales) -> Self {
        Self::summed(sales).unwrap_or_default()
    }

    fn summed(sales: &Sales) -> Option<Self> {
        let mut sums: BTreeMap<_, (i64, Decimal)> = BTreeMap::new();
        for (counted_at, total) in sales.counted_at.iter().zip(&sales.totals) {
            let WallClock(at) = counted_at.as_ref()?;
            let hour = at.with().minute(0).second(0).subsec_nanosecond(0).build().ok()?;
            let (orders, sum) = sums.entry(hour).or_default();
            *orders += 1;
            *sum = sum.checked_add(*total)?;
        }
        let mut hours = Self::default();
        for (hour, (orders, total)) in sums {
            hours.hours.push(WallClock(hour));
            hours.orders.push(orders);
            hours.totals.push(total);
        }
        Some(hours)
    }
}

//! Orders made without a record, for tests of what is done with them.

use rust_decimal::Decimal;

use super::{Order, OrderKey, Unmapped};

/// An order that names no product.
pub(crate) fn order(key: OrderKey, total: &str) -> Order {
    let total: Decimal = total.parse().unwrap();
    Order {
        key,
        cancelled: false,
        total,
        charges: Decimal::ZERO,
        items: Vec::new(),
        sold_at: None,
        counted_at: None,
        kept: None,
        unmapped: Unmapped::default(),
    }
}

/// One that was cancelled.
pub(crate) fn cancelled(key: OrderKey) -> Order {
    Order { cancelled: true, ..order(key, "0") }
}

//! Orders created without a record, for tests.

use rust_decimal::Decimal;

use super::{Order, OrderKey, Unmapped};

/// An order without products.
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

/// A cancelled order.
pub(crate) fn cancelled(key: OrderKey) -> Order {
    Order { cancelled: true, ..order(key, "0") }
}

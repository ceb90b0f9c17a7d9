//! The meaning of a record: its orders, their keys, values and products.

use std::fmt;

use jiff::civil::DateTime;
use rust_decimal::Decimal;
use smol_str::SmolStr;

/// The meaning of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// One order, the usual case.
    Order(Order),
    /// Several orders (at most 9,999), in the order of the record.
    Orders(Vec<Order>),
    /// Nothing: `mapping.only` or `mapping.tombstones` ignores such records.
    Ignored,
}

impl Meaning {
    /// The orders, in the order of the record.
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        match self {
            Self::Order(order) => std::slice::from_ref(order),
            Self::Orders(orders) => orders,
            Self::Ignored => &[],
        }
    }

    /// Whether one of the orders counts before `time`, in the shop's time zone. Orders without a
    /// known time and cancelled ones do not.
    #[must_use]
    pub fn is_before(&self, time: DateTime) -> bool {
        self.orders().iter().any(|order| order.counted_at.is_some_and(|at| at < time))
    }
}

/// A valid order: its key, its value and its products.
///
/// Created only by [`Rules::understand`](super::Rules::understand).
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    pub(super) key: OrderKey,
    pub(super) cancelled: bool,
    pub(super) total: Decimal,
    pub(super) charges: Decimal,
    pub(super) items: Vec<Item>,
    pub(super) sold_at: Option<DateTime>,
    pub(super) counted_at: Option<DateTime>,
    pub(super) kept: Option<Box<str>>,
    pub(super) unmapped: Unmapped,
}

/// Fields of an order's record that no role reads although they can change the order's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unmapped(pub(super) u8);

impl Unmapped {
    /// The names of all kinds of such fields in metrics and logs.
    pub const KINDS: [&'static str; 5] = ["product", "status", "currency", "charge", "minor_units"];

    /// The kinds found, as indices into [`Self::KINDS`].
    pub fn kinds(self) -> impl Iterator<Item = usize> {
        (0..Self::KINDS.len()).filter(move |kind| self.0 & (1 << kind) != 0)
    }

    /// Whether nothing was found.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The identity of an order; number 17 and id "17" are two orders.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderKey {
    /// The order has a number.
    Number(i64),
    /// The order has an id, a text of 1 to 200 characters, without U+0000.
    Id(String),
}

/// An item of an order with a product.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    pub(super) product: SmolStr,
    pub(super) quantity: Decimal,
    pub(super) amount: Decimal,
}

impl Order {
    /// The order's number or its id.
    #[must_use]
    pub const fn key(&self) -> &OrderKey {
        &self.key
    }

    /// The order's number, if it has one.
    #[must_use]
    pub const fn number(&self) -> Option<i64> {
        match self.key {
            OrderKey::Number(number) => Some(number),
            OrderKey::Id(_) => None,
        }
    }

    /// The order's id, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match &self.key {
            OrderKey::Number(_) => None,
            OrderKey::Id(id) => Some(id),
        }
    }

    /// Whether the order was cancelled: it then has only a key.
    #[must_use]
    pub const fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// The order's total, lines and charges together: exact, in its shortest form with 2 to 8
    /// decimals; 0 or more unless the mapping allows returns.
    #[must_use]
    pub const fn total(&self) -> Decimal {
        self.total
    }

    /// Shipping and tax less discounts: the part of the total outside the lines.
    #[must_use]
    pub const fn charges(&self) -> Decimal {
        self.charges
    }

    /// The fields of `mapping.keep` as a JSON object; `None` if the record has none of them.
    #[must_use]
    pub fn kept(&self) -> Option<&str> {
        self.kept.as_deref()
    }

    /// The fields that no role reads.
    #[must_use]
    pub const fn unmapped(&self) -> Unmapped {
        self.unmapped
    }

    /// The items with a product, in the order of the record.
    ///
    /// Their amounts sum to the total less the charges, unless there are items without a product.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The time of sale as stated, or converted to the shop's time zone if it has an offset; with
    /// microsecond precision, in the years 1 to 9999.
    #[must_use]
    pub const fn sold_at(&self) -> Option<DateTime> {
        self.sold_at
    }

    /// When it counts in sums by hour and day: [`Self::sold_at`], or else the record's timestamp in
    /// the shop's time zone. `None` if neither is known, and for cancelled orders.
    #[must_use]
    pub const fn counted_at(&self) -> Option<DateTime> {
        self.counted_at
    }

    /// Whether the order has a row in `sales`: every order with a number does, unless it is
    /// cancelled.
    #[must_use]
    pub const fn is_in_sales(&self) -> bool {
        matches!(self.key, OrderKey::Number(_)) && !self.cancelled
    }

    /// Whether the order has a row in `orders`: every order that has an id, products or kept
    /// fields, or is cancelled.
    #[must_use]
    pub const fn is_in_orders(&self) -> bool {
        matches!(self.key, OrderKey::Id(_))
            || self.cancelled
            || !self.items.is_empty()
            || self.kept.is_some()
    }
}

impl Item {
    /// The product's name: 1 to 200 characters, unchanged, without U+0000.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.product
    }

    /// The quantity: above 0 and below 1,000,000, up to 4 decimals, without trailing zeros.
    #[must_use]
    pub const fn quantity(&self) -> Decimal {
        self.quantity
    }

    /// The amount: exact, 0 or more, in its shortest form with 2 to 8 decimals.
    #[must_use]
    pub const fn amount(&self) -> Decimal {
        self.amount
    }
}

/// Prints only the number of items: the contents belong to the payload and must not be logged.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("items", &self.items.len()).finish_non_exhaustive()
    }
}

/// Prints only the variant, not the value.
impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number(_) => "Number",
            Self::Id(_) => "Id",
        })
    }
}

/// Prints nothing of the payload.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item").finish_non_exhaustive()
    }
}

//! Decodes and validates a record: the orders it contains and their value. Pure: no I/O, no clock.
//!
//! In reading order: [`mapping`] defines the places of roles; [`text`] checks that bytes are safe
//! to parse; [`decode`] reads a record and collects the values of roles; [`value`] parses single
//! values; [`rules`] validate them and produce an [`Order`] or a [`Rejection`].
//!
//! - ***Invariant:** no number is converted to a float, and none is rounded unless the mapping
//!   requires it.
//! - ***Invariant:** decoders do not interpret money, and rules do not depend on a record's format.
//! - ***Invariant:** a rejection contains places and rules, and never quotes the payload.
//! - ***Invariant:** time and memory are linear in the payload's size, and recursion is bounded by
//!   the depth of the mapping.
#![allow(rustdoc::private_intra_doc_links, reason = "the overview links to private modules")]

mod currency;
mod decode;
mod mapping;
mod reason;
mod rules;
mod text;
mod value;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use jiff::{civil::DateTime, tz::TimeZone};
use rust_decimal::Decimal;
use smol_str::SmolStr;

pub use currency::Currency;
pub use mapping::{
    DecimalForm, Identity, Mapping, MappingError, MappingSettings, Only, PLACES_LIMIT, Place, Role,
    Step, Tombstones,
};
pub use reason::{Reason, Rejection};

use crate::{
    format::{Reading, SchemaId},
    kafka::{Record, TopicPartition},
};

/// The rules for decoding the records of one topic; created by [`Rules::new`].
///
/// [`Rules::built_in`] recognize common names. Totals are exact:
///
/// ```
/// use jiff::tz::TimeZone;
/// use vendas::order::Rules;
///
/// let record = br#"{
///     "order_id": "A-17",
///     "items": [
///         {"product": "tea", "qty": 3, "unit_price": 0.1},
///         {"product": "cup", "qty": 0.25, "unit_price": 7.4}
///     ],
///     "shipping": 5
/// }"#;
/// let meaning = Rules::built_in(TimeZone::UTC).understand_value(Some(record))?;
/// let order = &meaning.orders()[0];
/// let amounts: Vec<_> = order.items().iter().map(|item| item.amount().to_string()).collect();
/// assert_eq!(amounts, ["0.30", "1.85"]);
/// assert_eq!((order.charges().to_string(), order.total().to_string()), ("5.00".into(), "7.15".into()));
/// # Ok::<(), vendas::order::Rejection>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    mapping: Mapping,
    reading: Reading,
    shop_timezone: TimeZone,
    currency: Currency,
    times: value::time::Times,
    numbers: rules::Numbers,
    bounds: SalesBounds,
}

impl Rules {
    /// The mapping of these rules.
    #[must_use]
    pub const fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The format of the records.
    #[must_use]
    pub const fn format(&self) -> &Reading {
        &self.reading
    }

    /// The shop's currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The time zone to which times are converted.
    #[must_use]
    pub const fn shop_timezone(&self) -> &TimeZone {
        &self.shop_timezone
    }
}

/// The rules of every topic.
#[derive(Clone, Debug)]
pub struct Rulebook {
    /// For topics without rules of their own.
    pub general: Arc<Rules>,
    /// The rules of individual topics.
    pub topics: BTreeMap<Arc<str>, Arc<Rules>>,
}

impl Rulebook {
    /// The rules for the records of `topic`.
    #[must_use]
    pub fn of(&self, topic: &str) -> &Arc<Rules> {
        self.topics.get(topic).unwrap_or(&self.general)
    }

    /// The ids of the schemas required to decode these records.
    #[must_use]
    pub fn schema_ids(&self, records: &[(TopicPartition, Record)]) -> BTreeSet<SchemaId> {
        let ids = records.iter().map(|(at, record)| self.of(&at.topic).schema_ids(record));
        ids.flatten().collect()
    }

    /// The same rules, limited to what the table `sales` can store.
    #[must_use]
    pub fn within(&self, bounds: SalesBounds) -> Self {
        let within = |rules: &Arc<Rules>| Arc::new(Rules { bounds, ..(**rules).clone() });
        let topics = self.topics.iter().map(|(topic, rules)| (Arc::clone(topic), within(rules)));
        Self { general: within(&self.general), topics: topics.collect() }
    }
}

/// What the columns of the table `sales` can store without loss; by default those of `schema.sql`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SalesBounds {
    /// Whether `order_number` is BIGINT and not INT.
    pub wide_numbers: bool,
    /// Precision and scale if `total` is NUMERIC(p,s); `None` for a plain NUMERIC.
    pub total: Option<(u32, u32)>,
}

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
/// Created only by [`Rules::understand`].
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    key: OrderKey,
    cancelled: bool,
    total: Decimal,
    charges: Decimal,
    items: Vec<Item>,
    sold_at: Option<DateTime>,
    counted_at: Option<DateTime>,
    kept: Option<Box<str>>,
    unmapped: Unmapped,
}

/// Fields of an order's record that no role reads although they can change the order's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unmapped(u8);

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
    product: SmolStr,
    quantity: Decimal,
    amount: Decimal,
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

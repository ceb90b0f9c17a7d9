//! Understands a record: what is found where, what it says, and what it is worth. Pure: no I/O, no
//! clock.
//!
//! In reading order: [`mapping`] says where each role is found; [`text`] makes bytes safe to read;
//! [`decode`] walks a record and hands values to roles; [`value`] reads single values; [`rules`] judge
//! them and make an [`Order`] or a [`Rejection`] of them.
//!
//! - **Invariant:** no number passes through a float, and none is rounded unless the mapping says so.
//! - **Invariant:** decoders know nothing of money, and the rules nothing of a record's format.
//! - **Invariant:** a rejection names places and rules and never quotes the payload.
//! - **Invariant:** time and memory are linear in the payload, and nothing recurses into it beyond
//!   the depth of the mapping.
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the map leads readers of the code through all of its files"
)]

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

/// How the records of one topic are understood; made by [`Rules::new`].
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
    /// The mapping that they are made from.
    #[must_use]
    pub const fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// How the records' bytes are read.
    #[must_use]
    pub const fn format(&self) -> &Reading {
        &self.reading
    }

    /// In which the shop keeps its books.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// To whose wall clock times are converted.
    #[must_use]
    pub const fn shop_timezone(&self) -> &TimeZone {
        &self.shop_timezone
    }
}

/// The rules of every topic.
#[derive(Clone, Debug)]
pub struct Rulebook {
    /// For topics that have none of their own.
    pub general: Arc<Rules>,
    /// Those of single topics.
    pub topics: BTreeMap<Arc<str>, Arc<Rules>>,
}

impl Rulebook {
    /// The rules for the records of `topic`.
    #[must_use]
    pub fn of(&self, topic: &str) -> &Arc<Rules> {
        self.topics.get(topic).unwrap_or(&self.general)
    }

    /// The ids of the schemas without which these records cannot be understood.
    #[must_use]
    pub fn schema_ids(&self, records: &[(TopicPartition, Record)]) -> BTreeSet<SchemaId> {
        let ids = records.iter().map(|(at, record)| self.of(&at.topic).schema_ids(record));
        ids.flatten().collect()
    }

    /// The same rules, within what the table `sales` can hold.
    #[must_use]
    pub fn within(&self, bounds: SalesBounds) -> Self {
        let within = |rules: &Arc<Rules>| Arc::new(Rules { bounds, ..(**rules).clone() });
        let topics = self.topics.iter().map(|(topic, rules)| (Arc::clone(topic), within(rules)));
        Self { general: within(&self.general), topics: topics.collect() }
    }
}

/// What the columns of the table `sales` can hold without loss; by default those of `schema.sql`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SalesBounds {
    /// Whether `order_number` is BIGINT and not INT.
    pub wide_numbers: bool,
    /// Precision and scale where `total` is NUMERIC(p,s); `None` for a plain NUMERIC.
    pub total: Option<(u32, u32)>,
}

/// What a record comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// One order, as most records do.
    Order(Order),
    /// Several orders (at most 9,999), in the order in which the record holds them.
    Orders(Vec<Order>),
    /// Nothing: `mapping.only` or `mapping.tombstones` says that such records are passed over.
    Ignored,
}

impl Meaning {
    /// The orders, in the order in which the record holds them.
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        match self {
            Self::Order(order) => std::slice::from_ref(order),
            Self::Orders(orders) => orders,
            Self::Ignored => &[],
        }
    }

    /// Whether one of the orders counts before `time`, by the shop's clock. One of which nobody knows
    /// when it was sold, and one that is cancelled, does not.
    #[must_use]
    pub fn is_before(&self, time: DateTime) -> bool {
        self.orders().iter().any(|order| order.counted_at.is_some_and(|at| at < time))
    }
}

/// An order understood: which one it is, what it is worth, and which products it names.
///
/// Only [`Rules::understand`] makes one.
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

/// What an order's record names and no role takes up, although it can change what the order is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unmapped(u8);

impl Unmapped {
    /// Every kind of field that this tells of, by its name in metrics and logs.
    pub const KINDS: [&'static str; 5] = ["product", "status", "currency", "charge", "minor_units"];

    /// The kinds that were found, as indices into [`Self::KINDS`].
    pub fn kinds(self) -> impl Iterator<Item = usize> {
        (0..Self::KINDS.len()).filter(move |kind| self.0 & (1 << kind) != 0)
    }

    /// Whether nothing was found.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What tells orders apart; number 17 and id "17" are two orders.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderKey {
    /// The order has a number.
    Number(i64),
    /// The order has an id, a text of 1 to 200 characters, without U+0000.
    Id(String),
}

/// A product that an order names.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    product: String,
    quantity: Decimal,
    amount: Decimal,
}

impl Order {
    /// The order's number or its id.
    #[must_use]
    pub const fn key(&self) -> &OrderKey {
        &self.key
    }

    /// The order's number, if that is what it has.
    #[must_use]
    pub const fn number(&self) -> Option<i64> {
        match self.key {
            OrderKey::Number(number) => Some(number),
            OrderKey::Id(_) => None,
        }
    }

    /// The order's id, if that is what it has.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match &self.key {
            OrderKey::Number(_) => None,
            OrderKey::Id(id) => Some(id),
        }
    }

    /// Whether the record says that the order was cancelled: it then has a key and nothing else.
    #[must_use]
    pub const fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// What the order is worth, lines and charges together: exact, in its shortest form with 2 to 8
    /// decimals; 0 or more unless the mapping allows returns.
    #[must_use]
    pub const fn total(&self) -> Decimal {
        self.total
    }

    /// Shipping and tax less discounts: what is in the total and in no line.
    #[must_use]
    pub const fn charges(&self) -> Decimal {
        self.charges
    }

    /// The fields of the shop's own that `mapping.keep` names, as a JSON object; `None` where the
    /// record has none of them.
    #[must_use]
    pub fn kept(&self) -> Option<&str> {
        self.kept.as_deref()
    }

    /// What the record names and no role takes up.
    #[must_use]
    pub const fn unmapped(&self) -> Unmapped {
        self.unmapped
    }

    /// The items that name a product, in the order in which they were given.
    ///
    /// Their amounts sum to the total, unless there were items without a product.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// When it was sold, by the wall clock that was stated, or the shop's if an offset was stated
    /// with it; to the microsecond, in the years 1 to 9999.
    #[must_use]
    pub const fn sold_at(&self) -> Option<DateTime> {
        self.sold_at
    }

    /// When it counts in sums by hour and day: [`Self::sold_at`], or else the record's own timestamp on
    /// the shop's wall clock. `None` where neither is known, and for cancelled orders.
    #[must_use]
    pub const fn counted_at(&self) -> Option<DateTime> {
        self.counted_at
    }

    /// Whether the order has a row in `sales`: every order with a number does, unless it was
    /// cancelled.
    #[must_use]
    pub const fn is_in_sales(&self) -> bool {
        matches!(self.key, OrderKey::Number(_)) && !self.cancelled
    }

    /// Whether the order has a row in `orders`: one with an id does, or one that names products, or
    /// has kept fields, or was cancelled.
    #[must_use]
    pub const fn is_in_orders(&self) -> bool {
        matches!(self.key, OrderKey::Id(_))
            || self.cancelled
            || !self.items.is_empty()
            || self.kept.is_some()
    }
}

impl Item {
    /// The product's name: 1 to 200 characters as they were given, without U+0000.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.product
    }

    /// How much of it: above 0 and below 1,000,000, up to 4 decimals, without trailing zeros.
    #[must_use]
    pub const fn quantity(&self) -> Decimal {
        self.quantity
    }

    /// What it is worth: exact, 0 or more, in its shortest form with 2 to 8 decimals.
    #[must_use]
    pub const fn amount(&self) -> Decimal {
        self.amount
    }
}

/// Prints what kind of order it is: its contents are the payload's and never reach a log.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("items", &self.items.len()).finish_non_exhaustive()
    }
}

/// Prints which of the two it is, and not what it says.
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

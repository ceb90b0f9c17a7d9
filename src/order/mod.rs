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
mod meaning;
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
    sync::Arc,
};

use jiff::tz::TimeZone;

pub use currency::Currency;
pub use mapping::{
    DecimalForm, Identity, Mapping, MappingError, MappingSettings, Only, PLACES_LIMIT, Place, Role,
    Step, Tombstones,
};
pub use meaning::{Item, Meaning, Order, OrderKey, Unmapped};
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

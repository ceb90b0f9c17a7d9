//! The rules that turn a record's values into orders, in the order in which they are applied. They
//! are independent of the record's format.

mod charges;
mod encoded;
mod identity;
mod kept;
mod lines;
mod number;
mod outside;
mod stored;
mod total;

use bumpalo::Bump;
use bytes::Bytes;
use jiff::{civil::DateTime, tz::TimeZone};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{
    Currency, Meaning, Order, OrderKey, Reason, Rejection, Rules, SalesBounds, Unmapped,
    decode::{Decoded, Document, Duplicate, Sink},
    mapping::{Mapping, Role, Tombstones, suspects},
    value::{Value, decimal, time},
};
use crate::{
    format::{Reading, SchemaId, Schemas},
    kafka::{Record, TopicPartition},
};

use charges::Charges;
use lines::Lines;
pub(super) use number::Numbers;

impl Rules {
    /// The rules of a mapping, for a shop with this time zone and currency.
    #[must_use]
    pub fn new(mapping: Mapping, shop_timezone: TimeZone, currency: Currency) -> Self {
        let settings = mapping.settings();
        let times = time::Times {
            shop: shop_timezone.clone(),
            zoneless: settings.times_without_zone.clone(),
            format: settings.sold_at_format.clone(),
        };
        let numbers = Numbers::new(settings, &currency);
        let (reading, bounds) = (Reading::default(), SalesBounds::default());
        Self { mapping, reading, shop_timezone, currency, times, numbers, bounds }
    }

    /// The same rules for records in this format; the default is JSON.
    #[must_use]
    pub fn reading(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    /// The rules of the built-in names.
    #[must_use]
    pub fn built_in(shop_timezone: TimeZone) -> Self {
        Self::new(Mapping::default(), shop_timezone, Currency::default())
    }

    /// [`Self::understand`] for a record that has only a value.
    ///
    /// # Errors
    /// As [`Self::understand`].
    pub fn understand_value(&self, payload: Option<&[u8]>) -> Result<Meaning, Rejection> {
        let partition = TopicPartition { topic: "".into(), partition: 0, topic_id: Uuid::nil() };
        let payload = payload.map(Bytes::copy_from_slice);
        let record = Record { payload, ..Record::default() };
        self.understand(&partition, &record, &Schemas::default())
    }

    /// The meaning of a record. It is accepted or rejected as a whole, only by the mapping's roles;
    /// other fields are ignored. `schemas` contains those of [`Self::schema_ids`].
    ///
    /// # Errors
    /// A [`Rejection`] with the first rule that the record violates. It never quotes the payload.
    pub fn understand(
        &self,
        partition: &TopicPartition,
        record: &Record,
        schemas: &Schemas,
    ) -> Result<Meaning, Rejection> {
        let mapping = &self.mapping;
        let arena = Bump::new();
        let mut sink = Sink::new(mapping);
        if mapping.reads_outside_value() {
            self.outside(&mut sink, (partition, record), schemas, &arena);
        }
        let Some(payload) = &record.payload else {
            return self.tombstone(&sink.decoded());
        };
        let encoded = self.reading.value(payload, schemas).map_err(encoded::unreadable)?;
        encoded::read(encoded, mapping.root(), &mut sink, &arena)?;
        let decoded = sink.decoded();
        // If reading was aborted, the value that decides whether the record counts may not have
        // been read.
        if !decoded.aborted && !self.counts(&decoded) {
            return Ok(Meaning::Ignored);
        }
        if let Some(problem) = decoded.problem {
            return Err(problem.clone());
        }
        let shared = decoded.shared;
        if let Some(document) = decoded.single {
            return Ok(Meaning::Order(self.order(document, shared, None, record)?));
        }
        let documents = decoded.documents.iter().enumerate();
        let orders: Vec<_> = documents
            .map(|(index, document)| self.order(document, shared, Some(index), record))
            .collect::<Result<_, _>>()?;
        Ok(if orders.is_empty() { Meaning::Ignored } else { Meaning::Orders(orders) })
    }

    /// The ids of the schemas required to decode the record.
    pub fn schema_ids(&self, record: &Record) -> impl Iterator<Item = SchemaId> {
        let of_value = record.payload.as_deref().and_then(|it| self.reading.schema_id(it, false));
        let key = record.key.as_deref().filter(|_| self.mapping.reads_key());
        let of_key = key.and_then(|it| self.reading.schema_id(it, true));
        of_value.into_iter().chain(of_key)
    }

    /// Whether `mapping.only` accepts the record.
    fn counts(&self, decoded: &Decoded<'_, '_>) -> bool {
        self.mapping.settings().only.as_ref().is_none_or(|only| {
            decoded.only.stated().is_some_and(|(value, _)| value.is_one_of(&only.is))
        })
    }

    fn tombstone(&self, decoded: &Decoded<'_, '_>) -> Result<Meaning, Rejection> {
        match self.mapping.settings().tombstones {
            Tombstones::DeadLetter => {
                Err(Rejection::new(Reason::Tombstone, "the record has no value (a tombstone)"))
            }
            Tombstones::Ignore => Ok(Meaning::Ignored),
            Tombstones::Cancel => {
                let document = Document::default();
                let key = self.key(&document, decoded.shared, None)?;
                Ok(Meaning::Order(cancelled(key)))
            }
        }
    }

    /// `index` is the order's index in a `record` of several orders.
    fn order(
        &self,
        document: &Document<'_>,
        shared: Option<&Document<'_>>,
        index: Option<usize>,
        record: &Record,
    ) -> Result<Order, Rejection> {
        if let Some(problem) = &document.items.problem {
            return Err(problem.clone());
        }
        self.reject_duplicates(document)?;
        let key = self.key(document, shared, index)?;
        if self.is_cancelled(document, shared)? {
            return Ok(cancelled(key));
        }
        self.same_currency(document, shared)?;
        let sold_at = self.sold_at(document, shared)?;
        let charges = Charges::of(self, document)?;
        let stated = self.total(document, shared)?;
        let worth = Lines::of(self, document).worth(stated, &charges)?;
        let mut unmapped = document.suspects | shared.map_or(0, |shared| shared.suspects);
        if !worth.items.is_empty() {
            unmapped &= !suspects::PRODUCT;
        }
        let order = Order {
            key,
            cancelled: false,
            total: worth.total,
            charges: worth.charges,
            items: worth.items,
            sold_at,
            counted_at: sold_at.or_else(|| time::of_record(record, &self.times)),
            kept: kept::json(self, document, shared)?,
            unmapped: Unmapped(unmapped),
        };
        self.fits(&order)?;
        Ok(order)
    }
}

impl Rules {
    fn reject_duplicates(&self, document: &Document<'_>) -> Result<(), Rejection> {
        let Some((item, role, duplicate)) = document.duplicate() else { return Ok(()) };
        let place = match (item, document.items.list) {
            (Some(index), Some((_, list))) => format!("{}[{index}]", self.mapping.name(list)),
            _ => "the order".to_owned(),
        };
        Err(self.duplicate(&place, role, duplicate))
    }

    /// `place` is the object with the duplicate role.
    fn duplicate(&self, place: &str, role: Role, duplicate: Duplicate) -> Rejection {
        let (earlier, later) =
            (self.mapping.name(duplicate.earlier), self.mapping.name(duplicate.later));
        let detail = if earlier == later {
            format!("{place} contains {later} twice")
        } else {
            format!("{place} contains both {earlier} and {later}, which are the same role ({role})")
        };
        Rejection::new(Reason::DuplicateField, detail)
    }

    fn is_cancelled(
        &self,
        document: &Document<'_>,
        shared: Option<&Document<'_>>,
    ) -> Result<bool, Rejection> {
        let slot = document.status.first(shared.map(|shared| &shared.status));
        let Some((value, place)) = slot.stated() else { return Ok(false) };
        if matches!(value, Value::Text(_) | Value::Number(_) | Value::Exact(_) | Value::Flag(_)) {
            return Ok(value.is_one_of(&self.mapping.settings().cancelled));
        }
        let detail = format!("{} must be text, a number, true or false", self.mapping.name(place));
        Err(Rejection::new(Reason::InvalidStatus, detail))
    }

    fn same_currency(
        &self,
        document: &Document<'_>,
        shared: Option<&Document<'_>>,
    ) -> Result<(), Rejection> {
        let slot = document.currency.first(shared.map(|shared| &shared.currency));
        let Some((value, place)) = slot.stated() else { return Ok(()) };
        if matches!(&value, Value::Text(text) if **text == *self.currency.code()) {
            return Ok(());
        }
        let name = self.mapping.name(place);
        let detail = format!("{name} must be {} (orders.currency)", self.currency.code());
        Err(Rejection::new(Reason::OtherCurrency, detail))
    }

    fn sold_at(
        &self,
        document: &Document<'_>,
        shared: Option<&Document<'_>>,
    ) -> Result<Option<DateTime>, Rejection> {
        let slot = document.sold_at.first(shared.map(|shared| &shared.sold_at));
        let Some((value, place)) = slot.stated() else { return Ok(None) };
        time::parse(&value, &self.times).map(Some).map_err(|rule| {
            let name = self.mapping.name(place);
            Rejection::new(Reason::InvalidDate, format!("{name} {rule}"))
        })
    }

    /// The stated total, in units of 10^-4.
    fn total(
        &self,
        document: &Document<'_>,
        shared: Option<&Document<'_>>,
    ) -> Result<Option<i128>, Rejection> {
        let slot = document.total.first(shared.map(|shared| &shared.total));
        let Some((value, place)) = slot.stated() else { return Ok(None) };
        let name = || self.mapping.name(place).to_owned();
        let total = self.numbers.money(&value, decimal::TOTAL, name)?;
        if total < 0 && !self.mapping.settings().returns {
            let detail = format!("{} must be 0 or more", name());
            return Err(Rejection::new(Reason::NegativeTotal, detail));
        }
        Ok(Some(total))
    }

    /// Checks that the row of `sales` can store the order without loss.
    fn fits(&self, order: &Order) -> Result<(), Rejection> {
        let Some((precision, scale)) = self.bounds.total.filter(|_| order.is_in_sales()) else {
            return Ok(());
        };
        let total = order.total.normalize();
        let digits = total.mantissa().unsigned_abs().checked_ilog10().map_or(0, |it| it + 1);
        let whole = digits.saturating_sub(total.scale());
        if total.scale() <= scale && whole + scale <= precision {
            return Ok(());
        }
        let detail =
            format!("the total must fit the column sales.total, NUMERIC({precision},{scale})");
        Err(Rejection::new(Reason::OutOfRange, detail))
    }
}

fn cancelled(key: OrderKey) -> Order {
    Order {
        key,
        cancelled: true,
        total: Decimal::ZERO,
        charges: Decimal::ZERO,
        items: Vec::new(),
        sold_at: None,
        counted_at: None,
        kept: None,
        unmapped: Unmapped::default(),
    }
}

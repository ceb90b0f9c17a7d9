//! A batch in columnar form for PostgreSQL: one array per column, and one for all rows of `orders`.

use tokio_postgres::types::Type;

use super::{
    notes::Notes,
    numeric::Numeric,
    rows::{OrderRow, WallClock},
    session::Parameter,
};
use crate::{
    kafka::Record,
    order::{OrderKey, Rejection},
    process::ProcessedBatch,
};

/// The rows for `sales`, and the numbers among them that have no row in `orders`.
///
/// Sorted by key: writers that lock rows in the same order cannot deadlock.
#[derive(Debug, Default)]
pub(super) struct Sales {
    pub(super) numbers: Vec<i64>,
    pub(super) totals: Vec<Numeric>,
    /// When each order counts, in the shop's time zone.
    pub(super) counted_at: Vec<Option<WallClock>>,
    /// How many dead letters of the batch precede each order.
    pub(super) letters_before: Vec<i32>,
    /// The orders without a row in `orders`.
    pub(super) unlisted: Vec<i64>,
}

/// The rows for `dead_letters`, in offset order.
#[derive(Debug, Default)]
pub(super) struct DeadLetters<'a> {
    pub(super) offsets: Vec<i64>,
    pub(super) keys: Vec<Option<&'a [u8]>>,
    pub(super) payloads: Vec<Option<&'a [u8]>>,
    pub(super) reasons: Vec<&'static str>,
    pub(super) details: Vec<&'a str>,
    pub(super) timestamps: Vec<Option<i64>>,
    /// `None` if the record has no headers.
    pub(super) headers: Vec<Option<&'a [u8]>>,
}

impl Sales {
    pub(super) fn parameters(&self) -> [Parameter<'_>; 4] {
        [
            (&self.numbers, Type::INT8_ARRAY),
            (&self.totals, Type::NUMERIC_ARRAY),
            (&self.counted_at, Type::TIMESTAMP_ARRAY),
            (&self.letters_before, Type::INT4_ARRAY),
        ]
    }
}

impl<'a> DeadLetters<'a> {
    pub(super) fn parameters(&self) -> [Parameter<'_>; 7] {
        [
            (&self.offsets, Type::INT8_ARRAY),
            (&self.keys, Type::BYTEA_ARRAY),
            (&self.payloads, Type::BYTEA_ARRAY),
            (&self.reasons, Type::TEXT_ARRAY),
            (&self.details, Type::TEXT_ARRAY),
            (&self.timestamps, Type::INT8_ARRAY),
            (&self.headers, Type::BYTEA_ARRAY),
        ]
    }

    fn push(&mut self, record: &'a Record, rejection: &'a Rejection) {
        self.offsets.push(record.offset);
        self.keys.push(record.key.as_deref());
        self.payloads.push(record.payload.as_deref());
        self.reasons.push(rejection.reason().code());
        self.details.push(rejection.detail());
        self.timestamps.push(record.timestamp);
        self.headers.push(Some(&*record.headers.0).filter(|headers| !headers.is_empty()));
    }
}

/// A fixed-size prefix of a key that sorts like the key. It is stored inline in the sorted rows and
/// decides most comparisons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Number(i64),
    Id(u64),
}

impl Rank {
    fn of(key: &OrderKey) -> Self {
        match key {
            OrderKey::Number(number) => Self::Number(*number),
            OrderKey::Id(id) => {
                let mut first = [0; 8];
                for (to, from) in first.iter_mut().zip(id.bytes()) {
                    *to = from;
                }
                Self::Id(u64::from_be_bytes(first))
            }
        }
    }
}

/// All columns of a batch. If an order occurs several times, only its last version is written.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    pub(super) sales: Sales,
    /// The rows for `orders`, sorted by key.
    pub(super) orders: Vec<OrderRow<'a>>,
    pub(super) dead_letters: DeadLetters<'a>,
    /// What the orders add to the sums.
    pub(super) notes: Notes<'a>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a ProcessedBatch) -> Self {
        let mut columns = Self::default();
        let mut understood = Vec::with_capacity(batch.outcomes().len());
        let mut letters = 0;
        for outcome in batch.outcomes() {
            match &outcome.result {
                Ok(meaning) => {
                    let orders = meaning.orders().iter();
                    understood.extend(orders.map(|order| (Rank::of(order.key()), order, letters)));
                }
                Err(rejection) => {
                    letters += 1;
                    columns.dead_letters.push(&outcome.record, rejection);
                }
            }
        }
        // A stable sort keeps the versions of an order in sequence.
        understood.sort_by(|(rank, one, _), (next_rank, next, _)| {
            rank.cmp(next_rank).then_with(|| one.key().cmp(next.key()))
        });
        for versions in understood.chunk_by(|(_, one, _), (_, next, _)| one.key() == next.key()) {
            let Some(&(_, order, letters_before)) = versions.last() else { continue };
            columns.notes.add(order);
            // A trigger removes cancelled orders from `sales` (see `schema.sql`).
            if let Some(number) = order.number().filter(|_| order.is_in_sales()) {
                columns.sales.numbers.push(number);
                columns.sales.totals.push(Numeric(order.total()));
                columns.sales.counted_at.push(order.counted_at().map(WallClock));
                columns.sales.letters_before.push(letters_before);
                if !order.is_in_orders() {
                    columns.sales.unlisted.push(number);
                }
            }
            if order.is_in_orders() {
                columns.orders.push(OrderRow::new(order, letters_before));
            }
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::Columns;
    use crate::{
        order::{Meaning, OrderKey, sample},
        process::tests::{batch_of, processed},
    };

    #[tokio::test]
    async fn the_last_of_a_batch_wins_and_every_table_gets_an_order_once_sorted() {
        let batch = processed(&[
            r#"{"order_number": 9, "order_items": [{"qty": 1, "value_unit": 1, "product": "a"}]}"#,
            r#"{"order_number": -3, "order_items": [{"qty": 1, "value_unit": 2}]}"#,
            r#"{"order_id": "9", "total": 5}"#,
            r#"{"order_number": 9, "order_items": [{"qty": 1, "value_unit": 3}]}"#,
        ])
        .await;
        let Columns { sales, orders, .. } = Columns::of(&batch);
        assert_eq!(sales.numbers, [-3, 9]);
        let totals: Vec<_> = sales.totals.iter().map(|total| total.0.to_string()).collect();
        assert_eq!(totals, ["2.00", "3.00"]);
        assert_eq!(sales.unlisted, [-3, 9]);
        let keys: Vec<_> = orders.iter().map(|row| (&*row.order_id, row.numbered)).collect();
        assert_eq!(keys, [("9", false)]);
    }

    #[test]
    fn a_cancelled_order_goes_into_orders_alone_unless_a_later_version_is_valid() {
        let number = OrderKey::Number;
        let batch = batch_of(vec![
            Meaning::Orders(vec![sample::cancelled(number(1)), sample::order(number(2), "5.00")]),
            Meaning::Ignored,
            Meaning::Orders(vec![sample::order(number(1), "3.00"), sample::cancelled(number(2))]),
        ]);
        let columns = Columns::of(&batch);
        assert_eq!((&*columns.sales.numbers, &*columns.sales.unlisted), (&[1][..], &[1][..]));
        let keys: Vec<_> =
            columns.orders.iter().map(|row| (&*row.order_id, row.numbered)).collect();
        assert_eq!(keys, [("2", true)]);
    }
}

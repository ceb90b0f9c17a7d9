//! A batch as PostgreSQL takes it: one array for each column, and one for all rows of `orders`.

use rust_decimal::Decimal;

use super::rows::OrderRow;
use crate::process::ProcessedBatch;

/// What goes into `sales`, and which of those orders name no product.
///
/// Sorted by key, since writers that lock rows in the same order cannot deadlock.
#[derive(Debug, Default)]
pub(super) struct Sales {
    pub(super) numbers: Vec<i64>,
    pub(super) totals: Vec<Decimal>,
    /// How many dead letters of the batch stand before each.
    pub(super) letters_before: Vec<i32>,
    /// Those that name no product.
    pub(super) unlisted: Vec<i64>,
}

/// What goes into `dead_letters`, in the order of their offsets.
#[derive(Debug, Default)]
pub(super) struct DeadLetters<'a> {
    pub(super) offsets: Vec<i64>,
    pub(super) keys: Vec<Option<&'a [u8]>>,
    pub(super) payloads: Vec<Option<&'a [u8]>>,
    pub(super) reasons: Vec<&'static str>,
    pub(super) details: Vec<&'a str>,
}

/// All of a batch. The same order twice: the last one wins, and each table gets it once.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    pub(super) sales: Sales,
    /// What goes into `orders`, sorted by key.
    pub(super) orders: Vec<OrderRow<'a>>,
    pub(super) dead_letters: DeadLetters<'a>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a ProcessedBatch) -> Self {
        let mut columns = Self::default();
        let mut understood = Vec::with_capacity(batch.outcomes().len());
        let mut letters = 0;
        for outcome in batch.outcomes() {
            match &outcome.result {
                Ok(meaning) => {
                    understood.extend(meaning.orders().iter().map(|order| (order, letters)));
                }
                Err(rejection) => {
                    letters += 1;
                    let dead_letters = &mut columns.dead_letters;
                    dead_letters.offsets.push(outcome.record.offset);
                    dead_letters.keys.push(outcome.record.key.as_deref());
                    dead_letters.payloads.push(outcome.record.payload.as_deref());
                    dead_letters.reasons.push(rejection.reason().code());
                    dead_letters.details.push(rejection.detail());
                }
            }
        }
        // Stable, so that the last version of an order is still the last.
        understood.sort_by_key(|&(order, _)| order.key());
        for versions in understood.chunk_by(|(one, _), (next, _)| one.key() == next.key()) {
            let Some(&(order, letters_before)) = versions.last() else { continue };
            if let Some(number) = order.number() {
                columns.sales.numbers.push(number);
                columns.sales.totals.push(order.total());
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

    /// Whether `sales` is all that the batch touches.
    pub(super) fn only_sales(&self) -> bool {
        self.orders.is_empty() && self.dead_letters.offsets.is_empty()
    }

    /// Whether `orders` is all that the batch touches.
    pub(super) fn only_orders(&self) -> bool {
        self.sales.numbers.is_empty() && self.dead_letters.offsets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Columns;
    use crate::process::tests::processed;

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
        let totals: Vec<_> = sales.totals.iter().map(ToString::to_string).collect();
        assert_eq!(totals, ["2.00", "3.00"]);
        assert_eq!(sales.unlisted, [-3, 9]);
        let keys: Vec<_> = orders.iter().map(|row| (&*row.order_id, row.numbered)).collect();
        assert_eq!(keys, [("9", false)]);
    }
}

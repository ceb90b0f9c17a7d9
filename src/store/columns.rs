//! A batch as PostgreSQL takes it: one array for each column.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::{
    order::{Item, Order},
    process::ProcessedBatch,
};

/// What goes into `sales`, and which of those orders name no product.
///
/// Sorted by key, since writers that lock rows in the same order cannot deadlock.
#[derive(Debug, Default)]
pub(super) struct Sales {
    pub(super) numbers: Vec<i32>,
    pub(super) totals: Vec<Decimal>,
    /// How many dead letters of the batch stand before each.
    pub(super) letters_before: Vec<i32>,
    /// The numbers without products, as `orders` would spell them.
    pub(super) unlisted: Vec<String>,
}

/// What goes into `orders`, sorted by key.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) ids: Vec<String>,
    pub(super) numbered: Vec<bool>,
    pub(super) totals: Vec<Decimal>,
    pub(super) items: Vec<String>,
    /// In ISO 8601, since the binary form is refused on the last days of year 9999.
    pub(super) sold_at: Vec<Option<String>>,
    /// How many dead letters of the batch stand before each.
    pub(super) letters_before: Vec<i32>,
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
    pub(super) orders: Orders,
    pub(super) dead_letters: DeadLetters<'a>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a ProcessedBatch) -> Self {
        let mut newest = BTreeMap::new();
        let mut dead_letters = DeadLetters::default();
        let mut letters = 0;
        for outcome in batch.outcomes() {
            match &outcome.result {
                Ok(order) => {
                    newest.insert((order.id(), order.number()), (order, letters));
                }
                Err(rejection) => {
                    letters += 1;
                    dead_letters.offsets.push(outcome.record.offset);
                    dead_letters.keys.push(outcome.record.key.as_deref());
                    dead_letters.payloads.push(outcome.record.payload.as_deref());
                    dead_letters.reasons.push(rejection.reason().code());
                    dead_letters.details.push(rejection.detail());
                }
            }
        }
        let (mut sales, mut orders) = (Sales::default(), Orders::default());
        for (order, letters_before) in newest.into_values() {
            match order.number() {
                Some(number) => {
                    sales.numbers.push(number);
                    sales.totals.push(order.total());
                    sales.letters_before.push(letters_before);
                    if order.is_in_orders() {
                        orders.push(number.to_string(), true, order);
                        orders.letters_before.push(letters_before);
                    } else {
                        sales.unlisted.push(number.to_string());
                    }
                }
                None => {
                    orders.push(order.id().unwrap_or_default().to_owned(), false, order);
                    orders.letters_before.push(letters_before);
                }
            }
        }
        Self { sales, orders, dead_letters }
    }

    /// Whether `sales` is all that the batch touches.
    pub(super) fn only_sales(&self) -> bool {
        self.orders.ids.is_empty() && self.dead_letters.offsets.is_empty()
    }
}

impl Orders {
    pub(super) fn push(&mut self, id: String, numbered: bool, order: &Order) {
        self.ids.push(id);
        self.numbered.push(numbered);
        self.totals.push(order.total());
        self.items.push(items_literal(order.items()));
        self.sold_at.push(order.sold_at().map(|time| time.to_string()));
    }
}

/// `order_item[]` as text: an array literal of row literals, each quoted in full (PostgreSQL
/// manual, 8.15.6 and 8.16.6). A composite type has no fixed OID, so its binary form would need one
/// more question to the server for each connection.
fn items_literal(items: &[Item]) -> String {
    let mut literal = String::with_capacity(2 + items.len() * 48);
    literal.push('{');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            literal.push(',');
        }
        literal.push_str(r#""(\""#);
        for character in item.product().chars() {
            // Within a row literal `"` and `\` are escaped once, within the array once more.
            match character {
                '"' => literal.push_str(r#"\\\""#),
                '\\' => literal.push_str(r"\\\\"),
                other => literal.push(other),
            }
        }
        literal.push_str(r#"\","#);
        literal.push_str(&item.quantity().to_string());
        literal.push(',');
        literal.push_str(&item.amount().to_string());
        literal.push_str(r#")""#);
    }
    literal.push('}');
    literal
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
        assert_eq!(sales.unlisted, ["-3", "9"]);
        assert_eq!((orders.ids, orders.numbered), (vec!["9".to_owned()], vec![false]));
    }
}

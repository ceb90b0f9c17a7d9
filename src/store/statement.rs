//! The statement that commits a batch, assembled from one section for each table that the batch
//! writes (`sql/commit/`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::process::ProcessedBatch;

/// How rows are written to `sales` and `orders`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteMode {
    /// Insert new rows without looking up existing ones: half the work. If an order already exists,
    /// the statement writes nothing.
    Insert,
    /// Insert rows or replace existing ones.
    Upsert,
}

/// What a batch writes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitStatement {
    pub(super) mode: WriteMode,
    pub(super) sales: bool,
    /// Whether it has orders with a row in `sales` but none in `orders`.
    pub(super) unlisted: bool,
    pub(super) orders: bool,
    pub(super) dead_letters: bool,
}

/// The parameters of the frame, in order.
pub(super) const STEP: [&str; 10] = [
    "topic",
    "partition",
    "topic_id",
    "from",
    "to",
    "leader_epoch",
    "instance",
    "judged_by",
    "synchronous_commit",
    "noted",
];
/// The parameters of each section.
pub(super) const ORDERS: [&str; 10] = [
    "orders",
    "order_hours",
    "hour_orders",
    "hour_totals",
    "hour_charges",
    "days",
    "products",
    "product_orders",
    "quantities",
    "amounts",
];
pub(super) const UNLISTED: [&str; 1] = ["unlisted"];
pub(super) const SALES: [&str; 7] = [
    "numbers",
    "totals",
    "counted_at",
    "letters_before",
    "sale_hours",
    "hour_sales",
    "hour_sale_totals",
];
pub(super) const DEAD_LETTERS: [&str; 7] =
    ["offsets", "keys", "payloads", "reasons", "details", "timestamps", "headers"];

const UPSERT_ORDER: &str = "ON CONFLICT (order_id, numbered) DO UPDATE \
    SET total = excluded.total, items = excluded.items, sold_at = excluded.sold_at, \
        charges = excluded.charges, kept = excluded.kept, cancelled = excluded.cancelled, \
        counted_at = excluded.counted_at, processed_at = excluded.processed_at";
const UPSERT_SALE: &str = "ON CONFLICT (order_number) DO UPDATE \
    SET total = excluded.total, counted_at = excluded.counted_at, processed_at = excluded.processed_at";

impl CommitStatement {
    /// Whether it fails if an order already exists.
    #[must_use]
    pub fn inserts(self) -> bool {
        self.mode == WriteMode::Insert && (self.sales || self.orders)
    }

    /// The statement for this batch.
    pub(super) fn of(batch: &ProcessedBatch, mode: WriteMode) -> Self {
        let nothing =
            Self { mode, sales: false, unlisted: false, orders: false, dead_letters: false };
        batch.outcomes().iter().fold(nothing, |mut statement, outcome| {
            match &outcome.result {
                Ok(meaning) => {
                    for order in meaning.orders() {
                        let (in_sales, in_orders) = (order.is_in_sales(), order.is_in_orders());
                        statement.sales |= in_sales;
                        statement.orders |= in_orders;
                        statement.unlisted |= in_sales && !in_orders;
                    }
                }
                Err(_) => statement.dead_letters = true,
            }
            statement
        })
    }

    fn text(self, schema: &str) -> String {
        let upserts = self.mode == WriteMode::Upsert;
        let mut sections = String::new();
        let mut names = STEP.to_vec();
        let mut add = |there: bool, sql: &str, parameters: &[&'static str]| {
            if there {
                sections.push_str(sql.trim_end());
                names.extend(parameters);
            }
        };
        add(self.orders, include_str!("sql/commit/orders.sql"), &ORDERS);
        let unlisted = if upserts { include_str!("sql/commit/unlisted.sql") } else { "" };
        add(self.unlisted, unlisted, &UNLISTED);
        add(self.sales, include_str!("sql/commit/sales.sql"), &SALES);
        add(self.dead_letters, include_str!("sql/commit/dead_letters.sql"), &DEAD_LETTERS);

        let looks = self.unlisted && !upserts;
        let mut text = include_str!("sql/commit/commit.sql")
            .replace("{sections}", &sections)
            .replace("{listed}", if looks { include_str!("sql/commit/listed.sql") } else { "" })
            .replace(
                "{none_listed}",
                if looks { "NOT EXISTS (SELECT FROM listed)" } else { "true" },
            )
            .replace("{on_order_conflict}", if upserts { UPSERT_ORDER } else { "" })
            .replace("{on_sale_conflict}", if upserts { UPSERT_SALE } else { "" })
            .replace(
                "{processed_at}",
                match self.dead_letters {
                    true => "moved.processed_at + batch.letters_before * INTERVAL '1 microsecond'",
                    false => "moved.processed_at",
                },
            )
            .replace("{schema}", schema);
        for (index, name) in names.iter().enumerate() {
            text = text.replace(&format!("{{{name}}}"), &format!("${}", index + 1));
        }
        text
    }
}

/// The text of each statement, built at its first use.
#[derive(Debug)]
pub(super) struct CommitTexts {
    schema: String,
    texts: Mutex<HashMap<CommitStatement, Arc<str>>>,
}

impl CommitTexts {
    /// For tables in `schema`, a quoted identifier.
    pub(super) fn new(schema: String) -> Self {
        Self { schema, texts: Mutex::default() }
    }

    pub(super) fn of(&self, statement: CommitStatement) -> Arc<str> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts.entry(statement).or_insert_with(|| statement.text(&self.schema).into());
        Arc::clone(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        order::{Meaning, OrderKey, sample},
        process::tests::{batch_of, processed},
    };

    const NOTHING: CommitStatement = CommitStatement {
        mode: WriteMode::Insert,
        sales: false,
        unlisted: false,
        orders: false,
        dead_letters: false,
    };

    #[tokio::test]
    async fn a_batch_has_the_sections_that_it_writes() {
        let of = |batch| CommitStatement::of(&batch, WriteMode::Insert);
        let cancelled = batch_of(vec![Meaning::Order(sample::cancelled(OrderKey::Number(1)))]);
        assert_eq!(of(cancelled), CommitStatement { orders: true, ..NOTHING });
        let plain = batch_of(vec![Meaning::Order(sample::order(OrderKey::Number(1), "1"))]);
        assert_eq!(of(plain), CommitStatement { sales: true, unlisted: true, ..NOTHING });
        assert_eq!(of(processed(&["{}"]).await), CommitStatement { dead_letters: true, ..NOTHING });
        assert!(!of(processed(&["{}"]).await).inserts());
    }

    #[test]
    fn every_statement_has_each_of_its_parameters_and_no_placeholder_is_left() {
        for bits in 0..32 {
            let bit = |n: u32| bits >> n & 1 == 1;
            let mode = if bit(0) { WriteMode::Insert } else { WriteMode::Upsert };
            let (sales, unlisted, orders, dead_letters) = (bit(1), bit(2), bit(3), bit(4));
            let statement = CommitStatement { mode, sales, unlisted, orders, dead_letters };
            let text = statement.text("s");
            assert!(!text.contains('{'), "{statement:?}: {text}");
            let sections = [
                (true, STEP.len()),
                (sales, SALES.len()),
                (unlisted, UNLISTED.len()),
                (orders, ORDERS.len()),
                (dead_letters, DEAD_LETTERS.len()),
            ];
            let count: usize = sections.iter().filter(|(there, _)| *there).map(|(_, n)| n).sum();
            for number in 1..=count {
                let parameter = format!("${number}");
                let there = text.match_indices(&parameter).any(|(at, _)| {
                    !text[at + parameter.len()..].starts_with(|next: char| next.is_ascii_digit())
                });
                assert!(there, "{parameter} of {statement:?}: {text}");
            }
            assert!(!text.contains(&format!("${}", count + 1)), "{statement:?}: {text}");
        }
    }
}

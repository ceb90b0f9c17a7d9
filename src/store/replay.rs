//! Replays dead letters: the order's effect and the letter's mark, in one transaction.
//!
//! A letter's order is older than whatever was read after it, and so it must not overwrite a version
//! that was processed later than the letter failed (`sql/replay.sql` says how that is known).
//! Commands that change letters do so one after the other, a few letters at a time; whoever works
//! partitions meanwhile locks rows in the same order: letters, sales, orders.

use bytes::Bytes;
use jiff::Timestamp;
use tokio_postgres::types::{ToSql, Type};

use super::{
    LetterFilter, Store, StoreError, dead_letters::FILTER, rows::OrderRow, session::Connection,
};
use crate::{
    kafka::{Record, TopicPartition},
    order::{Meaning, Rejection},
};

/// Only one session at a time replays, discards or deletes letters; any number will do that is
/// always the same.
const LETTERS_LOCK: i64 = 0x7665_6e64_6175;

/// The most letters that are read at once, and about the most bytes of them.
const PAGE: i64 = 100;
const PAGE_BYTES: i64 = 16 * 1024 * 1024;

/// The next letters to replay, in the order in which they failed; at least one, however large.
const NEXT_LETTERS: &str = "\
    SELECT id, topic, partition, topic_id, record_offset, key, payload, failed_at FROM ( \
        SELECT page.*, sum(size) OVER (ORDER BY failed_at, id) - size AS size_before FROM ( \
            SELECT id, topic, partition, topic_id, record_offset, key, payload, failed_at, \
                   coalesce(octet_length(payload), 0)::bigint AS size \
            FROM {schema}.dead_letters \
            WHERE {filter} AND replayed_at IS NULL AND (discarded_at IS NULL OR $6) \
              AND ($7::timestamptz IS NULL OR (failed_at, id) > ($7, $8)) \
            ORDER BY failed_at, id LIMIT $9 \
        ) AS page \
    ) AS sized WHERE size_before < $10 ORDER BY failed_at, id";

/// Locks letters that are still as they were read, and counts them.
const LOCK: &str = "\
    SELECT count(*) FROM ( \
        SELECT FROM {schema}.dead_letters \
        JOIN UNNEST($1::bigint[], $2::timestamptz[]) AS batch (letter, failed_at) \
            ON dead_letters.id = batch.letter AND dead_letters.failed_at = batch.failed_at \
        WHERE replayed_at IS NULL AND (discarded_at IS NULL OR $3) \
        ORDER BY topic_id, partition, record_offset FOR UPDATE OF dead_letters \
    ) AS locked";

/// failed_at stays: it says how old the order is that the letter holds.
const MARK: &str = "\
    UPDATE {schema}.dead_letters \
    SET replayed_at = now(), order_id = batch.order_id, numbered = batch.numbered, \
        discarded_at = NULL, discarded_because = NULL \
    FROM UNNEST($1::bigint[], $2::text[], $3::boolean[]) AS batch (letter, order_id, numbered) \
    WHERE id = letter";

const MARK_STILL_DEAD: &str = "\
    UPDATE {schema}.dead_letters SET reason = batch.reason, detail = batch.detail \
    FROM UNNEST($1::bigint[], $2::text[], $3::text[]) AS batch (letter, reason, detail) \
    WHERE id = letter";

/// A letter with what it takes to understand its record anew.
#[derive(Clone)]
pub struct ReplayableLetter {
    /// By which the commands call it.
    pub id: i64,
    /// The partition that the record was read from.
    pub partition: TopicPartition,
    /// When the record was read.
    pub failed_at: Timestamp,
    /// The record itself.
    pub record: Record,
}

/// A letter and what its record is understood as now.
pub type Reread = (ReplayableLetter, Result<Meaning, Rejection>);

/// What a replay made of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It is an order now.
    Order,
    /// A version of its order was processed after it failed. The letter stays as it was.
    Superseded,
    /// It is still no order, and has its new reason.
    StillDead,
}

/// A place among all letters, in the order in which they failed.
pub type LetterPlace = (Timestamp, i64);

impl Store {
    /// The time by the database's clock.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn clock(&self) -> Result<Timestamp, StoreError> {
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let sql = "SELECT clock_timestamp()";
        let row = connection.in_time(connection.client().query_typed_one(sql, &[])).await?;
        Ok(row.try_get(0)?)
    }

    /// The next open letters behind `after` that `filter` means, in the order in which they failed:
    /// so many as fit into memory together. Discarded ones too, if so wanted.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn letters_to_replay(
        &self,
        filter: &LetterFilter,
        discarded_too: bool,
        after: Option<LetterPlace>,
    ) -> Result<Vec<ReplayableLetter>, StoreError> {
        let (failed_at, id) = after.unzip();
        let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
            (&discarded_too, Type::BOOL),
            (&failed_at, Type::TIMESTAMPTZ),
            (&id, Type::INT8),
            (&PAGE, Type::INT8),
            (&PAGE_BYTES, Type::INT8),
        ];
        let sql = NEXT_LETTERS.replace("{filter}", FILTER);
        let rows = self.letter_rows(&sql, filter, &parameters).await?;
        rows.iter()
            .map(|row| {
                let key: Option<Vec<u8>> = row.try_get("key")?;
                let payload: Option<Vec<u8>> = row.try_get("payload")?;
                Ok(ReplayableLetter {
                    id: row.try_get("id")?,
                    partition: TopicPartition {
                        topic: row.try_get::<_, String>("topic")?.into(),
                        partition: row.try_get("partition")?,
                        topic_id: row.try_get("topic_id")?,
                    },
                    failed_at: row.try_get("failed_at")?,
                    record: Record {
                        offset: row.try_get("record_offset")?,
                        key: key.map(Bytes::from),
                        payload: payload.map(Bytes::from),
                        ..Record::default()
                    },
                })
            })
            .collect()
    }

    /// Writes what these letters are understood as now, all or nothing, and durably; none of their
    /// orders may be there twice. With `force` also what is superseded or was discarded. Returns
    /// what became of each, in their order; `None` if one of them is no longer as it was read, and
    /// nothing was written.
    ///
    /// # Errors
    /// As [`Session::commit`](super::Session::commit). [`StoreError::Data`] is about one of them.
    pub async fn replay(
        &self,
        letters: &[Reread],
        force: bool,
    ) -> Result<Option<Vec<Replayed>>, StoreError> {
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let replayed = self.replay_in_transaction(connection, letters, force).await;
        if !matches!(replayed, Ok(Some(_))) {
            // What the transaction holds ends with its connection.
            connection.give_up();
        }
        replayed
    }

    async fn replay_in_transaction(
        &self,
        connection: &Connection,
        letters: &[Reread],
        force: bool,
    ) -> Result<Option<Vec<Replayed>>, StoreError> {
        let client = connection.client();
        connection.ask_for_order_rows().await?;
        lock_letters(connection).await?;
        let ids: Vec<_> = letters.iter().map(|(letter, _)| letter.id).collect();
        let times: Vec<_> = letters.iter().map(|(letter, _)| letter.failed_at).collect();
        let parameters: &[(&(dyn ToSql + Sync), Type)] =
            &[(&ids, Type::INT8_ARRAY), (&times, Type::TIMESTAMPTZ_ARRAY), (&force, Type::BOOL)];
        let lock = self.sql(LOCK);
        let locked = connection.in_time(client.query_typed_one(&lock, parameters)).await?;
        let locked: i64 = locked.try_get(0)?;
        if usize::try_from(locked).ok() != Some(letters.len()) {
            return Ok(None);
        }

        let rows = Rows::of(letters);
        let written = self.write_orders(connection, &rows, force).await?;
        let (mut done, mut still_dead) = (Marks::default(), StillDead::default());
        for (id, order) in rows.letters.iter().zip(&rows.orders) {
            if written.contains(id) {
                done.letters.push(*id);
                done.order_ids.push(&order.order_id);
                done.numbered.push(order.numbered);
            }
        }
        let mut outcomes = Vec::with_capacity(letters.len());
        for (letter, result) in letters {
            outcomes.push(match result {
                Ok(_) if written.contains(&letter.id) => Replayed::Order,
                Ok(_) => Replayed::Superseded,
                Err(rejection) => {
                    still_dead.letters.push(letter.id);
                    still_dead.reasons.push(rejection.reason().code());
                    still_dead.details.push(rejection.detail());
                    Replayed::StillDead
                }
            });
        }
        let parameters: &[(&(dyn ToSql + Sync), Type)] = &[
            (&done.letters, Type::INT8_ARRAY),
            (&done.order_ids, Type::TEXT_ARRAY),
            (&done.numbered, Type::BOOL_ARRAY),
        ];
        connection.in_time(client.execute_typed(&self.sql(MARK), parameters)).await?;
        let parameters: &[(&(dyn ToSql + Sync), Type)] = &[
            (&still_dead.letters, Type::INT8_ARRAY),
            (&still_dead.reasons, Type::TEXT_ARRAY),
            (&still_dead.details, Type::TEXT_ARRAY),
        ];
        connection.in_time(client.execute_typed(&self.sql(MARK_STILL_DEAD), parameters)).await?;
        connection.in_time(client.batch_execute("COMMIT")).await?;
        Ok(Some(outcomes))
    }

    /// Returns the letters whose orders were written.
    async fn write_orders(
        &self,
        connection: &Connection,
        rows: &Rows<'_>,
        force: bool,
    ) -> Result<Vec<i64>, StoreError> {
        let client = connection.client();
        let Rows { letters, failed_at, numbers, listed, orders } = rows;
        let parameters: &[(&(dyn ToSql + Sync), Type)] = &[
            (letters, Type::INT8_ARRAY),
            (failed_at, Type::TIMESTAMPTZ_ARRAY),
            (numbers, Type::INT8_ARRAY),
            (listed, Type::BOOL_ARRAY),
            (orders, connection.order_rows()?),
            (&force, Type::BOOL),
        ];
        let sql = self.sql(include_str!("sql/replay.sql"));
        let written = connection.in_time(client.query_typed(&sql, parameters)).await?;
        written.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// Begins a durable transaction in which no other session replays, discards or deletes letters. The
/// lock first, in a statement of its own: the next one then sees what its last holder did.
pub(super) async fn lock_letters(connection: &Connection) -> Result<(), StoreError> {
    let begin = format!(
        "{}; SELECT pg_advisory_xact_lock({LETTERS_LOCK}); SET LOCAL synchronous_commit = on",
        connection.begin()
    );
    connection.in_time(connection.client().batch_execute(&begin)).await
}

/// The letters that are orders now: a row for each, sorted by the order's key as batches are.
#[derive(Default)]
struct Rows<'a> {
    letters: Vec<i64>,
    failed_at: Vec<Timestamp>,
    numbers: Vec<Option<i64>>,
    /// Whether the order has a row in `orders`.
    listed: Vec<bool>,
    orders: Vec<OrderRow<'a>>,
}

impl<'a> Rows<'a> {
    fn of(letters: &'a [Reread]) -> Self {
        let mut readable: Vec<_> = letters
            .iter()
            .filter_map(|(letter, result)| Some((letter, result.as_ref().ok()?)))
            .flat_map(|(letter, meaning)| meaning.orders().iter().map(move |order| (letter, order)))
            .collect();
        readable.sort_by_key(|(_, order)| order.key());
        let mut rows = Self::default();
        for (letter, order) in readable {
            rows.letters.push(letter.id);
            rows.failed_at.push(letter.failed_at);
            rows.numbers.push(order.number());
            rows.listed.push(order.is_in_orders());
            rows.orders.push(OrderRow::new(order, 0));
        }
        rows
    }
}

#[derive(Default)]
struct Marks<'a> {
    letters: Vec<i64>,
    order_ids: Vec<&'a str>,
    numbered: Vec<bool>,
}

#[derive(Default)]
struct StillDead<'a> {
    letters: Vec<i64>,
    reasons: Vec<&'static str>,
    details: Vec<&'a str>,
}

/// Prints where the record stood, and nothing of it.
impl std::fmt::Debug for ReplayableLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayableLetter")
            .field("id", &self.id)
            .field("partition", &self.partition)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

//! Replays dead letters: the orders' effect and the dead letter's mark, in one transaction.
//!
//! A dead letter's order is older than whatever was read after it, and must not overwrite a version
//! that was processed later than the dead letter failed (`sql/replay.sql` says how that is known).
//! That version can be one that a batch is writing at the same moment, into rows that this
//! transaction cannot see yet: a new row of `sales`, the mark of a cancelled order. So a replay keeps
//! batches out while it looks and writes: every statement that commits a batch updates `partitions`,
//! which takes a ROW EXCLUSIVE lock on that table, and a replay holds SHARE ROW EXCLUSIVE, which
//! conflicts with it (PostgreSQL manual, 13.3.1). A batch is then either committed before the replay
//! looks, or its statement waits for the lock; PostgreSQL takes the snapshot of a statement after its
//! table locks, so that such a batch sees all that the replay has written. Replays are rare and their
//! transactions short; batches wait for milliseconds.
//!
//! No deadlock comes of it: the lock is the first but that on dead letters, which no batch takes, and
//! a batch that waits for it holds no row lock. Commands that change dead letters do so one after the
//! other, a few dead letters at a time.

mod effects;

use std::time::Duration;

use bytes::Bytes;
use jiff::{Timestamp, civil::DateTime};
use tokio_postgres::types::{ToSql, Type};

use super::{LetterFilter, Store, StoreError, dead_letters::FILTER, session::Connection};
use crate::{
    kafka::{Headers, Record, TopicPartition},
    order::{Meaning, Rejection},
};

use effects::{Marks, Rows};

/// Only one session at a time replays, discards or deletes letters; any number will do that is
/// always the same.
const LETTERS_LOCK: i64 = 0x7665_6e64_6175;

/// The most letters that are read at once, and about the most bytes of them.
const PAGE: i64 = 100;
const PAGE_BYTES: i64 = 16 * 1024 * 1024;

/// The next letters to replay, in the order in which they failed; at least one, however large.
const NEXT_LETTERS: &str = "\
    SELECT * FROM ( \
        SELECT page.*, sum(size) OVER (ORDER BY failed_at, id) - size AS size_before FROM ( \
            SELECT id, topic, partition, topic_id, record_offset, key, payload, record_timestamp, \
                   headers, failed_at, \
                   (coalesce(octet_length(payload), 0) + coalesce(octet_length(headers), 0))::bigint \
                   AS size \
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

const MARK_IGNORED: &str = "\
    UPDATE {schema}.dead_letters SET discarded_at = now(), discarded_because = $2 \
    WHERE id = ANY ($1)";

/// Why a dead letter is discarded whose record is ignored by now.
const IGNORED_BECAUSE: &str = "ignored by mapping.only or mapping.tombstones";

/// How long a replay waits for the batches that are being committed, with the next ones waiting
/// behind it.
const BATCHES_END_WITHIN: Duration = Duration::from_secs(5);

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
    /// It is an order now, or several, or has cancelled one.
    Order,
    /// A version of its order, or of each of its orders, was processed after it failed. The dead
    /// letter stays as it was.
    Superseded,
    /// Its record is ignored now. The dead letter is discarded.
    Ignored,
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
                let headers: Option<Vec<u8>> = row.try_get("headers")?;
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
                        timestamp: row.try_get("record_timestamp")?,
                        headers: Headers(headers.unwrap_or_default().into()),
                    },
                })
            })
            .collect()
    }

    /// Writes what these letters are understood as now, all or nothing, and durably; no two of them
    /// may be about the same order, and one of several orders has to be alone. With `force` also what is superseded or was discarded. Returns
    /// what became of each, in their order; `None` if one of them is no longer as it was read, or if
    /// orders were purged before another time than `purged_before`, and nothing was written.
    ///
    /// # Errors
    /// As [`Session::commit`](super::Session::commit). [`StoreError::Data`] is about one of them.
    pub async fn replay(
        &self,
        letters: &[Reread],
        purged_before: Option<DateTime>,
        force: bool,
    ) -> Result<Option<Vec<Replayed>>, StoreError> {
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let replayed = self.replay_in_transaction(connection, letters, purged_before, force).await;
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
        purged_before: Option<DateTime>,
        force: bool,
    ) -> Result<Option<Vec<Replayed>>, StoreError> {
        let client = connection.client();
        connection.ask_for_order_rows().await?;
        lock_letters(connection).await?;
        self.keep_batches_out(connection).await?;
        if self.purged_before_on(connection).await? != purged_before {
            return Ok(None);
        }
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
        let marks = Marks::of(letters, &written);
        let parameters: &[(&(dyn ToSql + Sync), Type)] = &[
            (&marks.replayed, Type::INT8_ARRAY),
            (&marks.order_ids, Type::TEXT_ARRAY),
            (&marks.numbered, Type::BOOL_ARRAY),
        ];
        connection.in_time(client.execute_typed(&self.sql(MARK), parameters)).await?;
        let parameters: &[(&(dyn ToSql + Sync), Type)] = &[
            (&marks.still_dead, Type::INT8_ARRAY),
            (&marks.reasons, Type::TEXT_ARRAY),
            (&marks.details, Type::TEXT_ARRAY),
        ];
        connection.in_time(client.execute_typed(&self.sql(MARK_STILL_DEAD), parameters)).await?;
        if !marks.ignored.is_empty() {
            let parameters: &[(&(dyn ToSql + Sync), Type)] =
                &[(&marks.ignored, Type::INT8_ARRAY), (&IGNORED_BECAUSE, Type::TEXT)];
            connection.in_time(client.execute_typed(&self.sql(MARK_IGNORED), parameters)).await?;
        }
        connection.in_time(client.batch_execute("COMMIT")).await?;
        Ok(Some(marks.outcomes))
    }

    /// Waits until no batch is being committed, and lets none be until the transaction ends.
    pub(super) async fn keep_batches_out(&self, connection: &Connection) -> Result<(), StoreError> {
        let sql = self.sql(&format!(
            "SET LOCAL lock_timeout = {}; \
             LOCK TABLE {{schema}}.partitions IN SHARE ROW EXCLUSIVE MODE; \
             SET LOCAL lock_timeout TO DEFAULT; SET LOCAL TimeZone = 'UTC'",
            BATCHES_END_WITHIN.as_millis()
        ));
        connection.in_time(connection.client().batch_execute(&sql)).await
    }

    /// Returns the letters of which an order was written.
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

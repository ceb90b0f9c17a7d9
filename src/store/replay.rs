//! Replays dead letters: writes their orders and marks them as replayed, in one transaction.
//!
//! A dead letter's order is older than anything read after it, and must not overwrite a version
//! that was processed after the dead letter failed (`sql/replay.sql` explains how that is
//! determined). A batch may be writing that version concurrently, into rows that this transaction
//! cannot see yet: a new row of `sales`, or the mark of a cancelled order. A replay therefore
//! excludes batches while it reads and writes. Every statement that commits a batch updates
//! `partitions` and takes a ROW EXCLUSIVE lock on it; a replay holds the conflicting SHARE ROW
//! EXCLUSIVE lock (PostgreSQL manual, 13.3.1). A batch is then either committed before the replay
//! reads, or its statement waits for the lock. PostgreSQL takes a statement's snapshot after its
//! table locks, so such a batch sees everything that the replay wrote. Replays are rare and their
//! transactions short; batches wait for milliseconds.
//!
//! This cannot deadlock: a replay takes only the lock on dead letters before it, which no batch
//! takes, and a batch that waits for it holds no row locks. Commands that change dead letters run
//! one at a time, on a few dead letters per transaction.

mod effects;

use bytes::Bytes;
use jiff::{Timestamp, civil::DateTime};
use tokio_postgres::types::{ToSql, Type};

use super::{
    database::Store,
    dead_letters::{DeadLetterFilter, FILTER},
    error::StoreError,
    locks::lock_dead_letters,
    session::Connection,
};
use crate::{
    kafka::{Headers, Record, TopicPartition},
    order::{Meaning, Rejection},
};

use effects::{Marks, Rows};

/// The maximum number of dead letters read at once, and approximately the maximum of their bytes.
const PAGE: i64 = 100;
const PAGE_BYTES: i64 = 16 * 1024 * 1024;

/// The next dead letters to replay, in the order in which they failed; at least one, regardless of
/// its size.
const NEXT_DEAD_LETTERS: &str = "\
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

/// Locks the dead letters that have not changed since they were read, and counts them.
const LOCK: &str = "\
    SELECT count(*) FROM ( \
        SELECT FROM {schema}.dead_letters \
        JOIN UNNEST($1::bigint[], $2::timestamptz[]) AS batch (letter, failed_at) \
            ON dead_letters.id = batch.letter AND dead_letters.failed_at = batch.failed_at \
        WHERE replayed_at IS NULL AND (discarded_at IS NULL OR $3) \
        ORDER BY topic_id, partition, record_offset FOR UPDATE OF dead_letters \
    ) AS locked";

/// failed_at is kept: it is the age of the order in the dead letter.
const MARK: &str = "\
    UPDATE {schema}.dead_letters \
    SET replayed_at = now(), order_id = batch.order_id, numbered = batch.numbered, \
        discarded_at = NULL, discarded_because = NULL \
    FROM UNNEST($1::bigint[], $2::text[], $3::boolean[]) AS batch (letter, order_id, numbered) \
    WHERE id = letter";

const MARK_IGNORED: &str = "\
    UPDATE {schema}.dead_letters SET discarded_at = now(), discarded_because = $2 \
    WHERE id = ANY ($1)";

/// The reason for discarding a dead letter whose record the current mapping ignores.
const IGNORED_BECAUSE: &str = "ignored by mapping.only or mapping.tombstones";

const MARK_STILL_DEAD: &str = "\
    UPDATE {schema}.dead_letters SET reason = batch.reason, detail = batch.detail \
    FROM UNNEST($1::bigint[], $2::text[], $3::text[]) AS batch (letter, reason, detail) \
    WHERE id = letter";

/// A dead letter with everything needed to decode its record again.
#[derive(Clone)]
pub struct ReplayableDeadLetter {
    /// Its id, used by the commands.
    pub id: i64,
    /// The partition that the record was read from.
    pub partition: TopicPartition,
    /// When the record was processed.
    pub failed_at: Timestamp,
    /// The record itself.
    pub record: Record,
}

/// A dead letter and the current result of decoding its record.
pub type Redecoded = (ReplayableDeadLetter, Result<Meaning, Rejection>);

/// The outcome of replaying a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// Its order or orders were written, or its order was cancelled.
    Order,
    /// A newer version of its order, or of each of its orders, was processed after it failed. The
    /// dead letter is unchanged.
    Superseded,
    /// Its record is now ignored. The dead letter was discarded.
    Ignored,
    /// Its record is still rejected. The dead letter has the new reason.
    StillDead,
}

/// A position among all dead letters, in the order in which they failed.
pub type DeadLetterPosition = (Timestamp, i64);

impl Store {
    /// The current time of the database's clock.
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

    /// The next open dead letters after `after` that match `filter`, in the order in which they
    /// failed, up to a limited size. With `discarded_too`, also discarded ones.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn dead_letters_to_replay(
        &self,
        filter: &DeadLetterFilter,
        discarded_too: bool,
        after: Option<DeadLetterPosition>,
    ) -> Result<Vec<ReplayableDeadLetter>, StoreError> {
        let (failed_at, id) = after.unzip();
        let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
            (&discarded_too, Type::BOOL),
            (&failed_at, Type::TIMESTAMPTZ),
            (&id, Type::INT8),
            (&PAGE, Type::INT8),
            (&PAGE_BYTES, Type::INT8),
        ];
        let sql = NEXT_DEAD_LETTERS.replace("{filter}", FILTER);
        let rows = self.dead_letter_rows(&sql, filter, &parameters).await?;
        rows.iter()
            .map(|row| {
                let key: Option<Vec<u8>> = row.try_get("key")?;
                let payload: Option<Vec<u8>> = row.try_get("payload")?;
                let headers: Option<Vec<u8>> = row.try_get("headers")?;
                Ok(ReplayableDeadLetter {
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

    /// Writes the results of decoding these dead letters, in one durable transaction. No two of
    /// them may concern the same order, and a dead letter with several orders must be alone.
    /// `force` includes superseded and discarded ones. Returns the outcome of each, in the same
    /// order. Returns `None` and writes nothing if one of them has changed since it was read, or if
    /// the purge boundary is no longer `purged_before`.
    ///
    /// # Errors
    /// As [`Session::commit`](super::Session::commit). [`StoreError::Data`] concerns one of them.
    pub async fn replay(
        &self,
        letters: &[Redecoded],
        purged_before: Option<DateTime>,
        force: bool,
    ) -> Result<Option<Vec<Replayed>>, StoreError> {
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let replay = self.replay_in_transaction(connection, letters, purged_before, force);
        let replayed = connection.transaction(replay).await?;
        if replayed.is_none() {
            // Closing the connection ends the transaction.
            connection.give_up();
        }
        Ok(replayed)
    }

    async fn replay_in_transaction(
        &self,
        connection: &Connection,
        letters: &[Redecoded],
        purged_before: Option<DateTime>,
        force: bool,
    ) -> Result<Option<Vec<Replayed>>, StoreError> {
        let client = connection.client();
        connection.look_up_order_rows().await?;
        lock_dead_letters(connection).await?;
        self.exclude_batches(connection).await?;
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

    /// Returns the dead letters of which an order was written.
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

/// Prints the record's position, but not its contents.
impl std::fmt::Debug for ReplayableDeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayableDeadLetter")
            .field("id", &self.id)
            .field("partition", &self.partition)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

//! The partitions' next offsets: stored before the first record is read, and read back when in
//! doubt.

use std::{collections::HashMap, sync::Arc};

use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};
use uuid::Uuid;

use super::{
    database::Store,
    error::{Cause, StoreError},
    locks::START_LOCK,
};
use crate::kafka::{NextOffset, Position, TopicPartition};

/// Inserts the rows that `present` does not return; `present` handles the existing ones.
const PUT_PARTITIONS: &str = "\
    WITH put AS ( \
        SELECT * FROM UNNEST($1::text[], $2::int[], $3::uuid[], $4::bigint[]) \
            AS put (topic, partition, topic_id, next_offset) \
    ), present AS ({present}) \
    INSERT INTO {schema}.partitions (topic, partition, topic_id, next_offset, moved_by) \
    SELECT topic, partition, topic_id, next_offset, $5 FROM put \
    WHERE (topic, partition) NOT IN (SELECT topic, partition FROM present)";

/// Records a reset of partitions with their current offsets. The rows stay locked until the reset
/// is done, so that no batch is committed in between.
const RECORD_RESETS: &str = "\
    WITH put AS ( \
        SELECT * FROM UNNEST($1::text[], $2::int[], $3::uuid[], $4::bigint[]) \
            AS put (topic, partition, topic_id, next_offset) \
    ), present AS ( \
        SELECT partitions.* FROM {schema}.partitions JOIN put USING (topic, partition) \
        FOR UPDATE OF partitions \
    ) \
    INSERT INTO {schema}.offset_resets (topic, partition, from_topic_id, from_offset, \
        to_topic_id, to_offset, because, reset_by) \
    SELECT put.topic, put.partition, present.topic_id, present.next_offset, put.topic_id, \
        put.next_offset, $5, $6 \
    FROM put LEFT JOIN present USING (topic, partition) ORDER BY put.topic, put.partition";

/// A row of `partitions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRow {
    /// The partition, with the id of the topic to which the offset belongs.
    pub partition: TopicPartition,
    /// The first offset that is not yet processed.
    pub next_offset: NextOffset,
    /// The leader epoch of the last processed record, if known (KIP-320).
    pub leader_epoch: Option<i32>,
    /// The instance that moved it last.
    pub moved_by: Uuid,
}

impl PartitionRow {
    /// The position to continue reading from.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position { next_offset: self.next_offset, leader_epoch: self.leader_epoch }
    }
}

impl Store {
    /// Whether the table of offsets exists.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn has_offsets(&self) -> Result<bool, StoreError> {
        let name = self.sql("{schema}.partitions");
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let client = connection.client();
        let sql = "SELECT to_regclass($1) IS NOT NULL";
        let row = connection.in_time(client.query_typed_one(sql, &[(&name, Type::TEXT)])).await?;
        Ok(row.try_get(0)?)
    }

    /// The rows of these topics, ordered by topic and partition.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn partitions(&self, topics: &[Arc<str>]) -> Result<Vec<PartitionRow>, StoreError> {
        let sql = self.sql(
            "SELECT topic, partition, topic_id, next_offset, leader_epoch, moved_by \
             FROM {schema}.partitions WHERE topic = ANY($1) ORDER BY topic, partition",
        );
        let topics = names(topics);
        self.rows(&sql, &[(&topics, Type::TEXT_ARRAY)]).await
    }

    /// The row of one partition, with any topic id.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn partition(
        &self,
        partition: &TopicPartition,
    ) -> Result<Option<PartitionRow>, StoreError> {
        let sql = self.sql(
            "SELECT topic, partition, topic_id, next_offset, leader_epoch, moved_by \
             FROM {schema}.partitions WHERE topic = $1 AND partition = $2",
        );
        let parameters: &[(&(dyn ToSql + Sync), Type)] =
            &[(&&*partition.topic, Type::TEXT), (&partition.partition, Type::INT4)];
        Ok(self.rows(&sql, parameters).await?.pop())
    }

    /// Inserts the rows that do not exist yet, in one durable transaction: the start offset of a
    /// partition is decided only once.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn start_partitions(
        &self,
        starts: &[(TopicPartition, NextOffset)],
    ) -> Result<(), StoreError> {
        self.put_partitions(starts, "SELECT topic, partition FROM {schema}.partitions", None).await
    }

    /// Sets the offsets of partitions, and their topic ids to those of the current topics, and
    /// records in `offset_resets` who did so and why.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn reset_partitions(
        &self,
        targets: &[(TopicPartition, NextOffset)],
        because: &str,
        reset_by: &str,
    ) -> Result<(), StoreError> {
        let update = "UPDATE {schema}.partitions SET topic_id = put.topic_id, \
                      next_offset = put.next_offset, leader_epoch = NULL, moved_by = $5, \
                      moved_at = now() \
                      FROM put WHERE (partitions.topic, partitions.partition) = (put.topic, put.partition) \
                      RETURNING partitions.topic, partitions.partition";
        self.put_partitions(targets, update, Some((because, reset_by))).await
    }

    /// Skips lost data: moves `partition` from `from`, if that is still its next offset, to `to` in
    /// the current topic, and records this in `offset_resets`. Returns whether it moved.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn skip_lost_data(
        &self,
        partition: &TopicPartition,
        from: NextOffset,
        to: (Uuid, NextOffset),
        because: &str,
    ) -> Result<bool, StoreError> {
        let sql = self.sql(
            "WITH moved AS ( \
                 UPDATE {schema}.partitions \
                 SET topic_id = $5, next_offset = $6, leader_epoch = NULL, moved_by = $7, \
                     moved_at = now() \
                 WHERE topic = $1 AND partition = $2 AND topic_id = $3 AND next_offset = $4 \
                 RETURNING set_config('synchronous_commit', 'on', true) \
             ), noted AS ( \
                 INSERT INTO {schema}.offset_resets (topic, partition, from_topic_id, \
                     from_offset, to_topic_id, to_offset, because, reset_by) \
                 SELECT $1, $2, $3, $4, $5, $6, $8, 'instance ' || $7 FROM moved \
             ) \
             SELECT count(*) FROM moved",
        );
        let parameters: &[(&(dyn ToSql + Sync), Type)] = &[
            (&&*partition.topic, Type::TEXT),
            (&partition.partition, Type::INT4),
            (&partition.topic_id, Type::UUID),
            (&from.get(), Type::INT8),
            (&to.0, Type::UUID),
            (&to.1.get(), Type::INT8),
            (&self.instance, Type::UUID),
            (&because, Type::TEXT),
        ];
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let row = connection.in_time(connection.client().query_typed_one(&sql, parameters)).await?;
        Ok(row.try_get::<_, i64>(0)? == 1)
    }

    async fn put_partitions(
        &self,
        rows: &[(TopicPartition, NextOffset)],
        present: &str,
        noted: Option<(&str, &str)>,
    ) -> Result<(), StoreError> {
        let put = self.sql(&PUT_PARTITIONS.replace("{present}", present));
        let note = self.sql(RECORD_RESETS);
        let topics: Vec<&str> = rows.iter().map(|(partition, _)| &*partition.topic).collect();
        let partitions: Vec<i32> = rows.iter().map(|(partition, _)| partition.partition).collect();
        let ids: Vec<Uuid> = rows.iter().map(|(partition, _)| partition.topic_id).collect();
        let offsets: Vec<i64> = rows.iter().map(|(_, offset)| offset.get()).collect();
        let places: [(&(dyn ToSql + Sync), Type); 4] = [
            (&topics, Type::TEXT_ARRAY),
            (&partitions, Type::INT4_ARRAY),
            (&ids, Type::UUID_ARRAY),
            (&offsets, Type::INT8_ARRAY),
        ];
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let client = connection.client();
        // The lock is taken in a separate statement, so that the next one sees what the last holder
        // committed. A statement that commits a batch must not overlap a reset: it sees other
        // tables as of its start, but the current offset, and that may have been reset to the same
        // value. Such a statement acquires its table locks before its snapshot (PostgreSQL manual,
        // 13.2.1).
        let alone = match noted {
            Some(_) => self.sql("; LOCK TABLE {schema}.partitions IN SHARE ROW EXCLUSIVE MODE"),
            None => String::new(),
        };
        let begin = format!(
            "{}; SELECT pg_advisory_xact_lock({START_LOCK}); \
             SET LOCAL synchronous_commit = on{alone}",
            connection.begin()
        );
        let all = async {
            connection.in_time(client.batch_execute(&begin)).await?;
            if let Some((because, reset_by)) = &noted {
                let why: [(&(dyn ToSql + Sync), Type); 2] =
                    [(because, Type::TEXT), (reset_by, Type::TEXT)];
                let parameters = [&places[..], &why].concat();
                connection.in_time(client.query_typed(&note, &parameters)).await?;
            }
            let instance: [(&(dyn ToSql + Sync), Type); 1] = [(&self.instance, Type::UUID)];
            let parameters = [&places[..], &instance].concat();
            connection.in_time(client.query_typed(&put, &parameters)).await?;
            connection.in_time(client.batch_execute("COMMIT")).await
        };
        connection.transaction(all).await
    }

    /// Makes all previous commits durable, and returns the current rows of these partitions: with
    /// `synchronous_commit = off` a crash can have reverted them. Partitions without a row are left
    /// out.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn make_durable(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<PartitionRow>, StoreError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        // A synchronous commit flushes the WAL up to its own record, including all earlier commits
        // (PostgreSQL manual, 28.4). It has to write something for that.
        let sql = self.sql(
            "WITH durable AS (SELECT set_config('synchronous_commit', 'on', true)) \
             UPDATE {schema}.partitions SET moved_at = moved_at \
             FROM durable, UNNEST($1::text[], $2::int[]) AS asked (topic, partition) \
             WHERE partitions.topic = asked.topic AND partitions.partition = asked.partition \
             RETURNING partitions.topic, partitions.partition, topic_id, next_offset, leader_epoch, moved_by",
        );
        let topics: Vec<&str> = partitions.iter().map(|partition| &*partition.topic).collect();
        let numbers: Vec<i32> = partitions.iter().map(|partition| partition.partition).collect();
        let parameters: &[(&(dyn ToSql + Sync), Type)] =
            &[(&topics, Type::TEXT_ARRAY), (&numbers, Type::INT4_ARRAY)];
        self.rows(&sql, parameters).await
    }

    async fn rows(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<PartitionRow>, StoreError> {
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let rows = connection.in_time(connection.client().query_typed(sql, parameters)).await?;
        let mut topics = HashMap::new();
        rows.iter().map(|row| partition_row(row, &mut topics)).collect()
    }
}

fn partition_row(
    row: &Row,
    topics: &mut HashMap<String, Arc<str>>,
) -> Result<PartitionRow, StoreError> {
    let topic: String = row.try_get("topic")?;
    let topic = Arc::clone(topics.entry(topic).or_insert_with_key(|topic| topic.as_str().into()));
    let next_offset: i64 = row.try_get("next_offset")?;
    Ok(PartitionRow {
        partition: TopicPartition {
            topic,
            partition: row.try_get("partition")?,
            topic_id: row.try_get("topic_id")?,
        },
        next_offset: NextOffset::new(next_offset).ok_or_else(|| {
            StoreError::Permanent(Cause::new(format!(
                "partitions.next_offset is {next_offset}, must be 0 or more: correct the row"
            )))
        })?,
        leader_epoch: row.try_get("leader_epoch")?,
        moved_by: row.try_get("moved_by")?,
    })
}

fn names(topics: &[Arc<str>]) -> Vec<&str> {
    topics.iter().map(AsRef::as_ref).collect()
}

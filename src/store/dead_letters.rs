//! Finds, reads, discards and deletes dead letters.

use jiff::Timestamp;
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use super::{database::Store, error::StoreError, locks::lock_dead_letters};

/// Selects dead letters by `$1` to `$5`; a null parameter does not restrict.
pub(super) const FILTER: &str = "\
    ($1::bigint[] IS NULL OR id = ANY ($1)) \
    AND ($2::text IS NULL OR topic = $2) \
    AND ($3::text IS NULL OR reason = $3) \
    AND ($4::timestamptz IS NULL OR failed_at >= $4) \
    AND ($5::timestamptz IS NULL OR failed_at < $5)";

/// Open dead letters, phrased as in the partial index on them.
const OPEN: &str = "replayed_at IS NULL AND discarded_at IS NULL";

/// The columns of a [`DeadLetter`].
const LETTER: &str = "id, topic, partition, record_offset, reason, detail, failed_at, replayed_at, \
                      order_id, numbered, discarded_at, discarded_because";

/// The maximum number of dead letters that one statement discards or deletes, to keep statements
/// short.
const AT_ONCE: i64 = 5_000;

/// Selects dead letters that satisfy all of these conditions.
#[derive(Clone, Debug, Default)]
pub struct DeadLetterFilter {
    /// One of these ids.
    pub ids: Option<Vec<i64>>,
    /// Records of this topic.
    pub topic: Option<String>,
    /// The reason's code.
    pub reason: Option<String>,
    /// Failed at this time or later.
    pub since: Option<Timestamp>,
    /// Failed before this time.
    pub until: Option<Timestamp>,
}

/// A rejected record, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id, used by the commands.
    pub id: i64,
    /// The record's topic.
    pub topic: String,
    /// The record's partition.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
    /// The code of the reason.
    pub reason: String,
    /// Where and why it failed. For records rejected by the database, this can quote the record.
    pub detail: String,
    /// When the record was processed.
    pub failed_at: Timestamp,
    /// Its current state.
    pub state: DeadLetterState,
}

/// The state of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterState {
    /// Neither replayed nor discarded.
    Open,
    /// Replayed: its order was written.
    Replayed {
        /// When.
        at: Timestamp,
        /// The order's key as in `orders`; `None` for several orders.
        order_id: Option<String>,
        /// Whether the key is an order number.
        numbered: bool,
    },
    /// Discarded by an operator, or by a replay under a mapping that ignores its record.
    Discarded {
        /// When.
        at: Timestamp,
        /// Why, as given by the operator or the replay.
        because: String,
    },
}

/// The bytes of a dead letter's record.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetterBytes {
    /// The key as the producer wrote it.
    pub key: Option<Vec<u8>>,
    /// The value as the producer wrote it; `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
}

/// The number of dead letters with one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonCount {
    /// The reason's code.
    pub reason: String,
    /// The number of dead letters.
    pub letters: i64,
    /// When the first of them failed.
    pub first_failed_at: Timestamp,
    /// When the last of them failed.
    pub last_failed_at: Timestamp,
}

/// The number of dead letters that a purge would delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purgeable {
    /// All dead letters.
    pub letters: i64,
    /// The open ones among them.
    pub open: i64,
}

impl Store {
    /// The newest `limit` dead letters that match `filter`, newest first; only open ones, or also
    /// settled ones.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        settled_too: bool,
        limit: i64,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let which = if settled_too { "true" } else { OPEN };
        let sql = format!(
            "SELECT {LETTER} FROM {{schema}}.dead_letters WHERE {FILTER} AND {which} \
             ORDER BY failed_at DESC, id DESC LIMIT $6"
        );
        let rows = self.dead_letter_rows(&sql, filter, &[(&limit, Type::INT8)]).await?;
        rows.iter().map(letter).collect()
    }

    /// The number of dead letters that match `filter` by reason, the most frequent first.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn dead_letter_counts(
        &self,
        filter: &DeadLetterFilter,
        settled_too: bool,
    ) -> Result<Vec<ReasonCount>, StoreError> {
        let which = if settled_too { "true" } else { OPEN };
        let sql = format!(
            "SELECT reason, count(*) AS letters, min(failed_at) AS first, max(failed_at) AS last \
             FROM {{schema}}.dead_letters WHERE {FILTER} AND {which} \
             GROUP BY reason ORDER BY letters DESC, reason COLLATE \"C\""
        );
        let rows = self.dead_letter_rows(&sql, filter, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(ReasonCount {
                    reason: row.try_get("reason")?,
                    letters: row.try_get("letters")?,
                    first_failed_at: row.try_get("first")?,
                    last_failed_at: row.try_get("last")?,
                })
            })
            .collect()
    }

    /// The dead letter with this id and its bytes, if it exists.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn dead_letter(
        &self,
        id: i64,
    ) -> Result<Option<(DeadLetter, DeadLetterBytes)>, StoreError> {
        let sql =
            format!("SELECT {LETTER}, key, payload FROM {{schema}}.dead_letters WHERE {FILTER}");
        let filter = DeadLetterFilter { ids: Some(vec![id]), ..DeadLetterFilter::default() };
        let rows = self.dead_letter_rows(&sql, &filter, &[]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let bytes = DeadLetterBytes { key: row.try_get("key")?, payload: row.try_get("payload")? };
        Ok(Some((letter(row)?, bytes)))
    }

    /// Discards all open dead letters that match `filter`. Returns their number.
    ///
    /// # Errors
    /// As [`Store::session`]. Dead letters discarded before the error stay discarded.
    pub async fn discard_dead_letters(
        &self,
        filter: &DeadLetterFilter,
        because: &str,
    ) -> Result<u64, StoreError> {
        let which = format!("{FILTER} AND {OPEN}");
        let change = format!(
            "UPDATE {{schema}}.dead_letters SET discarded_at = now(), discarded_because = $8 \
             FROM page WHERE dead_letters.id = page.id AND {OPEN}"
        );
        self.change_dead_letters(&which, &change, filter, &[(&because, Type::TEXT)]).await
    }

    /// The number of dead letters that failed before `limit`.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn purgeable_dead_letters(&self, limit: Timestamp) -> Result<Purgeable, StoreError> {
        let sql = format!(
            "SELECT count(*) AS letters, count(*) FILTER (WHERE {OPEN}) AS open \
             FROM {{schema}}.dead_letters WHERE {FILTER}"
        );
        let rows = self.dead_letter_rows(&sql, &before(limit), &[]).await?;
        let Some(row) = rows.first() else { return Ok(Purgeable { letters: 0, open: 0 }) };
        Ok(Purgeable { letters: row.try_get("letters")?, open: row.try_get("open")? })
    }

    /// Deletes the dead letters that failed before `limit`, open or settled. Returns their number.
    ///
    /// # Errors
    /// As [`Store::session`]. Dead letters deleted before the error stay deleted.
    pub async fn purge_dead_letters(&self, limit: Timestamp) -> Result<u64, StoreError> {
        let change = "DELETE FROM {schema}.dead_letters USING page WHERE dead_letters.id = page.id";
        self.change_dead_letters(FILTER, change, &before(limit), &[]).await
    }

    /// Applies `change` to the dead letters that match `which`, page by page in id order.
    async fn change_dead_letters(
        &self,
        which: &str,
        change: &str,
        filter: &DeadLetterFilter,
        more: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<u64, StoreError> {
        let sql = self.sql(&format!(
            "WITH page AS ( \
                 SELECT id FROM {{schema}}.dead_letters WHERE {which} AND id > $6 \
                 ORDER BY id LIMIT $7 \
             ), changed AS ({change} RETURNING 1) \
             SELECT (SELECT max(id) FROM page), (SELECT count(*) FROM changed)"
        ));
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let client = connection.client();
        let (mut after, mut all) = (i64::MIN, 0);
        loop {
            let change = async {
                lock_dead_letters(connection).await?;
                let place: [_; 2] = [(&after as _, Type::INT8), (&AT_ONCE as _, Type::INT8)];
                let parameters = [&filter.parameters()[..], &place, more].concat();
                let row = connection.in_time(client.query_typed_one(&sql, &parameters)).await?;
                connection.in_time(client.batch_execute("COMMIT")).await?;
                Ok::<(Option<i64>, i64), StoreError>((row.try_get(0)?, row.try_get(1)?))
            };
            let (Some(last), changed) = connection.transaction(change).await? else {
                return Ok(all);
            };
            after = last;
            all += u64::try_from(changed).unwrap_or_default();
        }
    }

    pub(super) async fn dead_letter_rows(
        &self,
        sql: &str,
        filter: &DeadLetterFilter,
        more: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StoreError> {
        let parameters = [&filter.parameters()[..], more].concat();
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        connection.in_time(connection.client().query_typed(&self.sql(sql), &parameters)).await
    }
}

impl DeadLetterFilter {
    /// `$1` to `$5` of [`FILTER`].
    fn parameters(&self) -> [(&(dyn ToSql + Sync), Type); 5] {
        [
            (&self.ids, Type::INT8_ARRAY),
            (&self.topic, Type::TEXT),
            (&self.reason, Type::TEXT),
            (&self.since, Type::TIMESTAMPTZ),
            (&self.until, Type::TIMESTAMPTZ),
        ]
    }
}

/// Prints only lengths: key and payload can hold personal data.
impl std::fmt::Debug for DeadLetterBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetterBytes")
            .field("key_bytes", &self.key.as_ref().map(Vec::len))
            .field("payload_bytes", &self.payload.as_ref().map(Vec::len))
            .finish()
    }
}

fn before(limit: Timestamp) -> DeadLetterFilter {
    DeadLetterFilter { until: Some(limit), ..DeadLetterFilter::default() }
}

fn letter(row: &Row) -> Result<DeadLetter, StoreError> {
    let replayed_at: Option<Timestamp> = row.try_get("replayed_at")?;
    let discarded_at: Option<Timestamp> = row.try_get("discarded_at")?;
    let state = match (replayed_at, discarded_at) {
        (Some(at), _) => DeadLetterState::Replayed {
            at,
            order_id: row.try_get("order_id")?,
            numbered: row.try_get::<_, Option<_>>("numbered")?.unwrap_or_default(),
        },
        (None, Some(at)) => DeadLetterState::Discarded {
            at,
            because: row.try_get::<_, Option<_>>("discarded_because")?.unwrap_or_default(),
        },
        (None, None) => DeadLetterState::Open,
    };
    Ok(DeadLetter {
        id: row.try_get("id")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("record_offset")?,
        reason: row.try_get("reason")?,
        detail: row.try_get("detail")?,
        failed_at: row.try_get("failed_at")?,
        state,
    })
}

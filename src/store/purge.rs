//! Purges old orders: sets the boundary first, then deletes rows in batches while commits go on.
//!
//! An order counts on a day in the shop's time zone, and a purge deletes whole days. It first sets
//! the boundary in the table `retention` under the lock with which a replay excludes batches (see
//! `replay`). Every batch is then either committed before the boundary is set, or checked against
//! it and writes no order from before it (see `retention`). Purged orders therefore cannot reappear
//! unnoticed, and one pass over the tables finds all rows.
//!
//! Each batch is one transaction: it deletes rows, a trigger adds their sums to the archive, and
//! the row of `purges` counts them. A purge can be killed at any time; its completed batches stay
//! consistent, and the next purge continues.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use tokio_postgres::types::Type;

use super::{
    database::Store,
    error::{Cause, StoreError},
    locks::PURGE_LOCK,
    rows::{Day, WallClock},
    session::{Connection, Parameter},
};

/// The maximum number of orders that one transaction deletes.
const AT_ONCE: i64 = 10_000;

/// The number of table blocks (8 KiB each) that one statement reads.
const BLOCKS: u64 = 256;

/// Excludes other purges until it is [released](Self::release), or until PostgreSQL notices that the
/// connection is closed.
#[derive(Debug)]
pub struct PurgeGuard(Connection);

impl PurgeGuard {
    /// Allows other purges from now on.
    ///
    /// # Errors
    /// [`StoreError::Transient`]: the connection is closed.
    pub async fn release(self) -> Result<(), StoreError> {
        self.0.in_time(self.0.client().batch_execute("ROLLBACK")).await
    }
}

/// A purge and its progress.
#[derive(Debug)]
pub struct Purge {
    id: i64,
    before: DateTime,
    forget_sums: bool,
    place: Place,
    rows: u64,
}

impl Purge {
    /// The number of rows that this process has deleted so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }
}

/// What to delete next.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Rows of `sales` from this block on, with their rows of `orders`.
    Sales(u64),
    /// Rows of `orders` from this block on.
    Orders(u64),
    /// Archived sums of days after this one.
    Archive(Option<Date>),
    /// Nothing.
    End,
}

/// What a purge has deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Rows of `sales`.
    pub sales_rows: i64,
    /// Rows of `orders`.
    pub orders_rows: i64,
}

impl Store {
    /// The purge boundary in the shop's time zone, as known to this process. A batch can only be committed
    /// if it was processed with it
    /// ([`ProcessedBatch::with_purge_boundary`](crate::process::ProcessedBatch::with_purge_boundary)).
    #[must_use]
    pub fn known_retention(&self) -> Option<DateTime> {
        self.server.retention.get()
    }

    /// The purge boundary in the shop's time zone; `None` if nothing was purged.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn purged_before(&self) -> Result<Option<DateTime>, StoreError> {
        let lent = self.lend().await?;
        self.purged_before_on(lent.connection()?).await
    }

    pub(super) async fn purged_before_on(
        &self,
        connection: &Connection,
    ) -> Result<Option<DateTime>, StoreError> {
        let sql = self.sql("SELECT (SELECT purged_before FROM {schema}.retention)");
        let row = connection.in_time(connection.client().query_typed_one(&sql, &[])).await?;
        Ok(row.try_get(0)?)
    }

    /// Excludes other purges; `None` if one is running.
    ///
    /// The lock belongs to a transaction on a dedicated connection. It therefore also works behind
    /// a pooler, and ends with the process.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn guard_purge(&self) -> Result<Option<PurgeGuard>, StoreError> {
        let connection = Connection::open(&self.server).await?;
        let begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10min'";
        connection.in_time(connection.client().batch_execute(begin)).await?;
        let lock = format!("SELECT pg_try_advisory_xact_lock({PURGE_LOCK})");
        let row = connection.in_time(connection.client().query_typed_one(&lock, &[])).await?;
        Ok(row.try_get::<_, bool>(0)?.then_some(PurgeGuard(connection)))
    }

    /// Sets the boundary to `before`, unless it is already later, and records in `purges` who did
    /// so and why. Waits at most a few seconds for batches that are being committed.
    ///
    /// # Errors
    /// As [`Store::session`]; [`StoreError::Transient`] also if a batch takes longer than that.
    pub async fn begin_purge(
        &self,
        _: &PurgeGuard,
        before: DateTime,
        forget_sums: bool,
        (because, purged_by): (&str, &str),
    ) -> Result<Purge, StoreError> {
        let sql = self.sql(
            "WITH moved AS ( \
                 UPDATE {schema}.retention SET purged_before = greatest(purged_before, $1) RETURNING 1 \
             ), made AS ( \
                 INSERT INTO {schema}.retention (purged_before) \
                 SELECT $1 WHERE NOT EXISTS (SELECT FROM moved) \
             ) \
             INSERT INTO {schema}.purges (purged_before, forget_sums, because, purged_by) \
             VALUES ($1, $2, $3, $4) RETURNING id",
        );
        let parameters: [Parameter<'_>; 4] = [
            (&WallClock(before), Type::TIMESTAMP),
            (&forget_sums, Type::BOOL),
            (&because, Type::TEXT),
            (&purged_by, Type::TEXT),
        ];
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let begun = in_transaction(connection, "", async {
            self.exclude_batches(connection).await?;
            let client = connection.client();
            let row = connection.in_time(client.query_typed_one(&sql, &parameters)).await?;
            Ok(row.try_get(0)?)
        });
        let id = begun.await?;
        fail::fail_point!("purge_begun");
        Ok(Purge { id, before, forget_sums, place: Place::Sales(0), rows: 0 })
    }

    /// Deletes the next rows in one transaction, and returns whether there may be more. It can be
    /// called again after an error.
    ///
    /// # Errors
    /// As [`Store::session`]; [`StoreError::Transient`] also if the guard is lost and a new one is
    /// needed. [`StoreError::Data`] if a constraint or trigger prevents deleting a row.
    pub async fn purge_some(
        &self,
        PurgeGuard(guard): &PurgeGuard,
        purge: &mut Purge,
    ) -> Result<bool, StoreError> {
        guard.in_time(guard.client().batch_execute("SELECT 1")).await?;
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let next = match purge.place {
            Place::Sales(block) => {
                let sql = include_str!("sql/purge_sales.sql");
                match self.purge_rows(connection, purge, sql, "sales", block).await? {
                    Some(block) => Place::Sales(block),
                    None => Place::Orders(0),
                }
            }
            Place::Orders(block) => {
                let sql = include_str!("sql/purge_orders.sql");
                match self.purge_rows(connection, purge, sql, "orders", block).await? {
                    Some(block) => Place::Orders(block),
                    None if purge.forget_sums => Place::Archive(None),
                    None => Place::End,
                }
            }
            Place::Archive(after) => match self.purge_archive(connection, purge, after).await? {
                Some(day) => Place::Archive(Some(day)),
                None => Place::End,
            },
            Place::End => Place::End,
        };
        purge.place = next;
        Ok(!matches!(next, Place::End))
    }

    /// Records the end of the purge, and returns what it has deleted. If it has deleted sums,
    /// removes their empty rows, in statements of at most `limit` each.
    ///
    /// # Errors
    /// As [`Store::session`]; [`StoreError::Permanent`] also after `limit`.
    pub async fn end_purge(&self, purge: &Purge, limit: Duration) -> Result<Purged, StoreError> {
        let sql = self.sql(
            "UPDATE {schema}.purges SET ended_at = coalesce(ended_at, now()) WHERE id = $1 \
             RETURNING sales, orders",
        );
        if purge.forget_sums {
            for (what, function) in [
                ("merging pending changes into the sums", "fold_ledgers"),
                ("deleting empty sums", "drop_empty_sums"),
            ] {
                let sql = self.sql(&format!("SELECT {{schema}}.{function}()"));
                self.long_query(what, limit, &sql, &[]).await?;
            }
        }
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let id: [Parameter<'_>; 1] = [(&purge.id, Type::INT8)];
        let row = connection.in_time(connection.client().query_typed_one(&sql, &id)).await?;
        Ok(Purged { sales_rows: row.try_get(0)?, orders_rows: row.try_get(1)? })
    }

    /// Deletes rows from `block` on. Returns the block to continue from; `None` at the end of the
    /// table.
    async fn purge_rows(
        &self,
        connection: &Connection,
        purge: &mut Purge,
        sql: &str,
        table: &str,
        block: u64,
    ) -> Result<Option<u64>, StoreError> {
        if block >= self.blocks(connection, table).await? {
            return Ok(None);
        }
        let sql = self.sql(sql);
        let end = block.saturating_add(BLOCKS);
        let (from, to) = (format!("({block},0)"), format!("({end},0)"));
        let parameters: [Parameter<'_>; 4] = [
            (&WallClock(purge.before), Type::TIMESTAMP),
            (&from, Type::TEXT),
            (&to, Type::TEXT),
            (&AT_ONCE, Type::INT8),
        ];
        let archive = if purge.forget_sums { "" } else { "SET LOCAL vendas.purge = 'archive'" };
        let (picked, sales, orders) = in_transaction(connection, archive, async {
            let client = connection.client();
            let row = connection.in_time(client.query_typed_one(&sql, &parameters)).await?;
            let (sales, orders): (i64, i64) = (row.try_get("sales")?, row.try_get("orders")?);
            if sales + orders > 0 {
                self.note_progress(connection, purge, sales, orders).await?;
            }
            Ok::<(i64, i64, i64), StoreError>((row.try_get("picked")?, sales, orders))
        })
        .await?;
        purge.rows += u64::try_from(sales + orders).unwrap_or_default();
        let gone = sales.max(orders);
        fail::fail_point!("purge_committed");
        // Rows that changed concurrently or exceeded the limit are searched for again, unless
        // nothing could be deleted.
        let again = gone > 0 && (picked > gone || picked == AT_ONCE);
        Ok(Some(if again { block } else { end }))
    }

    /// Deletes the archived sums of a day after `after`, and returns that day.
    async fn purge_archive(
        &self,
        connection: &Connection,
        purge: &Purge,
        after: Option<Date>,
    ) -> Result<Option<Date>, StoreError> {
        let sql = self.sql(include_str!("sql/purge_archive.sql"));
        let parameters: [Parameter<'_>; 2] =
            [(&Day(purge.before.date()), Type::DATE), (&after.map(Day), Type::DATE)];
        in_transaction(connection, "", async {
            let client = connection.client();
            let row = connection.in_time(client.query_typed_one(&sql, &parameters)).await?;
            Ok(row.try_get(0)?)
        })
        .await
    }

    async fn note_progress(
        &self,
        connection: &Connection,
        purge: &Purge,
        sales: i64,
        orders: i64,
    ) -> Result<(), StoreError> {
        let sql = self.sql(
            "UPDATE {schema}.purges SET sales = sales + $2, orders = orders + $3 WHERE id = $1",
        );
        let parameters: [Parameter<'_>; 3] =
            [(&purge.id, Type::INT8), (&sales, Type::INT8), (&orders, Type::INT8)];
        connection.in_time(connection.client().execute_typed(&sql, &parameters)).await?;
        Ok(())
    }

    /// The number of blocks of a table; of a partitioned one, those of its largest partition.
    async fn blocks(&self, connection: &Connection, table: &str) -> Result<u64, StoreError> {
        let sql = "SELECT greatest(pg_relation_size(whole), \
                                   (SELECT max(pg_relation_size(relid)) FROM pg_partition_tree(whole))) \
                          / current_setting('block_size')::bigint \
                   FROM (SELECT $1::text::regclass) AS named (whole)";
        let name = self.sql(&format!("{{schema}}.{table}"));
        let asked: [Parameter<'_>; 1] = [(&name, Type::TEXT)];
        let row = connection.in_time(connection.client().query_typed_one(sql, &asked)).await?;
        u64::try_from(row.try_get::<_, i64>(0)?)
            .map_err(|_| StoreError::Permanent(Cause::new("the size of a table is negative")))
    }
}

/// Does `work` in a durable transaction that begins with `setting`.
async fn in_transaction<T>(
    connection: &Connection,
    setting: &str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let begin = format!("{}; SET LOCAL synchronous_commit = on; {setting}", connection.begin());
    let all = async {
        connection.in_time(connection.client().batch_execute(&begin)).await?;
        let done = work.await?;
        fail::fail_point!("purge_uncommitted");
        connection.in_time(connection.client().batch_execute("COMMIT")).await?;
        Ok(done)
    };
    connection.transaction(all).await
}

//! Commits a batch: its rows and the partition's next offset, in one statement.

use tokio_postgres::{Row, types::ToSql};

use super::{Cause, Store, StoreError, columns::Columns, pool::Lent};
use crate::{
    kafka::{NextOffset, Span},
    order::{Reason, Rejection},
    process::ProcessedBatch,
};

/// Proof that everything in a span has been committed; only [`Session`] makes one.
#[derive(Debug)]
#[must_use]
pub struct Committed {
    span: Span,
}

impl Committed {
    /// Where the partition goes on.
    #[must_use]
    pub const fn next_offset(&self) -> NextOffset {
        self.span.to()
    }
}

/// A connection lent by the pool, with its statements prepared. Commits on it may overlap: they are
/// sent in the order in which they are first polled, and each depends on the one before.
#[derive(Debug)]
pub struct Session<'a> {
    store: &'a Store,
    lent: Lent<'a>,
}

impl<'a> Session<'a> {
    pub(super) const fn new(store: &'a Store, lent: Lent<'a>) -> Self {
        Self { store, lent }
    }

    /// Writes what the batch became and moves the partition to the end of its span; all or nothing.
    ///
    /// # Errors
    /// Any [`StoreError`]. After [`StoreError::Transient`] it is unknown whether the batch was
    /// committed; after the others it was not.
    pub async fn commit(&self, batch: &ProcessedBatch) -> Result<Committed, StoreError> {
        let connection = self.lent.connection()?;
        let columns = Columns::of(batch);
        let Columns { sales, orders, dead_letters } = &columns;
        let (partition, span) = (batch.partition(), batch.span());
        let (from, to) = (span.from().get(), span.to().get());
        let topic: &str = &partition.topic;

        // $1 to $10 of both statements.
        let for_sales: [&(dyn ToSql + Sync); 10] = [
            &topic,
            &partition.partition,
            &partition.topic_id,
            &from,
            &to,
            &self.store.instance,
            &self.store.synchronous_commit,
            &sales.numbers,
            &sales.totals,
            &sales.unlisted,
        ];
        let client = connection.client();
        if columns.only_sales() {
            let statement = connection.commit_sales().await?;
            let row = connection.in_time(client.query_one(statement, &for_sales)).await?;
            if moved(&row)? {
                return Ok(Committed { span });
            }
        }
        // $11 to $20 of commit.sql.
        let for_the_rest: [&(dyn ToSql + Sync); 10] = [
            &orders.ids,
            &orders.numbered,
            &orders.totals,
            &orders.items,
            &orders.sold_at,
            &dead_letters.offsets,
            &dead_letters.keys,
            &dead_letters.payloads,
            &dead_letters.reasons,
            &dead_letters.details,
        ];
        let parameters = [for_sales, for_the_rest].concat();
        let statement = connection.commit().await?;
        let row = connection.in_time(client.query_one(statement, &parameters)).await?;
        if moved(&row)? { Ok(Committed { span }) } else { Err(StoreError::Fenced) }
    }

    /// Commits a batch of which the database rejected a row: split until each rejected order stands
    /// alone, all in one transaction, and those as dead letters ([`Reason::RejectedByDatabase`]).
    /// Returns the batch as it was committed.
    ///
    /// # Errors
    /// As [`Self::commit`]. If the database rejects every order of a batch of several in the same
    /// way it is the table that is wrong and not the orders: [`StoreError::Permanent`], and nothing
    /// was written.
    pub async fn commit_in_parts(
        &self,
        batch: ProcessedBatch,
    ) -> Result<(Committed, ProcessedBatch), StoreError> {
        let committed = self.in_transaction(batch).await;
        if committed.is_err() {
            // Whatever the transaction held ends with its connection.
            self.lent.connection()?.give_up();
        }
        committed
    }

    async fn in_transaction(
        &self,
        batch: ProcessedBatch,
    ) -> Result<(Committed, ProcessedBatch), StoreError> {
        let (span, orders) = (batch.span(), batch.orders());
        // Constraints that wait for the transaction's end would name no order.
        let begin = self.store.begin();
        self.execute(&format!("{begin}; SET CONSTRAINTS ALL IMMEDIATE")).await?;
        let (mut committed, mut causes) = (Vec::new(), Vec::new());
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            self.execute("SAVEPOINT part").await?;
            match self.commit(&part).await {
                Ok(_) => {
                    self.execute("RELEASE SAVEPOINT part").await?;
                    committed.push(part);
                }
                Err(StoreError::Data(cause)) => {
                    self.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part").await?;
                    match part.into_halves() {
                        // The first half is on top, since each part goes on where the last ended.
                        Ok((first, second)) => parts.extend([second, first]),
                        Err(alone) if alone.orders() == 0 => {
                            return Err(StoreError::Permanent(cause));
                        }
                        Err(alone) => {
                            let reason = Reason::RejectedByDatabase;
                            parts.push(alone.rejected(&Rejection::new(reason, cause.in_full())));
                            causes.push(cause);
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(cause) = alike(&causes).filter(|_| orders > 1 && causes.len() == orders) {
            return Err(StoreError::Permanent(Cause::new(format!(
                "every order of the batch {span} is rejected alike, so the table is wrong and not \
                 the orders: {cause}"
            ))));
        }
        self.execute("COMMIT").await?;
        let batch = ProcessedBatch::rejoined(committed)
            .ok_or_else(|| StoreError::Permanent(Cause::new("a batch without a span")))?;
        Ok((Committed { span }, batch))
    }

    async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        let connection = self.lent.connection()?;
        connection.in_time(connection.client().batch_execute(sql)).await
    }
}

/// Whether the statement found the partition where the batch starts.
fn moved(row: &Row) -> Result<bool, StoreError> {
    Ok(row.try_get::<_, i64>(0)? > 0)
}

/// The cause that all of them share, if they do.
fn alike(causes: &[Cause]) -> Option<&Cause> {
    let (first, rest) = causes.split_first()?;
    rest.iter().all(|cause| cause.is_like(first)).then_some(first)
}

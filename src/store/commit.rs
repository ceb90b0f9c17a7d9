//! Commits a batch: its rows and the partition's next offset, in one statement.

use tokio_postgres::{Row, types::Type};

use super::{
    Cause, Store, StoreError,
    columns::Columns,
    pool::Lent,
    session::{CommitStatement, Parameter},
};
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
        let leader_epoch = batch.end().leader_epoch;
        let topic: &str = &partition.topic;

        // $1 to $8 of all statements.
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&topic, Type::TEXT),
            (&partition.partition, Type::INT4),
            (&partition.topic_id, Type::UUID),
            (&from, Type::INT8),
            (&to, Type::INT8),
            (&leader_epoch, Type::INT4),
            (&self.store.instance, Type::UUID),
            (&self.store.synchronous_commit, Type::TEXT),
        ];
        let for_orders: Parameter<'_> = (orders, connection.order_rows()?);
        if columns.only_orders() {
            parameters.push(for_orders);
            let row = connection.answer(CommitStatement::OnlyOrders, &parameters).await?;
            return if moved(&row)? { Ok(Committed { span }) } else { Err(StoreError::Fenced) };
        }
        // $9 and $10 of the other two.
        let for_sales: [Parameter<'_>; 2] =
            [(&sales.numbers, Type::INT4_ARRAY), (&sales.totals, Type::NUMERIC_ARRAY)];
        parameters.extend(for_sales);
        if columns.only_sales() {
            let row = connection.answer(CommitStatement::OnlySales, &parameters).await?;
            if moved(&row)? {
                return Ok(Committed { span });
            }
        }
        // $11 to $18 of commit.sql.
        let for_the_rest: [Parameter<'_>; 8] = [
            (&sales.unlisted, Type::INT4_ARRAY),
            (&sales.letters_before, Type::INT4_ARRAY),
            for_orders,
            (&dead_letters.offsets, Type::INT8_ARRAY),
            (&dead_letters.keys, Type::BYTEA_ARRAY),
            (&dead_letters.payloads, Type::BYTEA_ARRAY),
            (&dead_letters.reasons, Type::TEXT_ARRAY),
            (&dead_letters.details, Type::TEXT_ARRAY),
        ];
        parameters.extend(for_the_rest);
        let row = connection.answer(CommitStatement::Everything, &parameters).await?;
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
        let span = batch.span();
        let (batch, _) = self.in_transaction(batch, "COMMIT").await?;
        Ok((Committed { span }, batch))
    }

    /// The same, but nothing is written: says only what the database would take, with the cause of
    /// the first rejection, if there is one.
    ///
    /// # Errors
    /// As [`Self::commit_in_parts`].
    pub async fn try_in_parts(
        &self,
        batch: ProcessedBatch,
    ) -> Result<(ProcessedBatch, Option<Cause>), StoreError> {
        self.in_transaction(batch, "ROLLBACK").await
    }

    async fn in_transaction(
        &self,
        batch: ProcessedBatch,
        end: &str,
    ) -> Result<(ProcessedBatch, Option<Cause>), StoreError> {
        // Constraints that wait for the transaction's end would name no order.
        let tried = async {
            let begin = self.lent.connection()?.begin();
            self.execute(&format!("{begin}; SET CONSTRAINTS ALL IMMEDIATE")).await?;
            let tried = self.write_in_parts(batch).await?;
            self.execute(end).await?;
            Ok(tried)
        };
        let tried = tried.await;
        if tried.is_err() {
            // Whatever the transaction held ends with its connection.
            self.lent.connection()?.give_up();
        }
        tried
    }

    async fn write_in_parts(
        &self,
        batch: ProcessedBatch,
    ) -> Result<(ProcessedBatch, Option<Cause>), StoreError> {
        let (span, orders) = (batch.span(), batch.orders());
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
        let batch = ProcessedBatch::rejoined(committed)
            .ok_or_else(|| StoreError::Permanent(Cause::new("a batch without a span")))?;
        // Parts are written in order, so the first cause is that of the first order.
        Ok((batch, causes.into_iter().next()))
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

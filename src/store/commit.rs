//! Commits a batch: its rows and the partition's next offset in one statement.

use jiff::civil::DateTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    columns::Columns,
    database::Store,
    error::{Cause, StoreError},
    notes::NoteColumns,
    pool::Lent,
    rows::WallClock,
    session::Parameter,
    statement::{self, CommitStatement, WriteMode},
};
use crate::{
    kafka::{NextOffset, Span},
    order::{Reason, Rejection},
    process::ProcessedBatch,
};

/// Proof that everything in a span is committed; only [`Session`] creates one.
#[derive(Debug)]
#[must_use]
pub struct Committed {
    span: Span,
}

impl Committed {
    /// The partition's next offset.
    #[must_use]
    pub const fn next_offset(&self) -> NextOffset {
        self.span.to()
    }
}

/// A connection from the pool, with its prepared statements. Commits on it may overlap: they are
/// sent in the order in which they are first polled, and each depends on the previous one.
#[derive(Debug)]
pub struct Session<'a> {
    store: &'a Store,
    lent: Lent<'a>,
}

impl Store {
    /// Waits for a connection from the pool to commit batches on.
    ///
    /// # Errors
    /// [`StoreError::Transient`] if the server is unreachable or the pool exhausted,
    /// [`StoreError::Permanent`] if it rejects the login.
    pub async fn session(&self) -> Result<Session<'_>, StoreError> {
        let lent = self.lend().await?;
        // Done here because a later round trip would let one batch overtake another.
        lent.connection()?.look_up_order_rows().await?;
        Ok(Session { store: self, lent })
    }
}

impl Session<'_> {
    /// Chooses and prepares the statement that commits this batch.
    ///
    /// # Errors
    /// [`StoreError::Transient`] and [`StoreError::Permanent`].
    pub async fn prepare(
        &self,
        batch: &ProcessedBatch,
        mode: WriteMode,
    ) -> Result<CommitStatement, StoreError> {
        let statement = CommitStatement::of(batch, mode);
        self.lent.connection()?.prepare(statement).await?;
        Ok(statement)
    }

    /// Atomically writes the batch's rows and moves the partition's next offset to the end of its
    /// span. The statement comes from [`Self::prepare`].
    ///
    /// # Errors
    /// Any [`StoreError`]. After [`StoreError::Transient`] it is unknown whether the batch was
    /// committed; after the others it was not.
    pub async fn commit(
        &self,
        batch: &ProcessedBatch,
        statement: CommitStatement,
    ) -> Result<Committed, StoreError> {
        let columns = Columns::of(batch);
        let notes = NoteColumns::of(&columns.notes);
        let connection = self.lent.connection()?;
        let step = Step::of(self.store, batch, notes.are_complete());
        let mut parameters = step.parameters().to_vec();
        if statement.orders {
            parameters.push((&columns.orders, connection.order_rows()?));
            parameters.extend(notes.of_orders());
        }
        if statement.unlisted {
            parameters.push((&columns.sales.unlisted, Type::INT8_ARRAY));
        }
        if statement.sales {
            parameters.extend(columns.sales.parameters());
            parameters.extend(notes.of_sales());
        }
        if statement.dead_letters {
            parameters.extend(columns.dead_letters.parameters());
        }
        let answer = connection.answer(statement, &parameters).await;
        let row = match (answer, statement.mode) {
            (Err(StoreError::Data(cause)), WriteMode::Insert) if cause.is_unique_violation() => {
                return Err(StoreError::NotNew);
            }
            (answer, _) => answer?,
        };
        let purged_before: Option<DateTime> = row.try_get(1)?;
        if purged_before != batch.purge_boundary() {
            // The batch is judged again by the boundary that the statement returned.
            self.store.server.retention.set(purged_before);
            return Err(StoreError::Fenced);
        }
        match (row.try_get::<_, i64>(0)? > 0, row.try_get::<_, bool>(2)?) {
            (true, _) => Ok(Committed { span: batch.span() }),
            (false, true) => Err(StoreError::NotNew),
            (false, false) => Err(StoreError::Fenced),
        }
    }

    async fn upsert(&self, batch: &ProcessedBatch) -> Result<Committed, StoreError> {
        let statement = self.prepare(batch, WriteMode::Upsert).await?;
        self.commit(batch, statement).await
    }

    /// Commits a batch of which the database rejected a row. In one transaction, splits the batch
    /// until each record with a rejected order is isolated, and writes these records as dead
    /// letters ([`Reason::RejectedByDatabase`]). The orders of one record are kept together.
    /// Returns the batch as committed.
    ///
    /// # Errors
    /// As [`Self::commit`]. If the database rejects every order of a batch of several for the same
    /// reason, the table is at fault and not the orders: [`StoreError::Permanent`], and nothing is
    /// written.
    pub async fn commit_in_parts(
        &self,
        batch: ProcessedBatch,
    ) -> Result<(Committed, ProcessedBatch), StoreError> {
        let span = batch.span();
        let (batch, _) = self.in_transaction(batch, "COMMIT").await?;
        Ok((Committed { span }, batch))
    }

    /// As [`Self::commit_in_parts`], but rolls back: reports which orders the database would
    /// accept, with the cause of the first rejection, if any.
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
        // Deferred constraints would fail at commit and not identify the order.
        let connection = self.lent.connection()?;
        let tried = async {
            let begin = connection.begin();
            self.execute(&format!("{begin}; SET CONSTRAINTS ALL IMMEDIATE")).await?;
            let tried = self.write_in_parts(batch).await?;
            self.execute(end).await?;
            Ok(tried)
        };
        connection.transaction(tried).await
    }

    async fn write_in_parts(
        &self,
        batch: ProcessedBatch,
    ) -> Result<(ProcessedBatch, Option<Cause>), StoreError> {
        let (span, records) = (batch.span(), batch.records_with_orders());
        let partition = batch.partition().clone();
        let (mut committed, mut causes) = (Vec::new(), Vec::new());
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            self.execute("SAVEPOINT part").await?;
            match self.upsert(&part).await {
                Ok(_) => {
                    self.execute("RELEASE SAVEPOINT part").await?;
                    committed.push(part);
                }
                Err(StoreError::Data(cause)) => {
                    self.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part").await?;
                    match part.into_halves() {
                        // The first half is on top of the stack: each part starts where the
                        // previous one ended.
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
        if let Some(cause) =
            common_cause(&causes).filter(|_| records > 1 && causes.len() == records)
        {
            return Err(StoreError::Permanent(Cause::new(format!(
                "every order of {partition} in {span} was rejected for the same reason, check the \
                 table's constraints and triggers: {cause}"
            ))));
        }
        let batch = ProcessedBatch::joined(committed)
            .ok_or_else(|| StoreError::Permanent(Cause::new("the batch has no span")))?;
        // Parts are written in order, so the first cause is that of the first order.
        Ok((batch, causes.into_iter().next()))
    }

    async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        let connection = self.lent.connection()?;
        connection.in_time(connection.client().batch_execute(sql)).await
    }
}

/// How a commit moves the partition's next offset past a batch.
struct Step<'a> {
    topic: &'a str,
    partition: i32,
    topic_id: Uuid,
    from: i64,
    to: i64,
    leader_epoch: Option<i32>,
    instance: Uuid,
    judged_by: Option<WallClock>,
    synchronous_commit: &'static str,
    /// Whether the statement itself records what it adds to the sums.
    noted: bool,
}

impl<'a> Step<'a> {
    fn of(store: &Store, batch: &'a ProcessedBatch, noted: bool) -> Self {
        let (partition, span) = (batch.partition(), batch.span());
        Self {
            topic: &partition.topic,
            partition: partition.partition,
            topic_id: partition.topic_id,
            from: span.from().get(),
            to: span.to().get(),
            leader_epoch: batch.end().leader_epoch,
            instance: store.instance,
            judged_by: batch.purge_boundary().map(WallClock),
            synchronous_commit: store.synchronous_commit,
            noted,
        }
    }

    fn parameters(&self) -> [Parameter<'_>; statement::STEP.len()] {
        [
            (&self.topic, Type::TEXT),
            (&self.partition, Type::INT4),
            (&self.topic_id, Type::UUID),
            (&self.from, Type::INT8),
            (&self.to, Type::INT8),
            (&self.leader_epoch, Type::INT4),
            (&self.instance, Type::UUID),
            (&self.judged_by, Type::TIMESTAMP),
            (&self.synchronous_commit, Type::TEXT),
            (&self.noted, Type::BOOL),
        ]
    }
}

/// The common cause, if all causes are alike.
fn common_cause(causes: &[Cause]) -> Option<&Cause> {
    let (first, rest) = causes.split_first()?;
    rest.iter().all(|cause| cause.is_like(first)).then_some(first)
}

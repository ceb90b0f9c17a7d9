//! One partition's way from its next offset onwards: commits batches in flight, in order, and finds
//! its way back after anything that went wrong.

use std::{
    collections::VecDeque,
    slice,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream::FuturesOrdered};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    Halt, Shared, Tally,
    prepare::Prepared,
    retry::{Pauses, Stopped},
};
use crate::{
    config::{OnDataLoss, OnDeadLetter},
    kafka::{NextOffset, Position, TopicPartition},
    outage::Gravity,
    process::ProcessedBatch,
    store::{Committed, PartitionRow, Session, StoreError},
    telemetry::Partition,
};

/// Batches in flight at the beginning of a turn; one more with each that comes back. Where many wait
/// for a connection, turns are so short that this is all of them.
const FIRST_IN_FLIGHT: usize = 2;

/// How long after the last of its batches a partition finds out whether PostgreSQL has kept them.
const CONFIRM_AFTER: Duration = Duration::from_secs(2);

/// How often a partition without new records finds out whether PostgreSQL has kept what it confirmed: a
/// standby that is promoted may not have it.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Works one partition.
pub(super) struct Worker {
    shared: Arc<Shared>,
    partition: TopicPartition,
    next: Position,
    /// Whether something was committed that a crash of PostgreSQL could still take back.
    unconfirmed: bool,
    end: Option<NextOffset>,
    stop: CancellationToken,
    told: Arc<Partition>,
    pauses: Pauses,
    tally: Tally,
}

/// Where a partition has halted, and why.
#[derive(Debug)]
pub(super) struct Halted {
    pub(super) halt: Halt,
    pub(super) next_offset: NextOffset,
}

/// Why a walk ended.
enum Ended {
    /// Everything before the end is committed.
    AtEnd,
    /// The partition goes on elsewhere than where the walk was.
    Elsewhere,
}

/// Why a walk cannot go on.
enum Broken {
    Halted(Halt),
    Stopped,
}

impl From<Halt> for Broken {
    fn from(halt: Halt) -> Self {
        Self::Halted(halt)
    }
}

impl From<Stopped> for Broken {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        (partition, told): (TopicPartition, Arc<Partition>),
        next: Position,
        end: Option<NextOffset>,
        stop: CancellationToken,
    ) -> Self {
        let (pauses, tally) = (Pauses::new(), Tally::default());
        Self { shared, partition, next, unconfirmed: false, end, stop, told, pauses, tally }
    }

    /// Works until the end, if there is one, or until told to stop.
    ///
    /// # Errors
    /// [`Halted`], if the partition needs a person's decision.
    pub(super) async fn run(mut self) -> Result<Tally, Halted> {
        loop {
            let halt = match self.work().await {
                Ok(()) | Err(Broken::Stopped) => return Ok(self.tally),
                Err(Broken::Halted(halt)) => halt,
            };
            let to = match self.shared.settings.on_data_loss {
                OnDataLoss::Continue => halt.behind_loss(),
                OnDataLoss::Halt => None,
            };
            let passed = match to {
                Some(to) => self.pass_over_loss(&halt, to).await,
                None => Err(halt.into()),
            };
            match passed {
                Ok(()) => {}
                Err(Broken::Stopped) => return Ok(self.tally),
                Err(Broken::Halted(halt)) => {
                    return Err(Halted { halt, next_offset: self.next.next_offset });
                }
            }
        }
    }

    async fn pass_over_loss(&mut self, halt: &Halt, to: NextOffset) -> Result<(), Broken> {
        loop {
            let row = self.row().await?;
            if row.next_offset != self.next.next_offset {
                // Somebody has decided meanwhile.
                self.next = row.position();
                return Ok(());
            }
            let to = (self.partition.topic_id, to);
            let passed =
                self.shared.pass_over_loss(&self.partition, row.next_offset, to, halt).await;
            // Where it has moved, the row says so.
            if let Err(error) = passed {
                self.react(error).await?;
            }
        }
    }

    async fn work(&mut self) -> Result<(), Broken> {
        loop {
            match self.walk().await? {
                Ended::Elsewhere => {}
                Ended::AtEnd => {
                    // A crash of PostgreSQL can still take back what it has only promised.
                    let row = self.durable_row().await?;
                    self.next = row.position();
                    if self.end.is_some_and(|end| self.next.next_offset >= end) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// From `self.next` to the end, or to where something went wrong that cannot be mended on the
    /// way.
    async fn walk(&mut self) -> Result<Ended, Broken> {
        let shared = Arc::clone(&self.shared);
        let mut prepared = Prepared::start(&shared, self.partition.clone(), self.next, self.end);
        let mut pending = VecDeque::new();
        let mut failovers = shared.store.failovers();
        while !self.stop.is_cancelled() {
            if pending.is_empty() {
                let next = tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return Err(Broken::Stopped),
                    next = prepared.next() => next,
                    () = self.doubt(&mut failovers) => {
                        // Where nothing more comes, no commit would ever find out.
                        let row = match self.unconfirmed {
                            true => self.durable_row().await?,
                            false => self.row().await?,
                        };
                        if row.next_offset != self.next.next_offset {
                            self.next = row.position();
                            return Ok(Ended::Elsewhere);
                        }
                        self.unconfirmed = false;
                        continue;
                    }
                };
                match next {
                    Some(Ok(batch)) => pending.push_back(batch),
                    Some(Err(halt)) => return Err(halt.into()),
                    None => return Ok(Ended::AtEnd),
                }
            }
            let session = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Broken::Stopped),
                session = shared.store.session() => session,
            };
            let outcome = match session {
                Ok(session) => self.commit_some(&session, &mut pending, &mut prepared).await?,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                self.react(error).await?;
                let row = self.row().await?;
                self.next = row.position();
                pending.retain(|batch| batch.span().to() > row.next_offset);
                if pending.front().is_none_or(|batch| batch.span().from() != row.next_offset) {
                    return Ok(Ended::Elsewhere);
                }
            }
        }
        Err(Broken::Stopped)
    }

    /// Waits until it is time to find out where the partition stands, although nothing has come.
    async fn doubt(&self, failovers: &mut watch::Receiver<u64>) {
        let after = if self.unconfirmed { CONFIRM_AFTER } else { LOOK_AGAIN_AFTER };
        tokio::select! {
            Ok(()) = failovers.changed() => {}
            () = tokio::time::sleep(after) => {}
        }
    }

    /// Commits `pending` and what is prepared behind it, several batches in flight, until nothing is
    /// in flight or the connection has to be given to others.
    ///
    /// The inner error is that of the first batch that failed; `pending` then holds it and all that
    /// were not committed after it, in order. A row that the database rejects is dealt with here.
    async fn commit_some(
        &mut self,
        session: &Session<'_>,
        pending: &mut VecDeque<ProcessedBatch>,
        prepared: &mut Prepared,
    ) -> Result<Result<(), StoreError>, Broken> {
        // A turn begins with the first batch, so that none passes before anything is sent.
        let mut begun: Option<Instant> = None;
        let mut allowed = FIRST_IN_FLIGHT;
        let mut in_flight = FuturesOrdered::new();
        let mut failed: Option<StoreError> = None;
        let mut halt = None;
        let mut uncommitted = VecDeque::new();
        let mut more = true;
        loop {
            let depth = self.shared.settings.depth.min(allowed);
            let in_turn = begun.is_none_or(|begun| begun.elapsed() < self.shared.store.turn());
            let open = in_turn && failed.is_none() && !self.stop.is_cancelled();
            while open
                && in_flight.len() < depth
                && let Some(batch) = pending.pop_front()
            {
                begun.get_or_insert_with(Instant::now);
                in_flight.push_back(commit(session, batch));
            }
            let wants_more = open && more && in_flight.len() < depth;
            tokio::select! {
                Some(Attempt { batch, asked, result }) = in_flight.next() => {
                    allowed += 1;
                    match result {
                        Ok(committed) => self.advance(committed, &batch, asked),
                        Err(error) => {
                            failed.get_or_insert(error);
                            uncommitted.push_back(batch);
                        }
                    }
                }
                next = prepared.next(), if wants_more && !in_flight.is_empty() => match next {
                    Some(Ok(batch)) => pending.push_back(batch),
                    Some(Err(reason)) => {
                        more = false;
                        halt = Some(reason);
                    }
                    None => more = false,
                },
                else => break,
            }
        }
        uncommitted.append(pending);
        *pending = uncommitted;
        if let Some(StoreError::Data(_)) = failed {
            failed = match pending.pop_front() {
                Some(batch) => match self.shared.settings.on_dead_letter {
                    OnDeadLetter::Record => self.commit_in_parts(session, batch).await.err(),
                    OnDeadLetter::Halt => match self.commit_until_halt(session, batch).await {
                        Ok(reason) => {
                            halt = reason;
                            None
                        }
                        Err(error) => Some(error),
                    },
                },
                None => None,
            };
        }
        match (failed, halt) {
            (Some(error), _) => Ok(Err(error)),
            (None, Some(halt)) => Err(halt.into()),
            (None, None) => Ok(Ok(())),
        }
    }

    async fn commit_in_parts(
        &mut self,
        session: &Session<'_>,
        batch: ProcessedBatch,
    ) -> Result<(), StoreError> {
        let asked = Instant::now();
        let (committed, batch) = session.commit_in_parts(batch).await?;
        self.advance(committed, &batch, asked);
        Ok(())
    }

    /// Commits what lies before the first order that the database rejects.
    async fn commit_until_halt(
        &mut self,
        session: &Session<'_>,
        batch: ProcessedBatch,
    ) -> Result<Option<Halt>, StoreError> {
        let asked = Instant::now();
        let (batch, cause) = session.try_in_parts(batch).await?;
        let (before, halt) = self.shared.until_halt(batch, cause.as_ref());
        if let Some(before) = before {
            let committed = session.commit_amid_others(&before).await?;
            self.advance(committed, &before, asked);
        }
        Ok(halt)
    }

    /// Only proof moves the worker on.
    fn advance(&mut self, committed: Committed, batch: &ProcessedBatch, asked: Instant) {
        debug_assert_eq!(committed.next_offset(), batch.span().to());
        self.next = batch.end();
        self.unconfirmed = true;
        self.shared.postgres.recovered(asked);
        self.told.trouble.recovered(asked);
        self.told.moved(self.next.next_offset);
        self.pauses.reset();
        let telemetry = &self.shared.telemetry;
        let tally = Tally::of(batch);
        self.shared.letters.tell(batch, telemetry);
        telemetry.committed(&tally, asked.elapsed());
        self.shared.unmapped.tell(&self.partition.topic, tally.unmapped);
        self.tally.add(&tally);
    }

    /// Waits where waiting helps, and says what has to be said.
    async fn react(&mut self, error: StoreError) -> Result<(), Stopped> {
        match &error {
            StoreError::Fenced => return Ok(()),
            StoreError::Transient(cause) => {
                self.shared.postgres.failed(Gravity::PassesByItself, cause);
                return self.pauses.pause_during(&self.shared.postgres, &self.stop).await;
            }
            StoreError::Data(cause) | StoreError::Permanent(cause) => {
                let cause = format_args!("{}: {cause}", self.partition);
                self.told.trouble.failed(Gravity::NeedsAPerson, &cause);
            }
        }
        self.pauses.pause(&self.stop).await
    }

    /// Where the partition stands in PostgreSQL.
    async fn row(&mut self) -> Result<PartitionRow, Broken> {
        loop {
            let read = tokio::select! {
                () = self.stop.cancelled() => return Err(Broken::Stopped),
                read = self.shared.store.partition(&self.partition) => read,
            };
            match read {
                Ok(row) => return self.own(row).await,
                Err(error) => self.react(error).await?,
            }
        }
    }

    /// The same, after everything that was committed has been made durable.
    async fn durable_row(&mut self) -> Result<PartitionRow, Broken> {
        loop {
            let asked = Instant::now();
            let read = tokio::select! {
                () = self.stop.cancelled() => return Err(Broken::Stopped),
                read = self.shared.store.make_durable(slice::from_ref(&self.partition)) => read,
            };
            match read {
                Ok(mut rows) => {
                    self.shared.postgres.recovered(asked);
                    return self.own(rows.pop()).await;
                }
                Err(error) => self.react(error).await?,
            }
        }
    }

    /// Makes sure that the row is there and still this topic's, and says so if it does not stand where
    /// this worker left it.
    async fn own(&mut self, row: Option<PartitionRow>) -> Result<PartitionRow, Broken> {
        let row = match row {
            Some(row) => row,
            None => self.begin_again().await?,
        };
        if row.partition.topic_id != self.partition.topic_id {
            return Err(Halt::OtherTopic(self.partition.clone(), row.next_offset).into());
        }
        let (topic, partition) = (&self.partition.topic, self.partition.partition);
        let (next_offset, before) = (row.next_offset, self.next.next_offset);
        if row.moved_by != self.shared.store.instance() && next_offset != before {
            warn!(%topic, partition, %next_offset, "fenced: another instance has moved this partition");
            self.pauses.pause(&self.stop).await?;
        } else if next_offset < before {
            // Only proof moves the worker on, so these were there.
            warn!(
                %topic, partition, %next_offset, committed = %before,
                "PostgreSQL has lost commits: processing these records again"
            );
        }
        self.told.moved(row.next_offset);
        Ok(row)
    }

    /// The row, made again where a standby was promoted that had not got it yet, and so nothing that was
    /// committed after it.
    async fn begin_again(&mut self) -> Result<PartitionRow, Broken> {
        let halt = Halt::NoOffset(self.partition.clone(), self.next.next_offset);
        let Some(start) = self.shared.begun.lost(&self.partition, &self.shared.store) else {
            return Err(halt.into());
        };
        warn!(
            topic = %self.partition.topic, partition = self.partition.partition,
            next_offset = %start, committed = %self.next.next_offset,
            "PostgreSQL has lost the partition's offset: processing it again from where it started"
        );
        let starts = [(self.partition.clone(), start)];
        loop {
            let made = async {
                self.shared.store.start_partitions(&starts).await?;
                self.shared.store.partition(&self.partition).await
            };
            match made.await {
                Ok(Some(row)) => return Ok(row),
                Ok(None) => return Err(halt.into()),
                Err(error) => self.react(error).await?,
            }
        }
    }
}

/// A batch whose commit was tried.
struct Attempt {
    batch: ProcessedBatch,
    asked: Instant,
    result: Result<Committed, StoreError>,
}

async fn commit(session: &Session<'_>, batch: ProcessedBatch) -> Attempt {
    let asked = Instant::now();
    let result = session.commit(&batch).await;
    Attempt { batch, asked, result }
}

//! Processes one partition from its next offset: commits batches in order, several in flight, and
//! recovers after failures.
//!
//! `commits` commits batches, `guess` decides whether to insert or upsert, and `place` reads the
//! partition's offset in PostgreSQL.

mod commits;
mod guess;
mod place;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    halt::Halt,
    prepare::Prepared,
    retry::{Pauses, Stopped},
    shared::Shared,
};
use guess::Guess;

use crate::{
    config::OnDataLoss,
    kafka::{NextOffset, Position, TopicPartition},
    outage::Severity,
    store::StoreError,
    tally::Tally,
    telemetry::Partition,
};

/// How long after its last batch a worker checks whether PostgreSQL has kept its commits.
const CONFIRM_AFTER: Duration = Duration::from_secs(2);

/// How often the worker of a partition without new records checks whether PostgreSQL has kept
/// confirmed commits: a promoted standby may lack them.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Processes one partition.
pub(super) struct Worker {
    shared: Arc<Shared>,
    partition: TopicPartition,
    next: Position,
    /// Whether there are commits, or possible commits, that a crash of PostgreSQL could still
    /// revert.
    unconfirmed: bool,
    end: Option<NextOffset>,
    stop: CancellationToken,
    status: Arc<Partition>,
    pauses: Pauses,
    guess: Guess,
    tally: Tally,
}

/// Where and why a partition is halted.
#[derive(Debug)]
pub(super) struct Halted {
    pub(super) halt: Halt,
    pub(super) next_offset: NextOffset,
}

/// Why a pass over the partition ended.
enum Ended {
    /// Everything before the end is committed.
    AtEnd,
    /// The partition continues at a different offset.
    Elsewhere,
}

/// Why a pass cannot continue.
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
        (partition, status): (TopicPartition, Arc<Partition>),
        next: Position,
        end: Option<NextOffset>,
        stop: CancellationToken,
    ) -> Self {
        let (pauses, guess, tally) = (Pauses::new(), Guess::default(), Tally::default());
        Self {
            shared,
            partition,
            next,
            unconfirmed: false,
            end,
            stop,
            status,
            pauses,
            guess,
            tally,
        }
    }

    /// Processes the partition until its end, if there is one, or until told to stop.
    ///
    /// # Errors
    /// [`Halted`] if the partition needs an operator's decision.
    pub(super) async fn run(mut self) -> Result<Tally, Halted> {
        loop {
            let halt = match self.work().await {
                Ok(()) | Err(Broken::Stopped) => return Ok(self.tally),
                Err(Broken::Halted(halt)) => halt,
            };
            let to = match self.shared.settings.on_data_loss {
                OnDataLoss::Continue => halt.offset_after_loss(),
                OnDataLoss::Halt => None,
            };
            let passed = match to {
                Some(to) => self.skip_lost_data(&halt, to).await,
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

    async fn skip_lost_data(&mut self, halt: &Halt, to: NextOffset) -> Result<(), Broken> {
        loop {
            let row = self.row().await?;
            if row.next_offset != self.next.next_offset {
                // An operator has reset the offset.
                self.next = row.position();
                return Ok(());
            }
            let to = (self.partition.topic_id, to);
            let passed =
                self.shared.skip_lost_data(&self.partition, row.next_offset, to, halt).await;
            // If it has moved, the row shows that.
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
                    // A crash of PostgreSQL can still revert commits that are not durable.
                    let row = self.durable_row().await?;
                    self.next = row.position();
                    if self.end.is_some_and(|end| self.next.next_offset >= end) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Processes from `self.next` to the end, or to a failure that requires starting again at a
    /// different offset.
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
                        // Without new records, no commit would detect it.
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
                // The failed commit may have succeeded, and may have been the last.
                self.unconfirmed = true;
                pending.retain(|batch| batch.span().to() > row.next_offset);
                if pending.front().is_none_or(|batch| batch.span().from() != row.next_offset) {
                    return Ok(Ended::Elsewhere);
                }
            }
        }
        Err(Broken::Stopped)
    }

    /// Waits until it is time to check the partition's offset although there are no new records.
    async fn doubt(&self, failovers: &mut watch::Receiver<u64>) {
        let after = if self.unconfirmed { CONFIRM_AFTER } else { LOOK_AGAIN_AFTER };
        tokio::select! {
            Ok(()) = failovers.changed() => {}
            () = tokio::time::sleep(after) => {}
        }
    }

    /// Reports an error, and waits if that helps.
    async fn react(&mut self, error: StoreError) -> Result<(), Stopped> {
        match &error {
            StoreError::Fenced | StoreError::NotNew => return Ok(()),
            StoreError::Transient(cause) => {
                self.shared.postgres.failed(Severity::Transient, cause);
                return self.pauses.pause_during(&self.shared.postgres, &self.stop).await;
            }
            StoreError::Data(cause) | StoreError::Permanent(cause) => {
                let cause = format_args!("{}: {cause}", self.partition);
                self.status.trouble.failed(Severity::NeedsAttention, &cause);
            }
        }
        self.pauses.pause(&self.stop).await
    }
}

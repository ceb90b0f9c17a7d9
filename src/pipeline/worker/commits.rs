//! Commits a partition's batches, several in flight, in order.

use std::{collections::VecDeque, time::Instant};

use futures::{StreamExt, stream::FuturesOrdered};

use super::{Broken, Worker};
use crate::{
    config::OnDeadLetter,
    pipeline::{Halt, Tally, prepare::Prepared},
    process::ProcessedBatch,
    store::{Committed, Session, StoreError},
};

/// Batches in flight at the beginning of a turn; one more with each that comes back. Where many wait
/// for a connection, turns are so short that this is all of them.
const FIRST_IN_FLIGHT: usize = 2;

impl Worker {
    /// Commits `pending` and what is prepared behind it, several batches in flight, until nothing is
    /// in flight or the connection has to be given to others.
    ///
    /// The inner error is that of the first batch that failed; `pending` then holds it and all that
    /// were not committed after it, in order. A row that the database rejects is dealt with here.
    pub(super) async fn commit_some(
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
                let batch = batch.judged_by(self.shared.store.known_retention());
                let (batch, purged) = self.shared.until_halt(batch, None);
                in_flight.extend(batch.map(|batch| commit(session, batch)));
                if purged.is_some() {
                    // Nothing behind that record is committed.
                    (halt, more) = (purged, false);
                    pending.clear();
                }
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

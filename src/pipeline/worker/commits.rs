//! Commits a partition's batches, several in flight, in order.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;
use futures::{StreamExt, stream::FuturesOrdered};

use super::{Broken, Worker};
use crate::{
    config::OnDeadLetter,
    pipeline::{Halt, Tally, prepare::Prepared},
    process::ProcessedBatch,
    store::{CommitStatement, Committed, Session, StoreError, Way},
};

/// The bytes of the records that one statement commits, unless they are of a single batch: what is done
/// at once stays small, and so does what is done again.
const MAX_BYTES: usize = 1 << 20;

/// Statements in flight at the beginning of a turn; one more with each that comes back. Where many wait
/// for a connection, turns are so short that this is all of them.
const FIRST_IN_FLIGHT: usize = 2;

impl Worker {
    /// Commits `pending` and what is prepared behind it, several statements in flight, until nothing is
    /// in flight or the connection has to be given to others.
    ///
    /// The inner error is that of the first statement that failed; `pending` then holds its batch and
    /// all that were not committed after it, in order. A row that the database rejects is dealt with
    /// here.
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
            while open && failed.is_none() && in_flight.len() < depth {
                let Some(batch) = self.gather(pending, prepared) else { break };
                begun.get_or_insert_with(Instant::now);
                let batch = batch.with_purge_boundary(self.shared.store.known_retention());
                let (batch, purged) = self.shared.until_halt(batch, None);
                if purged.is_some() {
                    // Nothing behind that record is committed.
                    (halt, more) = (purged, false);
                    pending.clear();
                }
                let Some(batch) = batch else { break };
                match session.prepare(&batch, self.guess.next()).await {
                    Ok(statement) => in_flight.push_back(commit(session, batch, statement)),
                    Err(error) => {
                        failed = Some(error);
                        pending.push_front(batch);
                    }
                }
            }
            let wants_more = open && failed.is_none() && more && in_flight.len() < depth;
            tokio::select! {
                Some(Attempt { batch, statement, asked, result }) = in_flight.next() => {
                    allowed += 1;
                    match result {
                        Ok(committed) => {
                            if statement.inserts() {
                                self.guess.right();
                            }
                            self.advance(committed, &batch, asked);
                        }
                        Err(error) => {
                            failed.get_or_insert(error);
                            uncommitted.push_back(batch);
                        }
                    }
                }
                next = prepared.next(), if wants_more && !in_flight.is_empty() => match next {
                    Some(Ok(batch)) => pending.push_back(batch),
                    Some(Err(reason)) => (halt, more) = (Some(reason), false),
                    None => more = false,
                },
                else => break,
            }
        }
        uncommitted.append(pending);
        *pending = uncommitted;
        match failed {
            Some(StoreError::NotNew) => {
                // What is pending goes on from there.
                self.guess.wrong();
                self.shared.telemetry.failed_inserts.inc();
                failed = None;
            }
            Some(StoreError::Data(_)) => {
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
            _ => {}
        }
        match (failed, halt) {
            (Some(error), _) => Ok(Err(error)),
            // Only behind what was committed; else it is met again.
            (None, Some(halt)) if pending.is_empty() => Err(halt.into()),
            (None, _) => Ok(Ok(())),
        }
    }

    /// What the next statement commits: what is pending and what is prepared behind it, as far as it is
    /// there already and fits.
    fn gather(
        &self,
        pending: &mut VecDeque<ProcessedBatch>,
        prepared: &mut Prepared,
    ) -> Option<ProcessedBatch> {
        let most = self.shared.settings.commit_records;
        let mut batch = pending.pop_front().or_else(|| prepared.next_waiting())?;
        let mut size = Size::of(&batch);
        while size.fits(most)
            && let Some(next) = pending.pop_front().or_else(|| prepared.next_waiting())
        {
            size.add(&Size::of(&next));
            if !size.fits(most) {
                pending.push_front(next);
            } else if let Err(next) = batch.append(next) {
                // It finds out by itself that it is not where the partition goes on.
                pending.push_front(*next);
                break;
            }
        }
        Some(batch)
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
            let statement = session.prepare(&before, Way::Upsert).await?;
            let committed = session.commit(&before, statement).await?;
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

/// How much a statement has to carry.
struct Size {
    records: usize,
    orders: usize,
    bytes: usize,
}

impl Size {
    fn of(batch: &ProcessedBatch) -> Self {
        let records = batch.outcomes().iter().map(|outcome| &outcome.record);
        let bytes = records.map(|record| record.payload.as_ref().map_or(0, Bytes::len)).sum();
        Self { records: batch.outcomes().len(), orders: batch.orders(), bytes }
    }

    const fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.orders += other.orders;
        self.bytes += other.bytes;
    }

    const fn fits(&self, most_records: usize) -> bool {
        self.records <= most_records && self.orders <= most_records && self.bytes <= MAX_BYTES
    }
}

/// A batch whose commit was tried.
struct Attempt {
    batch: ProcessedBatch,
    statement: CommitStatement,
    asked: Instant,
    result: Result<Committed, StoreError>,
}

async fn commit(
    session: &Session<'_>,
    batch: ProcessedBatch,
    statement: CommitStatement,
) -> Attempt {
    let asked = Instant::now();
    let result = session.commit(&batch, statement).await;
    Attempt { batch, statement, asked, result }
}

//! Commits a partition's batches, several in flight, in order.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;
use futures::{StreamExt, stream::FuturesOrdered};

use super::{Broken, Worker};
use crate::{
    config::OnDeadLetter,
    pipeline::{halt::Halt, prepare::Prepared},
    process::ProcessedBatch,
    store::{CommitStatement, Committed, Session, StoreError, WriteMode},
    tally::Tally,
};

/// The maximum record bytes that one statement commits, except for a single batch. This keeps
/// statements, and repeated work after a failure, small.
const MAX_BYTES: usize = 1 << 20;

/// Statements in flight at the start of a turn; each completed statement allows one more. If many
/// workers wait for a connection, turns are too short for more.
const FIRST_IN_FLIGHT: usize = 2;

impl Worker {
    /// Commits `pending` and the prepared batches after it, several statements in flight, until
    /// nothing is in flight or the connection has to be handed over.
    ///
    /// The inner error is that of the first failed statement; `pending` then contains its batch and
    /// all uncommitted batches after it, in order. Rows that the database rejects are handled here.
    pub(super) async fn commit_some(
        &mut self,
        session: &Session<'_>,
        pending: &mut VecDeque<ProcessedBatch>,
        prepared: &mut Prepared,
    ) -> Result<Result<(), StoreError>, Broken> {
        // A turn starts with the first batch, so that no turn ends before anything is sent.
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
                    // Nothing after that record is committed.
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
                // The pending batches continue from there.
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
            // Only after everything before it is committed; otherwise it occurs again.
            (None, Some(halt)) if pending.is_empty() => Err(halt.into()),
            (None, _) => Ok(Ok(())),
        }
    }

    /// The batch for the next statement: pending and prepared batches, as far as they are ready and
    /// fit.
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
                // Its own commit detects that it is not at the partition's next offset.
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

    /// Commits the part before the first order that the database rejects.
    async fn commit_until_halt(
        &mut self,
        session: &Session<'_>,
        batch: ProcessedBatch,
    ) -> Result<Option<Halt>, StoreError> {
        let asked = Instant::now();
        let (batch, cause) = session.try_in_parts(batch).await?;
        let (before, halt) = self.shared.until_halt(batch, cause.as_ref());
        if let Some(before) = before {
            let statement = session.prepare(&before, WriteMode::Upsert).await?;
            let committed = session.commit(&before, statement).await?;
            self.advance(committed, &before, asked);
        }
        Ok(halt)
    }

    /// Moves on after a proven commit.
    fn advance(&mut self, committed: Committed, batch: &ProcessedBatch, asked: Instant) {
        debug_assert_eq!(committed.next_offset(), batch.span().to());
        self.next = batch.end();
        self.unconfirmed = true;
        self.shared.postgres.recovered(asked);
        self.status.trouble.recovered(asked);
        self.status.moved(self.next.next_offset);
        self.pauses.reset();
        let telemetry = &self.shared.telemetry;
        let tally = Tally::of(batch);
        self.shared.dead_letter_log.log(batch, telemetry);
        telemetry.committed(&tally, asked.elapsed());
        self.shared.unmapped.warn(&self.partition.topic, tally.unmapped);
        self.tally.add(&tally);
    }
}

/// The size of a statement's data.
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

/// A batch and the result of its commit.
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

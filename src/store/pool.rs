//! The pool of connections.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bb8::{ManageConnection, Pool, PooledConnection, RunError};
use futures::FutureExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    error::{Cause, StoreError},
    server::Server,
    session::Connection,
};

/// Waiting in the queue for a connection is not an outage, however long the queue: every holder's
/// work is bounded by deadlines.
const SLOT_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// Every waiter gets a connection within about this time.
const ROUND: Duration = Duration::from_millis(250);
/// A handover costs the time in which a connection has nothing in flight.
const SHORTEST_TURN: Duration = Duration::from_micros(500);
const LONGEST_TURN: Duration = Duration::from_millis(100);

/// A slot of the pool. The borrower connects, since a pool that connects by itself does not report
/// why connecting failed.
#[derive(Debug, Default)]
pub(super) struct Slot {
    connection: Option<Connection>,
}

/// Creates slots, and drops unusable connections.
///
/// Connections are made by [`bb8_postgres::PostgresConnectionManager`] (see `encryption` and
/// `wire`), but that manager is not given to the pool. A pool connects in a background task, and a
/// waiter learns of failures only as `TimedOut`. That manager also has no deadlines, supports one
/// server only, and cannot reject a running server: its test of an idle connection waits forever
/// for a frozen server, and passes on a standby.
#[derive(Debug)]
pub(super) struct Slots;

impl ManageConnection for Slots {
    type Connection = Slot;
    type Error = StoreError;

    async fn connect(&self) -> Result<Slot, StoreError> {
        Ok(Slot::default())
    }

    async fn is_valid(&self, _: &mut Slot) -> Result<(), StoreError> {
        Ok(())
    }

    fn has_broken(&self, slot: &mut Slot) -> bool {
        // A slot without a connection is dropped too: if the server allows fewer connections than
        // there are slots, empty slots would be lent while an open connection is idle.
        slot.connection.as_ref().is_none_or(|connection| !connection.is_usable())
    }
}

/// Lends the connections of the pool, first come, first served.
#[derive(Debug)]
pub(super) struct Lending {
    pool: Pool<Slots>,
    /// Keeps the order of the waiters: the pool itself would let a borrower that returns a
    /// connection take it again before them.
    line: Semaphore,
    waiting: AtomicU32,
    size: u32,
}

impl Lending {
    pub(super) fn new(size: u32) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .test_on_check_out(false)
            .connection_timeout(SLOT_TIMEOUT)
            .build_unchecked(Slots);
        let line = Semaphore::new(size as usize);
        Self { pool, line, waiting: AtomicU32::new(0), size }
    }

    /// # Errors
    /// [`StoreError::Transient`] if no slot becomes free in time; otherwise the error of
    /// connecting.
    pub(super) async fn lend(&self, server: &Server) -> Result<Lent<'_>, StoreError> {
        let busy = || {
            server.unreachable(
                "all pool connections are busy: raise database.pool_size, or check the server for \
                 lock waits and slow statements",
            )
        };
        let waiting = Waiting::new(&self.waiting);
        let turn = self.line.acquire().await.map_err(|_| busy())?;
        drop(waiting);
        let mut slot = self.pool.get().await.map_err(|error| match error {
            RunError::User(error) => error,
            RunError::TimedOut => busy(),
        })?;
        match &mut slot.connection {
            Some(connection) if connection.is_usable() => connection.replan(),
            // Boxed because of the compiler's limits on nested futures.
            none => *none = Some(Connection::open(server).boxed().await?),
        }
        Ok(Lent { slot, _turn: turn })
    }

    /// How long a worker with a backlog keeps a connection.
    pub(super) fn turn(&self) -> Duration {
        let waiting = self.waiting.load(Ordering::Relaxed).max(1);
        (ROUND * self.size / waiting).clamp(SHORTEST_TURN, LONGEST_TURN)
    }
}

/// Counts a waiter until it is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(line: &'a AtomicU32) -> Self {
        line.fetch_add(1, Ordering::Relaxed);
        Self(line)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A slot from the pool with an open connection. It is returned to the pool before the next waiter
/// continues.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    slot: PooledConnection<'a, Slots>,
    _turn: SemaphorePermit<'a>,
}

impl Lent<'_> {
    /// The open connection. Always present: [`Lending::lend`] opens it.
    pub(super) fn connection(&self) -> Result<&Connection, StoreError> {
        self.slot
            .connection
            .as_ref()
            .ok_or_else(|| StoreError::Transient(Cause::new("the connection is closed")))
    }
}

//! The pool of connections.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bb8::{ManageConnection, Pool, PooledConnection, RunError};
use futures::FutureExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Cause, StoreError, server::Server, session::Connection};

/// Who waits in line for a connection is no outage, however many partitions stand before it: each
/// of them is bounded by the deadlines of what it does.
const WAIT_FOR_A_PLACE: Duration = Duration::from_secs(24 * 3600);

/// Within this time everybody who waits for a connection is to have had one.
const ROUND: Duration = Duration::from_millis(250);
/// Changing hands costs the time in which a connection has nothing in flight.
const SHORTEST_TURN: Duration = Duration::from_micros(500);
const LONGEST_TURN: Duration = Duration::from_millis(100);

/// A place in the pool. Connecting is done by whoever takes the place, since a pool that connects
/// by itself keeps the reason of a failure to itself.
#[derive(Debug, Default)]
pub(super) struct Place {
    connection: Option<Connection>,
}

/// Hands out places, and drops connections that are of no more use.
///
/// Connections are made by [`bb8_postgres::PostgresConnectionManager`] (see `encryption` and `wire`),
/// and not by giving that manager to the pool. A pool connects in a task of its own, and who waits
/// for a place hears nothing of what that fails with but `TimedOut`. That manager also knows of no
/// deadline, of one server only, and of no server that is up and will not do: its test of an idle
/// connection waits for ever at a frozen one, and passes at a standby.
#[derive(Debug)]
pub(super) struct Places;

impl ManageConnection for Places {
    type Connection = Place;
    type Error = StoreError;

    async fn connect(&self) -> Result<Place, StoreError> {
        Ok(Place::default())
    }

    async fn is_valid(&self, _: &mut Place) -> Result<(), StoreError> {
        Ok(())
    }

    fn has_broken(&self, place: &mut Place) -> bool {
        // A place without a connection goes too: where the server allows fewer connections than
        // there are places, the empty ones would be handed out while an open one lies idle.
        place.connection.as_ref().is_none_or(|connection| !connection.is_usable())
    }
}

/// Lends the connections of the pool, to whoever has waited longest first.
#[derive(Debug)]
pub(super) struct Lending {
    pool: Pool<Places>,
    /// The pool itself lets whoever returns a connection take it again before those that wait.
    line: Semaphore,
    waiting: AtomicU32,
    size: u32,
}

impl Lending {
    pub(super) fn new(size: u32) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .test_on_check_out(false)
            .connection_timeout(WAIT_FOR_A_PLACE)
            .build_unchecked(Places);
        let line = Semaphore::new(size as usize);
        Self { pool, line, waiting: AtomicU32::new(0), size }
    }

    /// # Errors
    /// [`StoreError::Transient`] if no place becomes free in time, else as connecting fails.
    pub(super) async fn lend(&self, server: &Server) -> Result<Lent<'_>, StoreError> {
        let busy = || {
            server.unreachable(
                "all connections of the pool are busy: raise database.pool_size, or find out what \
                 the server waits for",
            )
        };
        let waiting = Waiting::new(&self.waiting);
        let turn = self.line.acquire().await.map_err(|_| busy())?;
        drop(waiting);
        let mut place = self.pool.get().await.map_err(|error| match error {
            RunError::User(error) => error,
            RunError::TimedOut => busy(),
        })?;
        match &mut place.connection {
            Some(connection) if connection.is_usable() => connection.replan(),
            // Boxed, since the compiler has limits for futures within futures.
            none => *none = Some(Connection::open(server).boxed().await?),
        }
        Ok(Lent { place, _turn: turn })
    }

    /// How long a connection is kept by somebody who has more to do than it takes.
    pub(super) fn turn(&self) -> Duration {
        let waiting = self.waiting.load(Ordering::Relaxed).max(1);
        (ROUND * self.size / waiting).clamp(SHORTEST_TURN, LONGEST_TURN)
    }
}

/// Somebody in line, for as long as this lives.
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

/// A place from the pool with an open connection in it. It is given back before the next in line
/// has its turn.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    place: PooledConnection<'a, Places>,
    _turn: SemaphorePermit<'a>,
}

impl Lent<'_> {
    /// The open connection; `None` never, since [`Lending::lend`] opened it.
    pub(super) fn connection(&self) -> Result<&Connection, StoreError> {
        self.place
            .connection
            .as_ref()
            .ok_or_else(|| StoreError::Transient(Cause::new("the connection is gone")))
    }
}

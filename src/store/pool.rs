//! The pool of connections.

use bb8::{ManageConnection, Pool, PooledConnection, RunError};

use super::{Cause, StoreError, server::Server, session::Connection};

/// A place in the pool. Connecting is done by whoever takes the place, since a pool that connects
/// by itself keeps the reason of a failure to itself.
#[derive(Debug, Default)]
pub(super) struct Place {
    connection: Option<Connection>,
}

/// Hands out places, and drops connections that are of no more use.
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

/// A place from the pool with an open connection in it.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    place: PooledConnection<'a, Places>,
}

impl Lent<'_> {
    /// # Errors
    /// [`StoreError::Transient`] if no place becomes free in time, else as connecting fails.
    pub(super) async fn take<'a>(
        pool: &'a Pool<Places>,
        server: &Server,
    ) -> Result<Lent<'a>, StoreError> {
        let mut place = pool.get().await.map_err(|error| match error {
            RunError::User(error) => error,
            RunError::TimedOut => server.unreachable(
                "all connections of the pool are busy: raise database.pool_size, or find out what \
                 the server waits for",
            ),
        })?;
        match &mut place.connection {
            Some(connection) if connection.is_usable() => connection.replan(),
            none => *none = Some(Connection::open(server).await?),
        }
        Ok(Lent { place })
    }

    /// The open connection; `None` never, since [`Self::take`] opened it.
    pub(super) fn connection(&self) -> Result<&Connection, StoreError> {
        self.place
            .connection
            .as_ref()
            .ok_or_else(|| StoreError::Transient(Cause::new("the connection is gone")))
    }
}

//! A TCP proxy that injects network faults: it delays data, keeps connections silent, or closes
//! them, also at a chosen point of PostgreSQL's protocol. It can also offer lower versions of
//! Kafka's protocol than a broker.

mod connection;
mod kafka;
mod postgres;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use crate::port;
use connection::serve;
pub use kafka::KafkaCaps;

/// A direction through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
    /// Either.
    Both,
}

/// The point in a commit at which the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server receives nothing of it.
    BeforeRequest,
    /// The server receives the statement with its parameters, but not the Sync message.
    WithinRequest,
    /// The server executes a transaction of several statements, but receives no COMMIT.
    BeforeEnd,
    /// The server commits, and the client receives nothing of the answer.
    BeforeAnswer,
    /// The server commits, and only the end of the answer is missing.
    WithinAnswer,
}

/// The behaviour of a lost connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It is closed.
    Closed,
    /// It stays open without data.
    Silent,
}

/// A proxy on its own port, while this value lives.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

/// The protocol that it parses.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    None,
    Postgres,
    Kafka(&'static KafkaCaps),
}

#[derive(Debug)]
struct Shared {
    target: Mutex<Option<String>>,
    protocol: Protocol,
    blocked: watch::Sender<Option<Direction>>,
    /// The state of the existing connections; new ones get a new state.
    fate: Mutex<watch::Sender<Option<After>>>,
    armed: Mutex<Option<(Cut, After)>>,
    cuts: AtomicUsize,
    refused: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// A proxy for any protocol. It closes connections until it has an [upstream](Self::lead_to).
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start() -> Result<Self> {
        Self::listen(Protocol::None).await
    }

    /// A proxy that parses PostgreSQL's messages and can [cut](Self::cut) between them, if they are
    /// not encrypted.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn to_postgres(address: &str) -> Result<Self> {
        let proxy = Self::listen(Protocol::Postgres).await?;
        proxy.lead_to(address);
        Ok(proxy)
    }

    /// A proxy that parses Kafka's messages, if they are not encrypted, and offers the versions in
    /// `caps`. For a request above these it closes the connection and [records](Self::refused) it.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn to_kafka(caps: &'static KafkaCaps) -> Result<Self> {
        Self::listen(Protocol::Kafka(caps)).await
    }

    /// The versions that it offers, if it parses Kafka's protocol.
    pub(crate) fn caps(&self) -> Option<&'static KafkaCaps> {
        match self.shared.protocol {
            Protocol::Kafka(caps) => Some(caps),
            _ => None,
        }
    }

    /// The requests that were above the caps.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        lock(&self.shared.refused).clone()
    }

    async fn listen(protocol: Protocol) -> Result<Self> {
        let port = port::free()?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.context("no port")?;
        let shared = Arc::new(Shared {
            target: Mutex::default(),
            protocol,
            blocked: watch::Sender::default(),
            fate: Mutex::default(),
            armed: Mutex::default(),
            cuts: AtomicUsize::default(),
            refused: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { port, shared, accepting })
    }

    /// From now on new connections lead to `address`, as `host:port`.
    pub fn lead_to(&self, address: &str) {
        *lock(&self.shared.target) = Some(address.to_owned());
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The same as `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Closes all connections. New ones are passed through.
    pub fn sever(&self) {
        self.decide(After::Closed);
    }

    /// Stops passing data on the existing connections permanently without closing them, as a
    /// firewall that has dropped their state. New ones are passed through.
    pub fn forget(&self) {
        self.decide(After::Silent);
    }

    /// Holds back data in this direction, on new connections too, until [`unblock`](Self::unblock).
    /// No connection is closed.
    pub fn block(&self, direction: Direction) {
        self.shared.blocked.send_replace(Some(direction));
    }

    /// Passes on the data that was held back, and all that follows.
    pub fn unblock(&self) {
        self.shared.blocked.send_replace(None);
    }

    /// Loses the connection on which the next batch is committed, at this point and with this
    /// behaviour.
    pub fn cut(&self, at: Cut, after: After) {
        *lock(&self.shared.armed) = Some((at, after));
    }

    /// The number of connections that were cut during a commit.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::Relaxed)
    }

    fn decide(&self, after: After) {
        lock(&self.shared.fate).send_replace(Some(after));
        *lock(&self.shared.fate) = watch::Sender::default();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(client, Arc::clone(&shared)));
    }
}

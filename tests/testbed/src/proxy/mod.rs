//! A TCP proxy that does what networks do: hold back, forget, sever, and that at a chosen moment of
//! PostgreSQL's protocol; and one that offers less of Kafka's protocol than a broker does.

mod kafka;
mod connection;
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
pub use kafka::KafkaCaps;
use connection::serve;

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

/// Where in the commit of a batch the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server hears nothing of it.
    BeforeRequest,
    /// The server has the statement with its parameters, but not the order to carry it out.
    WithinRequest,
    /// The server has carried out a transaction of several statements, but hears no COMMIT.
    BeforeEnd,
    /// The server has committed, and the client hears nothing of it.
    BeforeAnswer,
    /// The server has committed, and of its answer only the end is missing.
    WithinAnswer,
}

/// What a lost connection looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It is closed.
    Closed,
    /// Nothing comes any more, and nobody closes it.
    Silent,
}

/// A proxy on a port of its own, as long as this value lives.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

/// Which protocol it understands.
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
    /// What becomes of the connections that there are; new ones get a new one.
    fate: Mutex<watch::Sender<Option<After>>>,
    armed: Mutex<Option<(Cut, After)>>,
    cuts: AtomicUsize,
    refused: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// One for any protocol. It closes connections until it is told where to [lead](Self::lead_to).
    ///
    /// # Errors
    /// Where there is no free port.
    pub async fn start() -> Result<Self> {
        Self::listen(Protocol::None).await
    }

    /// One that understands PostgreSQL's messages and so can [cut](Self::cut) between them, as long
    /// as they are not encrypted.
    ///
    /// # Errors
    /// Where there is no free port.
    pub async fn to_postgres(address: &str) -> Result<Self> {
        let proxy = Self::listen(Protocol::Postgres).await?;
        proxy.lead_to(address);
        Ok(proxy)
    }

    /// One that understands Kafka's messages, as long as they are not encrypted, and offers of its
    /// protocol as much as `caps` say. Where a request comes that they do not have, it closes the
    /// connection and [tells](Self::refused).
    ///
    /// # Errors
    /// Where there is no free port.
    pub async fn to_kafka(caps: &'static KafkaCaps) -> Result<Self> {
        Self::listen(Protocol::Kafka(caps)).await
    }

    /// What it offers of Kafka's protocol, if that is what it understands.
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

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The same as `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Closes all connections. New ones are let through.
    pub fn sever(&self) {
        self.decide(After::Closed);
    }

    /// Lets nothing through any more on the connections that there are, for good, and closes none,
    /// as a firewall does that has forgotten them. New ones are let through.
    pub fn forget(&self) {
        self.decide(After::Silent);
    }

    /// Holds back what is sent this direction, on new connections too, until it is told to
    /// [let it through](Self::unblock). Nothing is closed meanwhile.
    pub fn block(&self, direction: Direction) {
        self.shared.blocked.send_replace(Some(direction));
    }

    /// Lets through what was held back, late as it is, and all that follows.
    pub fn unblock(&self) {
        self.shared.blocked.send_replace(None);
    }

    /// Loses the connection on which the next batch is committed, there and so.
    pub fn cut(&self, at: Cut, after: After) {
        *lock(&self.shared.armed) = Some((at, after));
    }

    /// How many connections have been cut in the middle of a commit.
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

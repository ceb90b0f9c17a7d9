//! A TCP proxy that does what networks do: hold back, forget, sever, and that at a chosen moment of
//! PostgreSQL's protocol; and one that offers less of Kafka's protocol than a broker does.

mod kafka;
mod postgres;

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use crate::port;
pub use kafka::KafkaCaps;
use postgres::{Conversation, Messages, Side, Step};

/// A way through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    There,
    /// From the server to the client.
    Back,
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
    blocked: watch::Sender<Option<Way>>,
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

    /// Holds back what is sent this way, on new connections too, until it is told to
    /// [let it through](Self::unblock). Nothing is closed meanwhile.
    pub fn block(&self, way: Way) {
        self.shared.blocked.send_replace(Some(way));
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

/// How a direction of a connection ended.
enum Ended {
    Closed,
    Silent,
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let Some(target) = lock(&shared.target).clone() else { return };
    let mut fate = lock(&shared.fate).subscribe();
    // What cannot be reached is as if nobody were there.
    let Ok(server) = TcpStream::connect(&target).await else { return };
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let conversation = Mutex::new(Conversation::default());
    let asked = Mutex::default();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut there =
        Lane::new(Side::Client, &shared, (&conversation, &asked), from_client, to_server);
    let mut back =
        Lane::new(Side::Server, &shared, (&conversation, &asked), from_server, to_client);
    let ended = tokio::select! {
        Err(ended) = there.run() => ended,
        Err(ended) = back.run() => ended,
        decided = fate.wait_for(Option::is_some) => match decided.map(|after| *after) {
            Ok(Some(After::Silent)) => Ended::Silent,
            _ => Ended::Closed,
        },
    };
    if let Ended::Silent = ended {
        // Both sockets stay open.
        std::future::pending::<()>().await;
    }
}

/// One direction of a connection.
struct Lane<'a> {
    side: Side,
    shared: &'a Shared,
    conversation: &'a Mutex<Conversation>,
    messages: Messages,
    asked: &'a Mutex<kafka::Asked>,
    frames: BytesMut,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
}

impl<'a> Lane<'a> {
    fn new(
        side: Side,
        shared: &'a Shared,
        (conversation, asked): (&'a Mutex<Conversation>, &'a Mutex<kafka::Asked>),
        from: OwnedReadHalf,
        to: OwnedWriteHalf,
    ) -> Self {
        let (messages, frames) = (Messages::new(side), BytesMut::new());
        Self { side, shared, conversation, messages, asked, frames, from, to }
    }

    async fn run(&mut self) -> Result<Infallible, Ended> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            self.open_way().await;
            let length = self.from.read(&mut buffer).await?;
            // What came in at the moment when the way was blocked is held back too.
            self.open_way().await;
            if length == 0 {
                return Err(Ended::Closed);
            }
            let bytes = &buffer[..length];
            match self.shared.protocol {
                Protocol::None => self.to.write_all(bytes).await?,
                Protocol::Postgres => self.pass_on_messages(bytes).await?,
                Protocol::Kafka(caps) => self.pass_on_frames(bytes, caps).await?,
            }
        }
    }

    async fn open_way(&self) {
        let way = match self.side {
            Side::Client => Way::There,
            Side::Server => Way::Back,
        };
        let mut blocked = self.shared.blocked.subscribe();
        let open = |blocked: &Option<Way>| *blocked != Some(way) && *blocked != Some(Way::Both);
        // The sender lives as long as `shared`.
        let _ = blocked.wait_for(open).await;
    }

    async fn pass_on_frames(&mut self, bytes: &[u8], caps: &KafkaCaps) -> Result<(), Ended> {
        self.frames.extend_from_slice(bytes);
        while let Some(frame) = kafka::next_frame(&mut self.frames) {
            let passed = match self.side {
                Side::Client => lock(self.asked).client(frame, caps),
                Side::Server => lock(self.asked).server(frame, caps),
            };
            match passed {
                Ok(frame) => self.to.write_all(&frame).await?,
                Err(error) => {
                    lock(&self.shared.refused).push(format!("{error:#}"));
                    return Err(Ended::Closed);
                }
            }
        }
        Ok(())
    }

    async fn pass_on_messages(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        self.messages.add(bytes);
        let mut out = Vec::new();
        let mut cut = None;
        while let Some(message) = self.messages.next(self.conversation) {
            let mut armed = lock(&self.shared.armed);
            let at = armed.map(|(at, _)| at);
            let mut conversation = lock(self.conversation);
            let step = match self.side {
                Side::Client => conversation.client(message, at),
                Side::Server => conversation.server(message, at),
            };
            match step {
                Step::Pass(bytes) => out.extend(bytes),
                Step::Cut => {
                    cut = armed.take().map(|(_, after)| after);
                    break;
                }
            }
        }
        self.to.write_all(&out).await?;
        match cut {
            None => Ok(()),
            Some(after) => {
                self.shared.cuts.fetch_add(1, Ordering::Relaxed);
                Err(if after == After::Silent { Ended::Silent } else { Ended::Closed })
            }
        }
    }
}

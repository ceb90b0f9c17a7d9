//! The connections through a proxy.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex, atomic::Ordering},
};

use anyhow::Result;
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{
    After, Direction, KafkaCaps, Protocol, Shared, kafka, lock,
    postgres::{Conversation, Messages, Side, Step},
};

/// The end of one direction of a connection.
enum Ended {
    Closed,
    Silent,
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// Passes data in both directions until the connection ends.
pub(super) async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let Some(target) = lock(&shared.target).clone() else { return };
    let mut fate = lock(&shared.fate).subscribe();
    // If the upstream is unreachable, the client's connection is closed.
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
        // This is checked first: data that was held back must not be passed on after `sever`.
        biased;
        decided = fate.wait_for(Option::is_some) => match decided.map(|after| *after) {
            Ok(Some(After::Silent)) => Ended::Silent,
            _ => Ended::Closed,
        },
        Err(ended) = there.run() => ended,
        Err(ended) = back.run() => ended,
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
            // Data that arrived just before the direction was blocked is held back too.
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
        let direction = match self.side {
            Side::Client => Direction::ToServer,
            Side::Server => Direction::ToClient,
        };
        let mut blocked = self.shared.blocked.subscribe();
        let open = |blocked: &Option<Direction>| {
            *blocked != Some(direction) && *blocked != Some(Direction::Both)
        };
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

//! The byte stream of a connection: it can be cut, and it records how it ended.
//!
//! [`bb8_postgres::PostgresConnectionManager`] connects and spawns the task that drives the
//! connection. It keeps neither that task's handle nor its result. Without the handle, the task and
//! its socket remain as long as a server leaves an accepted statement unanswered (a frozen server,
//! a paused pooler), one more for each attempt. Without the result, the only error of an ended
//! connection is `connection closed`, whatever the server's last message was. Both are provided
//! here, one layer below: the manager is given a connector whose streams are on a [`Leash`].
//!
//! tokio-postgres passes a stream to the connector only for TLS. A plain connection therefore uses
//! [`Plain`] with "direct negotiation", which sends nothing to the server. That requires a host
//! name, so a connection to a Unix socket has no leash, and ends when its server does.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    Socket,
    tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::last_words::LastWords;

/// Controls the stream of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Leash {
    cut: CancellationToken,
    end: Arc<OnceLock<String>>,
}

impl Leash {
    /// Closes the connection immediately, even while it waits.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// How the connection ended, if it has: the server's last message or the network error.
    /// Contains no row values.
    pub(super) fn end(&self) -> Option<&str> {
        self.end.get().map(String::as_str)
    }

    fn ended(&self, how: impl fmt::Display) {
        self.end.get_or_init(|| how.to_string());
    }
}

/// Connects with `tls`, and puts the stream on a leash.
#[derive(Clone)]
pub(super) struct Leashed<T> {
    tls: T,
    leash: Leash,
}

impl<T> Leashed<T> {
    pub(super) fn new(tls: T, leash: &Leash) -> Self {
        Self { tls, leash: leash.clone() }
    }
}

impl<T> MakeTlsConnect<Socket> for Leashed<T>
where
    T: MakeTlsConnect<Socket>,
    T::TlsConnect: Send + 'static,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    type Stream = LeashedStream<T::Stream>;
    type TlsConnect = Leashed<T::TlsConnect>;
    type Error = T::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, T::Error> {
        let tls = self.tls.make_tls_connect(domain)?;
        Ok(Leashed { tls, leash: self.leash.clone() })
    }
}

impl<T> TlsConnect<Socket> for Leashed<T>
where
    T: TlsConnect<Socket> + Send + 'static,
    T::Future: Send,
{
    type Stream = LeashedStream<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let stream = self.tls.connect(socket).await?;
            Ok(LeashedStream::new(stream, self.leash))
        })
    }
}

/// A stream that ends when its leash is cut.
pub(super) struct LeashedStream<S> {
    stream: LastWords<S>,
    leash: Leash,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The last error read, if nothing followed it.
    last_error: Vec<u8>,
}

/// Large enough for a server's last message: severity, code, message, and source location.
const MAX_LAST_ERROR: usize = 1024;

impl<S> LeashedStream<S> {
    fn new(stream: S, leash: Leash) -> Self {
        let cut = Box::pin(leash.cut.clone().cancelled_owned());
        Self { stream: LastWords(stream), leash, cut, last_error: Vec::new() }
    }

    fn has_read(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            match fatal_error(&self.last_error) {
                Some(words) => self.leash.ended(words),
                None => self.leash.ended("the server closed the connection"),
            }
        }
        self.last_error.clear();
        if bytes.first() == Some(&b'E') && bytes.len() <= MAX_LAST_ERROR {
            self.last_error.extend_from_slice(bytes);
        }
    }
}

/// The message of an ErrorResponse (PostgreSQL manual, 54.7) with which a server ends a session.
/// Errors of statements are excluded: they could quote a row.
fn fatal_error(bytes: &[u8]) -> Option<String> {
    let (header, body) = bytes.split_at_checked(5)?;
    let length = u32::from_be_bytes(header.get(1..)?.try_into().ok()?);
    let body = body.get(..usize::try_from(length).ok()?.checked_sub(4)?)?;
    let field = |tag: u8| {
        let field = body.split(|byte| *byte == 0).find(|field| field.first() == Some(&tag))?;
        std::str::from_utf8(field.get(1..)?).ok()
    };
    // V is the untranslated severity.
    let ends = matches!(field(b'V')?, "FATAL" | "PANIC");
    ends.then(|| Some(format!("{} (SQLSTATE {})", field(b'M')?, field(b'C')?))).flatten()
}

impl<S: AsyncRead + Unpin> AsyncRead for LeashedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        match &read {
            Poll::Ready(Ok(())) => self.has_read(buffer.filled().get(before..).unwrap_or_default()),
            Poll::Ready(Err(error)) => self.leash.ended(error),
            Poll::Pending => {}
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LeashedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Err(error)) = &written {
            self.leash.ended(error);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for LeashedStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.0.channel_binding()
    }
}

/// Stands in for TLS on a plain connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain;

impl MakeTlsConnect<Socket> for Plain {
    type Stream = LastWords<Socket>;
    type TlsConnect = Self;
    type Error = Infallible;

    fn make_tls_connect(&mut self, _: &str) -> Result<Self, Infallible> {
        Ok(*self)
    }
}

impl TlsConnect<Socket> for Plain {
    type Stream = LastWords<Socket>;
    type Error = Infallible;
    type Future = Ready<Result<LastWords<Socket>, Infallible>>;

    fn connect(self, socket: Socket) -> Self::Future {
        ready(Ok(LastWords(socket)))
    }
}

impl TlsStream for LastWords<Socket> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

#[cfg(test)]
mod tests {
    use super::fatal_error;

    /// An ErrorResponse with these fields.
    fn error(fields: &[&str]) -> Vec<u8> {
        let body: String = fields.iter().map(|field| format!("{field}\0")).collect();
        let length = u32::try_from(body.len() + 5).unwrap();
        [b"E", &length.to_be_bytes()[..], body.as_bytes(), b"\0"].concat()
    }

    #[test]
    fn fatal_errors_are_those_that_end_a_session_and_no_others() {
        let shutdown = error(&["SFATAL", "VFATAL", "C57P01", "Mterminating connection"]);
        assert_eq!(
            fatal_error(&shutdown).as_deref(),
            Some("terminating connection (SQLSTATE 57P01)")
        );
        let rejected = error(&["SERROR", "VERROR", "C23514", "Mrow 17 violates"]);
        for other in [&rejected, &shutdown[..9], b"EXXXX", b""] {
            assert_eq!(fatal_error(other), None);
        }
    }
}

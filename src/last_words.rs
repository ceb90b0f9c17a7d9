//! Connections that the server has closed: what it sent before that is read, and names the cause.
//!
//! A server can reject a client after the handshake, such as for its certificate with TLS 1.3 (the
//! alert of RFC 8446, section 6.2), and close the connection before the client's first request. That
//! write then fails with a mere "broken pipe", while the server's last message is still unread.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream on which writing succeeds after the server has closed the connection, so that the
/// connection ends with what is read next: the last message, then the end of the stream.
pub(crate) struct LastWords<S>(pub(crate) S);

impl<S: AsyncRead + Unpin> AsyncRead for LastWords<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LastWords<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        unless_closed(Pin::new(&mut self.0).poll_write(context, bytes), bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        unless_closed(Pin::new(&mut self.0).poll_flush(context), ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// `result`, or `success` if the server has closed the connection.
fn unless_closed<T>(result: Poll<io::Result<T>>, success: T) -> Poll<io::Result<T>> {
    match result {
        Poll::Ready(Err(error))
            if matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            ) =>
        {
            Poll::Ready(Ok(success))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut},
        task::Poll::{Pending, Ready},
    };

    use super::unless_closed;

    #[test]
    fn only_a_closed_connection_is_left_to_the_reader() {
        for closed in [BrokenPipe, ConnectionReset] {
            assert!(matches!(unless_closed(Ready(Err(closed.into())), 5), Ready(Ok(5))));
        }
        assert!(matches!(unless_closed(Ready(Ok(3)), 5), Ready(Ok(3))));
        assert!(matches!(unless_closed(Ready(Err(TimedOut.into())), 5), Ready(Err(_))));
        assert!(unless_closed(Pending, 5).is_pending());
    }
}

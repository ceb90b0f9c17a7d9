//! Connections that the server has closed: what it sent before that is read, and names the cause.
//!
//! A server can reject a client after the handshake, such as for its certificate with TLS 1.3 (the
//! alert of RFC 8446, section 6.2), and close the connection before the client's first request. That
//! write then fails with a mere "broken pipe", while the server's last message is still unread.

use std::{io, task::Poll};

/// The result of a write of `length` bytes. If the server has closed the connection, it is a success,
/// so that the connection ends with what is read next: the last message, then the end of the stream.
pub(crate) fn write(written: Poll<io::Result<usize>>, length: usize) -> Poll<io::Result<usize>> {
    match written {
        Poll::Ready(Err(error)) if is_closed(&error) => Poll::Ready(Ok(length)),
        other => other,
    }
}

/// The same for a flush.
pub(crate) fn flush(flushed: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
    match flushed {
        Poll::Ready(Err(error)) if is_closed(&error) => Poll::Ready(Ok(())),
        other => other,
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut},
        task::Poll::{Pending, Ready},
    };

    use super::{flush, write};

    #[test]
    fn only_a_closed_connection_is_left_to_the_reader() {
        for closed in [BrokenPipe, ConnectionReset] {
            assert!(matches!(write(Ready(Err(closed.into())), 5), Ready(Ok(5))));
            assert!(matches!(flush(Ready(Err(closed.into()))), Ready(Ok(()))));
        }
        assert!(matches!(write(Ready(Ok(3)), 5), Ready(Ok(3))));
        assert!(matches!(write(Ready(Err(TimedOut.into())), 5), Ready(Err(_))));
        assert!(matches!(flush(Ready(Err(TimedOut.into()))), Ready(Err(_))));
        assert!(write(Pending, 5).is_pending() && flush(Pending).is_pending());
    }
}

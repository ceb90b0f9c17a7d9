//! A connection to a broker, with a deadline for every operation.

use std::{
    error::Error,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rskafka::messenger::{Messenger, RequestError, SyncVersionsError};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use crate::kafka::transport::{
    access::{Access, Stream},
    api::Api,
    bridge::{Incoming, Outgoing},
    error::CallError,
};

/// The maximum size of a response. Record batches are returned in full whatever size was requested,
/// and brokers accept requests of up to 100 MiB (`socket.request.max.bytes`).
const MAX_RESPONSE_BYTES: usize = 128 << 20;

/// An authenticated connection with negotiated versions. After any [`CallError`] except `NoVersion`
/// it is unusable and has to be dropped.
pub(in crate::kafka) struct Connection {
    messenger: Messenger<Stream>,
    access: Arc<Access>,
    /// Whether there was a response since it was opened.
    answered: AtomicBool,
    /// When its authentication expires, minus a margin.
    expires: Option<Instant>,
}

impl Connection {
    /// Connects to `address` (`host:port`), negotiates versions and authenticates.
    pub(in crate::kafka) async fn open(
        address: &str,
        access: &Arc<Access>,
        deadline: Instant,
    ) -> Result<Self, CallError> {
        let opening = async {
            let stream = TcpStream::connect(address).await.map_err(CallError::broken)?;
            // Requests are small writes, which must not be delayed.
            stream.set_nodelay(true).map_err(CallError::broken)?;
            let stream = access.secure(stream, address).await?;
            let client_id = Arc::clone(&access.client_id);
            let mut messenger = Messenger::new(stream, MAX_RESPONSE_BYTES, client_id);
            messenger.sync_versions().await.map_err(|error| match error {
                SyncVersionsError::NoWorkingVersion => CallError::NoVersion("ApiVersions"),
                SyncVersionsError::RequestError(error) => {
                    explain(&error, access, access.suspicion())
                }
                other => CallError::broken(other),
            })?;
            let (access, answered) = (Arc::clone(access), AtomicBool::new(false));
            let mut connection = Self { messenger, access, answered, expires: None };
            if let Some(sasl) = &connection.access.security.sasl {
                // Boxed, since it is rare and nested in the futures of all requests.
                let authenticated = Box::pin(sasl.authenticate(&connection, deadline)).await?;
                connection.expires = authenticated;
            }
            connection.access.opened.fetch_add(1, Ordering::Relaxed);
            Ok(connection)
        };
        timeout_at(deadline, opening).await.unwrap_or(Err(CallError::Timeout("connecting")))
    }

    /// Whether the authentication is still valid (KIP-368). Reauthentication would be possible too;
    /// a new connection is simpler.
    pub(in crate::kafka) fn is_authenticated(&self) -> bool {
        self.expires.is_none_or(|expires| Instant::now() < expires)
    }

    /// Sends `message` and awaits the response.
    pub(in crate::kafka) async fn call<M: Api>(
        &self,
        message: M,
        deadline: Instant,
    ) -> Result<M::Response, CallError> {
        match timeout_at(deadline, self.messenger.request(Outgoing(message))).await {
            Ok(Ok(Incoming(response))) => {
                self.answered.store(true, Ordering::Relaxed);
                Ok(response)
            }
            Ok(Err(RequestError::NoVersionMatch { .. })) => Err(CallError::NoVersion(M::NAME)),
            Ok(Err(error)) if !self.answered.load(Ordering::Relaxed) => {
                // Brokers only close the connection if a client sends requests before authenticating.
                Err(explain(&error, &self.access, "if it expects SASL, set kafka.sasl.mechanism"))
            }
            Ok(Err(error)) => Err(CallError::broken(innermost(&error))),
            Err(_) => Err(CallError::Timeout(M::NAME)),
        }
    }
}

/// The error of a new connection; if it was just closed, with a `suspicion`.
fn explain(error: &RequestError, access: &Access, suspicion: &str) -> CallError {
    if let RequestError::Poisoned(cause) = error {
        return explain(cause, access, suspicion);
    }
    access.fault(error).unwrap_or_else(|| {
        CallError::Broken(format!("{} before it responded: {suspicion}", innermost(error)))
    })
}

/// The innermost error; a closed connection appears as an unexpected end of file.
fn innermost(error: &RequestError) -> String {
    if let RequestError::Poisoned(cause) = error {
        return innermost(cause);
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::UnexpectedEof) => "closed the connection".to_owned(),
        _ => cause.to_string(),
    }
}

//! One connection to one broker, with a deadline on everything.

use std::{
    error::Error,
    fmt, io,
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
    {
        api::Api,
        bridge::{Incoming, Outgoing},
    },
};

/// The largest response taken. A record batch comes whole whatever was asked for, and brokers
/// accept requests of up to 100 MiB (`socket.request.max.bytes`).
const MAX_RESPONSE_BYTES: usize = 128 << 20;

/// A connection that is let in, with versions negotiated. After any [`CallError`] but `NoVersion` it is
/// poisoned, and to be dropped.
pub(in crate::kafka) struct Connection {
    messenger: Messenger<Stream>,
    access: Arc<Access>,
    /// Whether anything was answered since it is open.
    answered: AtomicBool,
    /// When the broker would close it, and a little before.
    expires: Option<Instant>,
}

/// Why a call to a broker failed.
#[derive(Clone, Debug)]
pub(in crate::kafka) enum CallError {
    /// The broker doesn't offer this request in a version that we speak.
    NoVersion(&'static str),
    /// No answer within the deadline, at what is named.
    Late(&'static str),
    /// The connection couldn't be made, or broke.
    Broken(String),
    /// The broker does not let us in, or we do not believe it: needs a person.
    Denied(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVersion(what) => write!(f, "offers no version of {what} that is known here"),
            Self::Late(what) => write!(f, "no answer in time ({what})"),
            Self::Broken(cause) | Self::Denied(cause) => f.write_str(cause),
        }
    }
}

impl Connection {
    /// Connects to `address` (`host:port`), negotiates versions, and says who we are.
    pub(in crate::kafka) async fn open(
        address: &str,
        access: &Arc<Access>,
        deadline: Instant,
    ) -> Result<Self, CallError> {
        let opening = async {
            let stream = TcpStream::connect(address).await.map_err(CallError::broken)?;
            // A request is one small write, which must not wait for company.
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
                // Boxed, since it is rare, and everything that asks a broker nests it.
                let authenticated = Box::pin(sasl.authenticate(&connection, deadline)).await?;
                connection.expires = authenticated;
            }
            connection.access.opened.fetch_add(1, Ordering::Relaxed);
            Ok(connection)
        };
        timeout_at(deadline, opening).await.unwrap_or(Err(CallError::Late("connecting")))
    }

    /// Whether the broker still believes who we are (KIP-368). Saying it again would do too; a new
    /// connection is simpler.
    pub(in crate::kafka) fn is_believed(&self) -> bool {
        self.expires.is_none_or(|expires| Instant::now() < expires)
    }

    /// Sends `message` and awaits its answer.
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
                // Brokers say no more than this to whoever asks before saying who he is.
                Err(explain(&error, &self.access, "if it expects SASL, set kafka.sasl.mechanism"))
            }
            Ok(Err(error)) => Err(CallError::broken(innermost(&error))),
            Err(_) => Err(CallError::Late(M::NAME)),
        }
    }
}

/// What is wrong with a new connection; where it was just closed, there is a `suspicion`.
fn explain(error: &RequestError, access: &Access, suspicion: &str) -> CallError {
    if let RequestError::Poisoned(cause) = error {
        return explain(cause, access, suspicion);
    }
    access.fault(error).unwrap_or_else(|| {
        CallError::Broken(format!("{} before it answered: {suspicion}", innermost(error)))
    })
}

/// What is wrong beneath all that wraps it; a broker that goes away shows as an early end.
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

impl CallError {
    fn broken(error: impl fmt::Display) -> Self {
        Self::Broken(error.to_string())
    }
}

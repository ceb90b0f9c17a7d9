//! Whether connections are encrypted, and how one is made.

use tokio::task::AbortHandle;
use tokio_postgres::{
    CancelToken, Client, Config, Error, NoTls, Socket, config::SslMode, error::SqlState,
    tls::TlsStream,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::debug;

use crate::tls::{Fault, Remedies, Tls};

/// Whether connections to PostgreSQL are encrypted: libpq's `sslmode`, its `verify-ca` and
/// `verify-full` being [`Always`](Self::Always) with a stricter [`Trust`](crate::tls::Trust).
#[derive(Clone, Debug)]
pub enum Encryption {
    /// Never: `disable`.
    Never,
    /// Where the server does not let us in otherwise: `allow`.
    IfDemanded(Tls),
    /// Where the server can, and lets us in so: `prefer`.
    IfOffered(Tls),
    /// Always: `require` and above.
    Always(Tls),
}

pub(super) const REMEDIES: Remedies = Remedies {
    authorities: "database.sslrootcert",
    certificate: "database.sslcert",
    host: "database.host",
    without: "database.sslmode = \"disable\"",
};

/// The way by which a connection was made: who cancels its statements takes the same.
#[derive(Clone)]
pub(super) enum Way {
    Plain,
    Tls(MakeRustlsConnect),
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Tls(_) => "Tls",
        })
    }
}

/// A connection and the task that carries its bytes.
pub(super) type Connected = (Client, AbortHandle, Way);

impl Encryption {
    pub(super) const fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Never => None,
            Self::IfDemanded(tls) | Self::IfOffered(tls) | Self::Always(tls) => Some(tls),
        }
    }

    /// Connects in one way or, where libpq would do so too, in the other. If both fail, the first
    /// one's error tells more.
    pub(super) async fn connect(&self, config: &Config) -> Result<Connected, Error> {
        match self {
            Self::Never => plainly(config).await,
            Self::Always(tls) => encrypted(config, tls, SslMode::Require).await,
            Self::IfOffered(tls) => match encrypted(config, tls, SslMode::Prefer).await {
                Err(error) if is_shut(&error) => plainly(config).await.map_err(|_| error),
                result => result,
            },
            Self::IfDemanded(tls) => match plainly(config).await {
                Err(error) if is_shut(&error) => {
                    encrypted(config, tls, SslMode::Require).await.map_err(|_| error)
                }
                result => result,
            },
        }
    }
}

/// Whether the other way may be open. Unlike libpq, which tries it after any error, not after a
/// wrong password: that would be sent once more, then in the clear.
fn is_shut(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        || Fault::behind(error, false, &REMEDIES).is_some()
}

async fn plainly(config: &Config) -> Result<Connected, Error> {
    let (client, connection) = config.clone().ssl_mode(SslMode::Disable).connect(NoTls).await?;
    Ok((client, drive(connection), Way::Plain))
}

async fn encrypted(config: &Config, tls: &Tls, mode: SslMode) -> Result<Connected, Error> {
    let connector = MakeRustlsConnect::new(tls.config().as_ref().clone());
    let (client, connection) = config.clone().ssl_mode(mode).connect(connector.clone()).await?;
    Ok((client, drive(connection), Way::Tls(connector)))
}

fn drive<S>(connection: tokio_postgres::Connection<Socket, S>) -> AbortHandle
where
    S: TlsStream + Unpin + Send + 'static,
{
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!(%error, "connection to PostgreSQL ended");
        }
    });
    driver.abort_handle()
}

impl Way {
    /// Asks the server to end what it does for the connection that `token` is from.
    pub(super) async fn cancel(self, token: CancelToken) -> Result<(), Error> {
        match self {
            Self::Plain => token.cancel_query(NoTls).await,
            Self::Tls(connector) => token.cancel_query(connector).await,
        }
    }
}

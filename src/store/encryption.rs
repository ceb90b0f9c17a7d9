//! TLS for connections to PostgreSQL, and how a connection is made.

use std::error::Error as _;

use bb8::ManageConnection;
use bb8_postgres::PostgresConnectionManager;
use tokio_postgres::{
    CancelToken, Client, Config, Error, NoTls,
    config::{Host, SslMode, SslNegotiation},
    error::SqlState,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::wire::{Leash, Leashed, Plain};
use crate::tls::{Fault, Remedies, Tls};

/// Whether connections to PostgreSQL are encrypted: libpq's `sslmode`, its `verify-ca` and
/// `verify-full` being [`Always`](Self::Always) with a stricter [`Trust`](crate::tls::Trust).
#[derive(Clone, Debug)]
pub enum Encryption {
    /// Never: `disable`.
    Never,
    /// Only if the server rejects unencrypted connections: `allow`.
    IfDemanded(Tls),
    /// If the server supports and accepts it: `prefer`.
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

/// How a connection was made. Cancel requests are sent the same way.
#[derive(Clone)]
pub(super) enum Transport {
    UnixSocket,
    Plain,
    Tls(MakeRustlsConnect),
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UnixSocket => "UnixSocket",
            Self::Plain => "Plain",
            Self::Tls(_) => "Tls",
        })
    }
}

/// A connection, its leash, and how it was made.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) leash: Leash,
    pub(super) transport: Transport,
}

impl Encryption {
    pub(super) const fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Never => None,
            Self::IfDemanded(tls) | Self::IfOffered(tls) | Self::Always(tls) => Some(tls),
        }
    }

    /// Connects to the only host of `config`, with or without TLS, and falls back to the other
    /// where libpq would. If both fail, returns the more specific error.
    pub(super) async fn connect(&self, config: &Config) -> Result<Connected, Error> {
        match self {
            Self::Never => connect_plain(config).await,
            Self::Always(tls) => connect_tls(config, tls).await,
            Self::IfOffered(tls) => match connect_tls(config, tls).await {
                Err(error) if lacks_tls(&error) => connect_plain(config).await,
                Err(error) if may_fall_back(&error) => {
                    connect_plain(config).await.map_err(|_| error)
                }
                result => result,
            },
            Self::IfDemanded(tls) => match connect_plain(config).await {
                Err(error) if may_fall_back(&error) => {
                    connect_tls(config, tls).await.map_err(|_| error)
                }
                result => result,
            },
        }
    }
}

/// Whether to try the other way. libpq does so after any error; this does not after a wrong
/// password, to avoid sending the password again unencrypted.
fn may_fall_back(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        || Fault::behind(error, false, &REMEDIES).is_some()
}

/// Whether the server does not support TLS. tokio-postgres reports this only as text.
pub(super) fn lacks_tls(error: &Error) -> bool {
    error.source().is_some_and(|cause| cause.to_string() == "server does not support TLS")
}

async fn connect_plain(config: &Config) -> Result<Connected, Error> {
    let (mut config, leash) = (config.clone(), Leash::default());
    if matches!(config.get_hosts(), [Host::Unix(_)]) {
        config.ssl_mode(SslMode::Disable);
        let client = PostgresConnectionManager::new(config, NoTls).connect().await?;
        return Ok(Connected { client, leash, transport: Transport::UnixSocket });
    }
    config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    let connector = Leashed::new(Plain, &leash);
    let client = PostgresConnectionManager::new(config, connector).connect().await?;
    Ok(Connected { client, leash, transport: Transport::Plain })
}

async fn connect_tls(config: &Config, tls: &Tls) -> Result<Connected, Error> {
    let (mut config, leash) = (config.clone(), Leash::default());
    config.ssl_mode(SslMode::Require);
    let rustls = MakeRustlsConnect::new(tls.config().as_ref().clone());
    let connector = Leashed::new(rustls.clone(), &leash);
    let client = PostgresConnectionManager::new(config, connector).connect().await?;
    Ok(Connected { client, leash, transport: Transport::Tls(rustls) })
}

impl Transport {
    /// Sends a cancel request for the connection of `token`.
    pub(super) async fn cancel(self, token: CancelToken) -> Result<(), Error> {
        match self {
            Self::UnixSocket => token.cancel_query(NoTls).await,
            Self::Plain => token.cancel_query(Plain).await,
            Self::Tls(connector) => token.cancel_query(connector).await,
        }
    }
}

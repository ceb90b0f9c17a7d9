//! TLS and authentication for connections to brokers.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;

use crate::{
    kafka::transport::{error::CallError, oauth::OAuth},
    last_words::LastWords,
    secret::Secret,
    tls::{Fault, Remedies, Tls},
};

/// The TLS and SASL settings of connections.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Without TLS, connections are not encrypted.
    pub tls: Option<Tls>,
    /// Without SASL, brokers identify clients by certificate, or not at all.
    pub sasl: Option<Sasl>,
}

/// The SASL mechanism and its credentials.
#[derive(Clone, Debug)]
pub enum Sasl {
    /// Sends the password (RFC 4616).
    Plain(Login),
    /// Proves knowledge of the password (RFC 7677).
    ScramSha256(Login),
    /// Proves knowledge of the password (RFC 5802 with SHA-512).
    ScramSha512(Login),
    /// Sends a token (RFC 7628).
    OAuthBearer(OAuth),
}

/// A user and a password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Sasl {
    /// The mechanism.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        match self {
            Self::Plain(_) => Mechanism::Plain,
            Self::ScramSha256(_) => Mechanism::ScramSha256,
            Self::ScramSha512(_) => Mechanism::ScramSha512,
            Self::OAuthBearer(_) => Mechanism::OAuthBearer,
        }
    }
}

/// The supported SASL mechanisms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// A password, proved.
    ScramSha256,
    /// A password, proved.
    ScramSha512,
    /// RFC 7628.
    OAuthBearer,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OAuthBearer];

    /// The name registered with IANA.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OAuthBearer => "OAUTHBEARER",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `over TLS, as "app" by SCRAM-SHA-512`
impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.tls {
            Some(tls) if tls.has_identity() => "over TLS with a client certificate",
            Some(_) => "over TLS",
            None => "without TLS",
        })?;
        let Some(sasl) = &self.sasl else { return Ok(()) };
        let sent = match sasl {
            Sasl::Plain(Login { user, .. })
            | Sasl::ScramSha256(Login { user, .. })
            | Sasl::ScramSha512(Login { user, .. }) => {
                write!(f, ", as {user:?} by {}", sasl.mechanism())?;
                matches!(sasl, Sasl::Plain(_)).then_some("password")
            }
            Sasl::OAuthBearer(OAuth { source, .. }) => {
                write!(f, ", {source} by {}", sasl.mechanism())?;
                Some("token")
            }
        };
        match sent {
            Some(sent) if self.tls.is_none() => {
                write!(f, ", which sends the {sent} unencrypted")?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Opens connections: TLS, authentication and client id.
#[derive(Debug)]
pub(in crate::kafka) struct Access {
    /// The number of authenticated connections.
    pub(in crate::kafka) opened: AtomicU64,
    pub(in crate::kafka) client_id: Arc<str>,
    pub(in crate::kafka) security: Security,
}

/// A plain or encrypted stream.
pub(in crate::kafka) type Stream = LastWords<Either<TcpStream, Box<TlsStream<TcpStream>>>>;

const REMEDIES: Remedies = Remedies {
    authorities: "kafka.tls.ca_file",
    certificate: "kafka.tls.cert_file",
    host: "kafka.brokers and the broker's advertised.listeners",
    without: "kafka.tls.enabled = false",
};

impl Access {
    /// Sets up TLS on `stream`, if it is enabled; `address` is `host:port`.
    pub(in crate::kafka) async fn secure(
        &self,
        stream: TcpStream,
        address: &str,
    ) -> Result<Stream, CallError> {
        let Some(tls) = &self.security.tls else {
            return Ok(LastWords(Either::Left(stream)));
        };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let host = ServerName::try_from(host).map_err(|_| {
            CallError::Denied("has a host name that is not valid for TLS".to_owned())
        })?;
        let connector = TlsConnector::from(tls.config());
        match connector.connect(host, stream).await {
            Ok(stream) => Ok(LastWords(Either::Right(Box::new(stream)))),
            Err(error) => Err(self.fault(&error).unwrap_or_else(|| {
                CallError::Broken(format!(
                    "closed the connection during the TLS handshake ({error}): if that port does not use TLS, set {}",
                    REMEDIES.without
                ))
            })),
        }
    }

    /// The TLS failure behind `error`, if there is one.
    pub(in crate::kafka) fn fault(
        &self,
        error: &(dyn std::error::Error + 'static),
    ) -> Option<CallError> {
        let has_identity = self.security.tls.as_ref().is_some_and(Tls::has_identity);
        let fault = Fault::behind(error, has_identity, &REMEDIES)?;
        Some(if fault.passes {
            CallError::Broken(fault.text)
        } else {
            CallError::Denied(fault.text)
        })
    }

    /// A likely cause if a broker closes a new connection.
    pub(in crate::kafka) fn suspicion(&self) -> &'static str {
        match &self.security {
            Security { tls: None, .. } => "if that port expects TLS, set kafka.tls.enabled = true",
            Security { tls: Some(tls), .. } if !tls.has_identity() => {
                "if it requires a client certificate, set kafka.tls.cert_file and kafka.tls.key_file"
            }
            Security { .. } => "see its log",
        }
    }
}

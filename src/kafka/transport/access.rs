//! How brokers let us in: over which transport, and as whom.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;

use crate::{
    kafka::transport::{connection::CallError, oauth::OAuth},
    secret::Secret,
    tls::{Fault, Remedies, Tls},
};

/// What every connection has to go through before the first request.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Without it everything travels in the clear.
    pub tls: Option<Tls>,
    /// Without it brokers know us by our certificate, if we have one, or not at all.
    pub sasl: Option<Sasl>,
}

/// Who we are to the brokers, and by which mechanism that is proved.
#[derive(Clone, Debug)]
pub enum Sasl {
    /// By sending the password (RFC 4616).
    Plain(Login),
    /// By knowing the password (RFC 7677).
    ScramSha256(Login),
    /// By knowing the password (RFC 5802 with SHA-512).
    ScramSha512(Login),
    /// By a token (RFC 7628).
    OAuthBearer(OAuth),
}

/// A name and its password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The name.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

impl Sasl {
    /// Its mechanism.
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

/// The mechanisms of SASL that are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// A password, sent.
    Plain,
    /// A password, proved.
    ScramSha256,
    /// A password, proved.
    ScramSha512,
    /// A token, sent.
    OAuthBearer,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OAuthBearer];

    /// As it is registered with IANA.
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
                write!(f, ", which sends the {sent} in the clear")?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Who opens connections: what brokers are told before they are asked.
#[derive(Debug)]
pub(in crate::kafka) struct Access {
    /// How many connections were let in.
    pub(in crate::kafka) opened: AtomicU64,
    pub(in crate::kafka) client_id: Arc<str>,
    pub(in crate::kafka) security: Security,
}

/// A connection's bytes, as they are or encrypted.
pub(in crate::kafka) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

const REMEDIES: Remedies = Remedies {
    authorities: "kafka.tls.ca_file",
    certificate: "kafka.tls.cert_file",
    host: "kafka.brokers and the broker's advertised.listeners",
    without: "kafka.tls.enabled = false",
};

impl Access {
    /// Speaks TLS on `stream`, if that is to be done; `address` is `host:port`.
    pub(in crate::kafka) async fn secure(
        &self,
        stream: TcpStream,
        address: &str,
    ) -> Result<Stream, CallError> {
        let Some(tls) = &self.security.tls else {
            return Ok(Either::Left(stream));
        };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let host = ServerName::try_from(host).map_err(|_| {
            CallError::Denied("has a name that no certificate can be for".to_owned())
        })?;
        let connector = TlsConnector::from(tls.config());
        match connector.connect(host, stream).await {
            Ok(stream) => Ok(Either::Right(Box::new(stream))),
            Err(error) => Err(self.fault(&error).unwrap_or_else(|| {
                CallError::Broken(format!(
                    "broke off amid the TLS handshake ({error}): if that port has no TLS, set {}",
                    REMEDIES.without
                ))
            })),
        }
    }

    /// What TLS has to do with `error`, if anything.
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

    /// What may be amiss where a broker closes a connection that is new.
    pub(in crate::kafka) fn suspicion(&self) -> &'static str {
        match &self.security {
            Security { tls: None, .. } => "if that port expects TLS, set kafka.tls.enabled = true",
            Security { tls: Some(tls), .. } if !tls.has_identity() => {
                "if it asks for a client certificate, set kafka.tls.cert_file and kafka.tls.key_file"
            }
            Security { .. } => "its log says why",
        }
    }
}

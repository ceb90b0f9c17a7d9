//! Messages for TLS failures, with their causes and remedies.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError, PeerIncompatible};

/// The settings that remedies for a server's TLS name.
#[derive(Clone, Copy, Debug)]
pub struct Remedies {
    /// The file with the authorities: `kafka.tls.ca_file`.
    pub authorities: &'static str,
    /// The file with the client certificate: `kafka.tls.cert_file`.
    pub certificate: &'static str,
    /// The address of the server: `kafka.brokers`.
    pub host: &'static str,
    /// What to set if the server does not support TLS: `kafka.tls.enabled = false`.
    pub without: &'static str,
}

/// A failure of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The cause and the remedy, as the predicate of a sentence about the server.
    pub text: String,
    /// Whether a retry can help.
    pub passes: bool,
}

impl Fault {
    /// The TLS failure that caused `error`; `None` if there is none. `has_identity`: a client
    /// certificate is configured.
    #[must_use]
    pub fn behind(
        error: &(dyn Error + 'static),
        has_identity: bool,
        remedies: &Remedies,
    ) -> Option<Self> {
        let error = rustls_error(error)?;
        let Remedies { authorities, certificate, host, without } = remedies;
        let text = match error {
            rustls::Error::InvalidCertificate(error) => certificate_fault(error, authorities, host),
            rustls::Error::AlertReceived(alert) => match (alert, has_identity) {
                (
                    AlertDescription::CertificateRequired | AlertDescription::BadCertificate,
                    false,
                ) => {
                    format!("requires a client certificate: set {certificate} and its key")
                }
                (alert, true) if is_about_certificates(*alert) => format!(
                    "rejects the client certificate ({alert:?}): set {certificate} to one from an \
                     authority that the server trusts"
                ),
                (
                    AlertDescription::ProtocolVersion
                    | AlertDescription::HandshakeFailure
                    | AlertDescription::InsufficientSecurity,
                    _,
                ) => incompatible(&format!("{alert:?}")),
                (alert, _) => {
                    let text =
                        format!("aborted the TLS handshake ({alert:?}): see the server's log");
                    return Some(Self { text, passes: true });
                }
            },
            rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
                incompatible("it offers an older version")
            }
            rustls::Error::PeerIncompatible(cause) => incompatible(&format!("{cause:?}")),
            rustls::Error::InvalidMessage(_) => {
                format!("does not support TLS at this port: use its TLS port, or set {without}")
            }
            other => {
                return Some(Self {
                    text: format!("failed the TLS handshake ({other}): see the server's log"),
                    passes: true,
                });
            }
        };
        Some(Self { text, passes: false })
    }
}

fn certificate_fault(error: &CertificateError, authorities: &str, host: &str) -> String {
    match error {
        // An authority with the same name but another key is reported as a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
            "has a certificate from an authority that is not trusted: set {authorities} to a \
             file with that authority's certificate"
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has an expired certificate: renew it, or correct the clock of this machine".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "has a certificate that is not valid yet: correct the clock of this machine".to_owned()
        }
        CertificateError::NotValidForName => {
            format!("has a certificate for another host: set {host} to the name in the certificate")
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "has a certificate for {} and not for {}: set {host} to a name in the certificate, or \
             reissue it for this name",
            hosts(presented),
            expected.to_str(),
        ),
        other => format!("has an invalid certificate: {other}"),
    }
}

/// The hosts that a certificate is for; rustls returns each as `DnsName("…")` or similar.
fn hosts(presented: &[String]) -> String {
    let inner = |name: &str| {
        let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"').to_owned()
    };
    if presented.is_empty() {
        return "no host".to_owned();
    }
    presented.iter().map(|name| inner(name)).collect::<Vec<_>>().join(", ")
}

fn incompatible(cause: &str) -> String {
    format!(
        "has no TLS version or cipher in common with vendas, which supports 1.2 and 1.3 ({cause})"
    )
}

const fn is_about_certificates(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
    )
}

/// The rustls error in the chain of causes, if there is one.
fn rustls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next: Option<&'e (dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // The error that an I/O error wraps is not its source.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

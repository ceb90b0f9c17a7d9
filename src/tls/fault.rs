//! What a failure of TLS means, in words for whoever has to put it right.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError, PeerIncompatible};

/// The settings by which a server's TLS is put right, as their messages name them.
#[derive(Clone, Copy, Debug)]
pub struct Remedies {
    /// Holds the authorities: `kafka.tls.ca_file`.
    pub authorities: &'static str,
    /// Holds our certificate: `kafka.tls.cert_file`.
    pub certificate: &'static str,
    /// Names the server: `kafka.brokers`.
    pub host: &'static str,
    /// What to set where the server has no TLS: `kafka.tls.enabled = false`.
    pub without: &'static str,
}

/// A failure of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong with whom, and the remedy. Its subject is the server.
    pub text: String,
    /// Whether it may pass by itself.
    pub passes: bool,
}

impl Fault {
    /// What TLS has to do with `error`; `None` if that is nothing. `has_identity`: we would have
    /// shown a certificate.
    #[must_use]
    pub fn behind(
        error: &(dyn Error + 'static),
        has_identity: bool,
        remedies: &Remedies,
    ) -> Option<Self> {
        let error = beneath(error)?;
        let Remedies { authorities, certificate, host, without } = remedies;
        let text = match error {
            rustls::Error::InvalidCertificate(error) => certificate_fault(error, authorities, host),
            rustls::Error::AlertReceived(alert) => match (alert, has_identity) {
                (
                    AlertDescription::CertificateRequired | AlertDescription::BadCertificate,
                    false,
                ) => {
                    format!("asks for a client certificate: set {certificate} and its key")
                }
                (alert, true) if is_about_certificates(*alert) => format!(
                    "refuses our client certificate ({alert:?}): set {certificate} to one from an \
                     authority that the server trusts"
                ),
                (
                    AlertDescription::ProtocolVersion
                    | AlertDescription::HandshakeFailure
                    | AlertDescription::InsufficientSecurity,
                    _,
                ) => incompatible(&format!("{alert:?}")),
                (alert, _) => {
                    let text = format!("broke the TLS handshake off ({alert:?}): its log says why");
                    return Some(Self { text, passes: true });
                }
            },
            rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
                incompatible("it offers an older one")
            }
            rustls::Error::PeerIncompatible(cause) => incompatible(&format!("{cause:?}")),
            rustls::Error::InvalidMessage(_) => {
                format!("doesn't speak TLS at this port: take the port that does, or set {without}")
            }
            other => {
                return Some(Self { text: format!("fails at TLS: {other}"), passes: true });
            }
        };
        Some(Self { text, passes: false })
    }
}

fn certificate_fault(error: &CertificateError, authorities: &str, host: &str) -> String {
    match error {
        // An authority of the same name but with another key shows as a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
            "has a certificate from an authority that is not trusted here: set {authorities} to a \
             file with that authority's certificate"
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has a certificate that has expired: renew it there, or set this machine's clock right"
                .to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "has a certificate that is not valid yet: set this machine's clock right".to_owned()
        }
        CertificateError::NotValidForName => {
            format!("has a certificate for another host: set {host} to the name that it is for")
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "has a certificate for {} and not for {}: set {host} to a name that it is for, or have \
             it issued for this one",
            hosts(presented),
            expected.to_str(),
        ),
        other => format!("has a certificate that is not accepted: {other}"),
    }
}

/// The hosts that a certificate is for; each comes as `DnsName("…")` or the like.
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
        "has no version or cipher of TLS in common with vendas, which knows 1.2 and 1.3 ({cause})"
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

/// The error of rustls that lies beneath, if one does.
fn beneath<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next: Option<&'e (dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // What an I/O error wraps is not its source, but itself.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

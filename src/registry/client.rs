//! Asks the registry over HTTP, one question a connection: schemas are asked for seldom.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, StatusCode, Uri,
    client::conn::http1::handshake,
    header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue, LOCATION},
};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::{
    RegistryError, Settings,
    answer::{self, Answer},
};
use crate::{
    format::SchemaId,
    tls::{Fault, Remedies, Tls},
};

const REMEDIES: Remedies = Remedies {
    authorities: "registry.ca_file",
    certificate: "registry.cert_file",
    host: "registry.url",
    without: "registry.url to http://",
};

/// The most bytes of an answer.
const LONGEST_ANSWER: usize = 8 << 20;

/// Where a registry is: an `http` or `https` URL, perhaps with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    is_tls: bool,
    /// Without a slash at its end.
    path: String,
}

impl Address {
    /// Reads a URL; `None` unless it is one, without user, password, query and fragment.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let is_tls = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || uri.query().is_some() || url.contains('#') {
            return None;
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            // A colon with no port behind it.
            None if authority.as_str() != authority.host() => return None,
            None if is_tls => 443,
            None => 80,
        };
        let path = uri.path().trim_end_matches('/').to_owned();
        (!host.is_empty() && port > 0).then_some(Self { host, port, is_tls, path })
    }

    /// Whether it begins with `https`.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// `host:port`, as the header `Host` has it.
    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// Where the schema of an id is.
pub(super) fn path_of_id(id: SchemaId) -> String {
    format!("/schemas/ids/{id}")
}

/// Where a version of a subject is.
pub(super) fn path_of_subject(subject: &str, version: &str) -> String {
    let subject = utf8_percent_encode(subject, NON_ALPHANUMERIC);
    format!("/subjects/{subject}/versions/{version}")
}

/// Asks the registry.
#[derive(Debug)]
pub(super) struct Client {
    addresses: Vec<Address>,
    authorization: Option<HeaderValue>,
    tls: Option<Tls>,
    timeout: Duration,
    /// The address that answered last.
    answering: AtomicUsize,
    opened: AtomicU64,
}

/// Why one address did not answer, as the end of a sentence about it.
enum Failure {
    /// That may pass.
    Passes(String),
    /// A person has to put something right.
    NeedsAPerson(String),
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Self {
        let authorization = settings.credentials.as_ref().and_then(|(user, password)| {
            let both = format!("{user}:{}", password.expose_secret());
            let mut value =
                HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(both))).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self {
            addresses: settings.addresses.clone(),
            authorization,
            tls: settings.tls.clone(),
            timeout: settings.timeout,
            answering: AtomicUsize::new(0),
            opened: AtomicU64::new(0),
        }
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Asks the address that answered last, then the others.
    ///
    /// # Errors
    /// None has an answer. The text is about the first that was asked.
    pub(super) async fn ask(&self, path: &str) -> Result<Answer, RegistryError> {
        let from = self.answering.load(Ordering::Relaxed);
        let count = self.addresses.len();
        let mut first = None;
        for index in (from..count).chain(0..from.min(count)) {
            let Some(address) = self.addresses.get(index) else { continue };
            let asked = timeout(self.timeout, self.ask_one(address, path)).await;
            let failure = match asked {
                Ok(Ok(answer)) => {
                    self.answering.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::Passes(format!("has no answer within {:?}", self.timeout)),
            };
            let told = |text| format!("the schema registry at {address} {text}");
            first.get_or_insert_with(|| match failure {
                Failure::Passes(text) => RegistryError::PassesByItself(told(text)),
                Failure::NeedsAPerson(text) => RegistryError::NeedsAPerson(told(text)),
            });
        }
        Err(first.unwrap_or_else(|| {
            RegistryError::NeedsAPerson("registry.url names no address".to_owned())
        }))
    }

    async fn ask_one(&self, address: &Address, path: &str) -> Result<Answer, Failure> {
        let unreachable = |error: io::Error| Failure::Passes(format!("is out of reach: {error}"));
        let stream =
            TcpStream::connect((&*address.host, address.port)).await.map_err(unreachable)?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        if !address.is_tls {
            return self.over(stream, address, path).await;
        }
        let Some(tls) = &self.tls else {
            return Err(Failure::NeedsAPerson("needs TLS, which is not set up".to_owned()));
        };
        let connector = TlsConnector::from(Arc::clone(tls.config()));
        let name = ServerName::try_from(address.host.clone()).map_err(|_| {
            Failure::NeedsAPerson("has a host that no certificate can name".to_owned())
        })?;
        let stream =
            connector.connect(name, stream).await.map_err(|error| {
                match Fault::behind(&error, tls.has_identity(), &REMEDIES) {
                    Some(Fault { text, passes: true }) => Failure::Passes(text),
                    Some(Fault { text, passes: false }) => Failure::NeedsAPerson(text),
                    None => unreachable(error),
                }
            })?;
        self.over(stream, address, path).await
    }

    async fn over<S>(&self, stream: S, address: &Address, path: &str) -> Result<Answer, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let has_identity = self.tls.as_ref().is_some_and(Tls::has_identity);
        let broken = |error: hyper::Error| {
            // After the handshake, that is where TLS 1.3 says that it wants a certificate.
            match Fault::behind(&error, has_identity, &REMEDIES) {
                Some(Fault { text, passes: false }) => Failure::NeedsAPerson(text),
                _ => Failure::Passes(format!("breaks the connection off: {error}")),
            }
        };
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let mut request = Request::get(format!("{}{path}", address.path))
            .header(HOST, address.authority())
            .header(ACCEPT, "application/vnd.schemaregistry.v1+json, application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|error| Failure::NeedsAPerson(format!("cannot be asked: {error}")))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| {
            Failure::Passes(format!(
                "breaks its answer off, or it is longer than {LONGEST_ANSWER} bytes: {error}"
            ))
        })?;
        let body = body.to_bytes();
        let rubbish = |status| {
            let text = format!(
                "answers {status} with what no schema registry answers: check the path in \
                 registry.url (Apicurio's is /apis/ccompat/v7)"
            );
            Failure::Passes(text)
        };
        match head.status {
            StatusCode::OK => match answer::found(&body) {
                Some(found) => Ok(Answer::Found(found)),
                None => Err(rubbish(head.status)),
            },
            StatusCode::NOT_FOUND if answer::is_unknown(&body) => Ok(Answer::Unknown),
            StatusCode::NOT_FOUND => Err(rubbish(head.status)),
            StatusCode::UNAUTHORIZED => Err(Failure::NeedsAPerson(
                "answers 401 Unauthorized: check registry.user and registry.password".to_owned(),
            )),
            StatusCode::FORBIDDEN => Err(Failure::NeedsAPerson(
                "answers 403 Forbidden: let registry.user read schemas".to_owned(),
            )),
            status if status.is_redirection() => {
                let to = head.headers.get(LOCATION).and_then(|to| to.to_str().ok());
                let to = to.map(|to| format!(" to {to}")).unwrap_or_default();
                let text = format!("redirects{to}: set registry.url to where it is");
                Err(Failure::NeedsAPerson(text))
            }
            status => Err(Failure::Passes(format!("answers {status}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_url_of_http_or_https() {
        for (url, shown) in [
            ("http://localhost:8081", "http://localhost:8081"),
            ("http://registry", "http://registry:80"),
            ("https://registry/", "https://registry:443"),
            ("https://r.example:8443/apis/ccompat/v7/", "https://r.example:8443/apis/ccompat/v7"),
            ("http://[::1]:8081", "http://[::1]:8081"),
        ] {
            assert_eq!(Address::parse(url).map(|it| it.to_string()).as_deref(), Some(shown));
        }
        for wrong in [
            "",
            "localhost",
            "localhost:8081",
            "ftp://localhost",
            "http://",
            "http://:8081",
            "http://host:",
            "http://host:0",
            "http://host:99999",
            "http://user:secret@host",
            "http://host?x=1",
            "http://host/#x",
            "/path",
        ] {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_would_act_within_a_path_is_encoded() {
        assert_eq!(
            path_of_subject("a/b c-value", "latest"),
            "/subjects/a%2Fb%20c%2Dvalue/versions/latest"
        );
    }
}

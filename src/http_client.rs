//! An HTTP client for schemas and tokens. Requests are rare, so each opens a connection.

use std::{
    fmt, io,
    sync::atomic::{AtomicU64, Ordering},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode, Uri,
    client::conn::http1::handshake,
    header::{HOST, HeaderMap, HeaderValue, InvalidHeaderValue, LOCATION},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use crate::tls::{Fault, Remedies, Tls};

/// The maximum size of a response in bytes.
const MAX_RESPONSE: usize = 8 << 20;

/// The address of an HTTP server: an `http` or `https` URL, optionally with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    is_tls: bool,
    /// Without a trailing slash.
    path: String,
}

impl Address {
    /// Parses a URL; `None` if it is invalid or has a user, a password, a query or a fragment.
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
            // A colon without a port.
            None if authority.as_str() != authority.host() => return None,
            None if is_tls => 443,
            None => 80,
        };
        let path = uri.path().trim_end_matches('/').to_owned();
        (!host.is_empty() && port > 0).then_some(Self { host, port, is_tls, path })
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// `host:port`, as in the header `Host`.
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

/// A client for servers of one kind.
#[derive(Debug)]
pub(crate) struct HttpClient {
    /// Needed for `https` only.
    tls: Option<Tls>,
    remedies: &'static Remedies,
    opened: AtomicU64,
}

/// The response of a server, with any status.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    /// The target of a redirect, as a part of a sentence: ` to https://…`, or nothing.
    pub(crate) fn redirect(&self) -> String {
        let to = self.headers.get(LOCATION).and_then(|to| to.to_str().ok());
        to.map(|to| format!(" to {to}")).unwrap_or_default()
    }
}

/// Why a request to a server failed, as the end of a sentence about the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A retry can help.
    Transient(String),
    /// The operator has to correct something.
    NeedsAttention(String),
}

/// The value of `Authorization` for a user and a password (RFC 7617), marked as sensitive.
pub(crate) fn basic(
    user: &str,
    password: &SecretString,
) -> Result<HeaderValue, InvalidHeaderValue> {
    let both = format!("{user}:{}", password.expose_secret());
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(both)))?;
    value.set_sensitive(true);
    Ok(value)
}

impl HttpClient {
    /// `remedies` are the settings that error messages name.
    pub(crate) const fn new(tls: Option<Tls>, remedies: &'static Remedies) -> Self {
        Self { tls, remedies, opened: AtomicU64::new(0) }
    }

    /// The number of connections opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Sends `request` to `path` below the path of `address`, and awaits the complete response,
    /// without a deadline.
    ///
    /// # Errors
    /// The request fails, or the response is larger than 8 MiB.
    pub(crate) async fn send(
        &self,
        address: &Address,
        path: &str,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response, Failure> {
        let unusable = |error: &dyn fmt::Display| {
            Failure::NeedsAttention(format!("cannot be contacted: {error}"))
        };
        let path = format!("{}{path}", address.path);
        let path = if path.is_empty() { "/" } else { &path };
        *request.uri_mut() = path.parse().map_err(|error| unusable(&error))?;
        let host = HeaderValue::from_str(&address.authority()).map_err(|error| unusable(&error))?;
        request.headers_mut().insert(HOST, host);
        let unreachable = |error: io::Error| Failure::Transient(format!("is unreachable: {error}"));
        let stream =
            TcpStream::connect((&*address.host, address.port)).await.map_err(unreachable)?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        if !address.is_tls {
            return self.over(stream, request).await;
        }
        let Some(tls) = &self.tls else {
            return Err(Failure::NeedsAttention("needs TLS, which is not configured".to_owned()));
        };
        let connector = TlsConnector::from(tls.config());
        let name = ServerName::try_from(address.host.clone()).map_err(|_| {
            Failure::NeedsAttention("has a host name that is not valid for TLS".to_owned())
        })?;
        let stream =
            connector.connect(name, stream).await.map_err(|error| {
                match Fault::behind(&error, tls.has_identity(), self.remedies) {
                    Some(Fault { text, passes: true }) => Failure::Transient(text),
                    Some(Fault { text, passes: false }) => Failure::NeedsAttention(text),
                    None => unreachable(error),
                }
            })?;
        self.over(stream, request).await
    }

    async fn over<S>(&self, stream: S, request: Request<Full<Bytes>>) -> Result<Response, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let has_identity = self.tls.as_ref().is_some_and(Tls::has_identity);
        let broken = |error: hyper::Error| {
            // In TLS 1.3, a request for a client certificate can fail after the handshake.
            match Fault::behind(&error, has_identity, self.remedies) {
                Some(Fault { text, passes: false }) => Failure::NeedsAttention(text),
                _ => Failure::Transient(format!("closed the connection: {}", chain(&error))),
            }
        };
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let response = sender.send_request(request).await.map_err(broken)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_RESPONSE).collect().await.map_err(|error| {
            Failure::Transient(format!(
                "sent an incomplete response, or one longer than {MAX_RESPONSE} bytes: {error}"
            ))
        })?;
        Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

/// An error and its causes, the outermost first.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_shown_with_its_causes() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("connection error")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let inner = io::Error::new(io::ErrorKind::ConnectionReset, "reset by peer");
        assert_eq!(chain(&Outer(inner)), "connection error: reset by peer");
    }

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
}

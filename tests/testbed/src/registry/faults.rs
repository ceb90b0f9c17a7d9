//! An HTTP server in front of a registry that fails on demand, requires a password and counts
//! requests.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Bytes, Frame, Incoming},
    client::conn::http1::handshake,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use super::{Registry, server::split};
use crate::{certificates::Certificate, port};

/// The fault of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status and a page in HTML, as proxies do.
    Status(u16),
    /// Redirects to another server.
    Redirect,
    /// Answers with status 200 and invalid JSON.
    Rubbish,
    /// Answers with status 200 and JSON without a schema.
    NoSchema,
    /// Answers with status 200 and a JSON text that never ends.
    Endless,
    /// Closes the connection without an answer.
    Close,
    /// Does not answer while this fault lasts.
    Silent,
}

/// A registry through this server. Dropping it ends it.
#[derive(Debug)]
pub struct FaultyRegistry {
    url: String,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    /// `host:port` and the path before each request's own.
    target: (String, String),
    fault: watch::Sender<Option<Fault>>,
    /// The required value of the header `Authorization`.
    authorization: Mutex<Option<String>>,
    requests: Mutex<BTreeMap<String, usize>>,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultyRegistry {
    /// Starts a server in front of `registry`, without faults.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn before(registry: &Registry) -> Result<Self> {
        Self::listen(registry, None).await
    }

    /// The same over TLS, with a certificate for `localhost`.
    ///
    /// # Errors
    /// If there is no free port, or the certificate is invalid.
    pub async fn before_over_tls(registry: &Registry, certificate: &Certificate) -> Result<Self> {
        let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![chain?], key?)?;
        Self::listen(registry, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listen(registry: &Registry, tls: Option<TlsAcceptor>) -> Result<Self> {
        let port = port::free()?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.context("no port")?;
        let shared = Arc::new(Shared {
            target: split(registry.url())?,
            fault: watch::Sender::default(),
            authorization: Mutex::default(),
            requests: Mutex::default(),
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let accepting = tokio::spawn(accept(listener, tls, Arc::clone(&shared))).abort_handle();
        Ok(Self { url: format!("{scheme}://localhost:{port}"), shared, accepting })
    }

    /// The URL of Confluent's API, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on every request has this fault; `None` ends it.
    pub fn fail(&self, fault: Option<Fault>) {
        self.shared.fault.send_replace(fault);
    }

    /// From now on each request needs this user and password (RFC 7617), otherwise its answer is
    /// 401.
    pub fn require_password(&self, user: &str, password: &str) {
        let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
        *lock(&self.shared.authorization) = Some(format!("Basic {pair}"));
    }

    /// The number of requests for each path, such as `GET /schemas/ids/1`, with and without an
    /// answer.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, usize> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for FaultyRegistry {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            let answer = service_fn(async |request| answer(request, &shared).await);
            let http = http1::Builder::new();
            // A client that disconnects early is not an error of this server.
            match tls {
                None => drop(http.serve_connection(TokioIo::new(client), answer).await),
                Some(tls) => {
                    if let Ok(client) = tls.accept(client).await {
                        drop(http.serve_connection(TokioIo::new(client), answer).await);
                    }
                }
            }
        });
    }
}

/// An error closes the connection.
async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>> {
    let asked = format!("{} {}", request.method(), request.uri().path());
    *lock(&shared.requests).entry(asked).or_default() += 1;
    let mut fault = shared.fault.subscribe();
    let fault = *fault.wait_for(|fault| *fault != Some(Fault::Silent)).await?;
    match fault {
        Some(Fault::Status(status)) => text(status, "text/html", "<h1>Something is wrong</h1>"),
        Some(Fault::Redirect) => {
            let response = Response::builder().status(302).header(LOCATION, "http://127.0.0.1:1/");
            Ok(response.body(Full::default().boxed_unsync())?)
        }
        Some(Fault::Rubbish) => text(200, "application/json", "{\"schema\": \"{"),
        Some(Fault::NoSchema) => text(200, "application/json", "{\"subjects\": []}"),
        Some(Fault::Endless) => Ok(Response::new(endless())),
        Some(Fault::Close | Fault::Silent) => bail!("closed"),
        None => {
            let given = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
            let needed = lock(&shared.authorization).clone();
            if needed.is_none_or(|needed| given == Some(needed.as_bytes())) {
                return hand_on(request, shared).await;
            }
            let body = r#"{"error_code": 401, "message": "Unauthorized"}"#;
            text(401, "application/vnd.schemaregistry.v1+json", body)
        }
    }
}

fn text(status: u16, content_type: &str, body: &'static str) -> Result<Response<Body>> {
    let response = Response::builder().status(status).header(CONTENT_TYPE, content_type);
    Ok(response.body(Full::from(body).boxed_unsync())?)
}

fn endless() -> Body {
    let piece = || Ok(Frame::data(Bytes::from_static(&[b' '; 1 << 16])));
    StreamBody::new(stream::repeat_with(piece)).boxed_unsync()
}

async fn hand_on(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>> {
    let (address, prefix) = &shared.target;
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().context("no path")?;
    head.uri = format!("{prefix}{path}").parse()?;
    head.headers.insert(HOST, HeaderValue::from_str(address)?);
    let response = sender.send_request(Request::from_parts(head, body)).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(head, Full::from(body).boxed_unsync()))
}

//! HTTP requests, each over a new connection.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1::handshake,
    header::{ACCEPT, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use testbed::{Context, Result};
use tokio::{net::TcpStream, time::timeout};

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// Requests `path` from the server at `address`.
pub(crate) async fn get(address: &str, path: &str, accept: &str) -> Result<Answer> {
    timeout(Duration::from_secs(10), ask(address, path, accept)).await.context("no answer")?
}

async fn ask(address: &str, path: &str, accept: &str) -> Result<Answer> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header(HOST, address).header(ACCEPT, accept);
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let content_type = response.headers().get(CONTENT_TYPE).map(|value| value.to_str());
    let content_type = content_type.transpose()?.unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    let body = String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec())?;
    drop(sender);
    connection.abort();
    Ok(Answer { status, content_type, body })
}

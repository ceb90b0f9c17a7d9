//! `vendas healthcheck`: requests the health of the instance at `http.listen`, for containers without
//! an HTTP client.

use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, body::Bytes, client::conn::http1::handshake, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{CliError, print};
use crate::{config::Config, http::settings::Settings};

/// The timeout of the request.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The maximum size of a response; usually it has some hundred bytes.
const MAX_RESPONSE: usize = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Check only liveness (/healthz) instead of readiness (/readyz).
    #[arg(long)]
    alive: bool,
}

pub(super) async fn healthcheck(config: &Config, arguments: &Arguments) -> Result<(), CliError> {
    let Some(Settings { listen: address, .. }) = &config.http else {
        let text = "http.listen is not set: set it to the same address for `vendas run` and `vendas \
                    healthcheck`";
        return Err(CliError::Failed(text.to_owned()));
    };
    let path = if arguments.alive { "/healthz" } else { "/readyz" };
    let (healthy, answer) = match timeout(ANSWER_WITHIN, request(address, path)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(CliError::Failed(format!("{address} {path}: {error}"))),
        Err(_) => {
            let text = format!("{address} {path}: no response within {ANSWER_WITHIN:?}");
            return Err(CliError::Failed(text));
        }
    };
    print(&answer)?;
    if healthy { Ok(()) } else { Err(CliError::Reported("the instance is not ready")) }
}

/// Returns whether the instance is healthy, and the body of the response. A wildcard address connects
/// to this machine.
async fn request(
    address: &str,
    path: &str,
) -> Result<(bool, String), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::get(path).header(HOST, address).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let healthy = response.status().is_success();
    let body = Limited::new(response.into_body(), MAX_RESPONSE).collect().await?.to_bytes();
    Ok((healthy, String::from_utf8_lossy(&body).into_owned()))
}

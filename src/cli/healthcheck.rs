//! `vendas healthcheck`: asks the run at `http.listen` how it fares, for containers that have no
//! other program to ask with.

use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, body::Bytes, client::conn::http1::handshake, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{CliError, print};
use crate::{config::Config, http};

/// Who has not answered by then does not fare well.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The most bytes that are read of an answer; it has some hundred.
const LONGEST_ANSWER: usize = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Ask only whether it lives (/healthz), not whether it works (/readyz).
    #[arg(long)]
    alive: bool,
}

pub(super) async fn healthcheck(config: &Config, arguments: &Arguments) -> Result<(), CliError> {
    let Some(http::Settings { listen: address, .. }) = &config.http else {
        let text = "http.listen is not set, so that `vendas run` answers nowhere: set it for both";
        return Err(CliError::Failed(text.to_owned()));
    };
    let path = if arguments.alive { "/healthz" } else { "/readyz" };
    let (healthy, answer) = match timeout(ANSWER_WITHIN, ask(address, path)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(CliError::Failed(format!("{address} {path}: {error}"))),
        Err(_) => {
            let text = format!("{address} {path}: no answer within {ANSWER_WITHIN:?}");
            return Err(CliError::Failed(text));
        }
    };
    print(&answer)?;
    if healthy { Ok(()) } else { Err(CliError::Reported("it is not ready")) }
}

/// Whether it is well, and what it says. An address that stands for all of this machine's leads to
/// the machine itself.
async fn ask(
    address: &str,
    path: &str,
) -> Result<(bool, String), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::get(path).header(HOST, address).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let healthy = response.status().is_success();
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await?.to_bytes();
    Ok((healthy, String::from_utf8_lossy(&body).into_owned()))
}

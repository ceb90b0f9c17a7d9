//! The process of a private registry.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Uri, body::Bytes, client::conn::http1::handshake, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::{
    guard::Folder,
    install, port,
    process::{Launch, Process, tail},
};

/// From the start to the first answer; about 4 s on two idle cores.
const START_DEADLINE: Duration = Duration::from_secs(90);
/// One answer of a running registry.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// The part of a private registry that can be stopped.
#[derive(Debug)]
pub(super) struct Server {
    // Before the folder, so that the process is killed first.
    process: Mutex<Option<Process>>,
    folder: Folder,
    jar: PathBuf,
    port: u16,
}

impl Server {
    /// Starts a registry without schemas. `None` if its port is in use.
    pub(super) async fn start() -> Result<Option<Self>> {
        let jar = spawn_blocking(install::registry).await??;
        let (folder, port) = (Folder::new("registry")?, port::free()?);
        let server = Self { process: Mutex::default(), folder, jar, port };
        match server.restart().await {
            Ok(()) => Ok(Some(server)),
            Err(_) if tail(&server.log()).contains("already in use") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The URL of Confluent's API.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    pub(super) async fn restart(&self) -> Result<()> {
        // Killed by being dropped.
        drop(self.lock().take());
        let database = self.folder.path().join("registered");
        let settings = [
            format!("quarkus.http.port={}", self.port),
            "quarkus.http.host=127.0.0.1".to_owned(),
            // In a file, written at once: schemas survive a kill.
            format!("REGISTRY_DATASOURCE_URL=jdbc:h2:file:{};WRITE_DELAY=0", database.display()),
            "quarkus.datasource.jdbc.min-size=2".to_owned(),
            "quarkus.datasource.jdbc.initial-size=2".to_owned(),
        ];
        let mut args: Vec<_> = ["-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
            .map(Into::into)
            .into_iter()
            .chain(settings.iter().map(|setting| format!("-D{setting}").into()))
            .collect();
        args.extend(["-jar".into(), self.jar.clone().into_os_string()]);
        let (java, log) = (install::java(), self.log());
        let launch = Launch::new(java.as_os_str(), args, self.folder.path(), &log);
        let mut process = Process::start(&launch)?;
        let until = Instant::now() + START_DEADLINE;
        while !answers(&self.url()).await {
            if process.exit_status()?.is_some() || Instant::now() > until {
                bail!("the registry did not start: {}", process.state());
            }
            sleep(Duration::from_millis(50)).await;
        }
        *self.lock() = Some(process);
        Ok(())
    }

    pub(super) fn kill(&self) -> Result<()> {
        self.lock().take().context("the registry is not running")?.kill()
    }

    pub(super) fn pause(&self) -> Result<()> {
        self.lock().as_mut().context("the registry is not running")?.pause()
    }

    pub(super) fn resume(&self) -> Result<()> {
        self.lock().as_mut().context("the registry is not running")?.resume()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("registry.log")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a registry lists its subjects.
pub(super) async fn answers(url: &str) -> bool {
    let asked = timeout(CALL_DEADLINE, status_of(url, "/subjects")).await;
    asked.is_ok_and(|status| status.is_ok_and(|status| status == 200))
}

/// The status of the answer to a GET.
async fn status_of(url: &str, path: &str) -> Result<u16> {
    let (address, base) = split(url)?;
    let stream = TcpStream::connect(&address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("{base}{path}")).header(HOST, address);
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = response.status().as_u16();
    response.into_body().collect().await?;
    connection.abort();
    Ok(status)
}

/// The address and the path of a URL; the path does not end with a slash.
pub(super) fn split(url: &str) -> Result<(String, String)> {
    let uri: Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
    let host = uri.host().with_context(|| format!("{url} names no host"))?;
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("http")) => 80,
        (None, _) => bail!("{url} names no port"),
    };
    Ok((format!("{host}:{port}"), uri.path().trim_end_matches('/').to_owned()))
}

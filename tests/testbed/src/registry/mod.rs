//! A schema registry: Apicurio's, with Confluent's API.

mod faults;
mod serializers;
mod server;

use std::env;

use anyhow::{Context, Result, ensure};
use tokio::sync::OnceCell;

use crate::port;
use server::Server;

pub use faults::{Fault, FaultyRegistry};
pub use serializers::{SchemaKind, Serializers};

/// A schema registry: a private one, or an external one. Dropping a private one ends it.
#[derive(Debug)]
pub struct Registry {
    url: String,
    server: Option<Server>,
}

impl Registry {
    /// Starts a private registry without schemas.
    ///
    /// # Errors
    /// If it does not start, with the end of its log.
    pub async fn start() -> Result<Self> {
        let server = port::start_on_free("the registry", Server::start).await?;
        Ok(Self { url: server.url(), server: Some(server) })
    }

    /// The registry that all tests of this process share, started by the first one: a private one,
    /// or that of `VENDAS_TEST_REGISTRY` (the URL of Confluent's API). Each test has its own
    /// subjects there, named after its topics.
    ///
    /// # Errors
    /// If it does not start or does not answer.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Registry> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| async {
                let Ok(url) = env::var("VENDAS_TEST_REGISTRY") else { return Self::start().await };
                let registry = Self { url: url.trim_end_matches('/').to_owned(), server: None };
                ensure!(registry.answers().await, "VENDAS_TEST_REGISTRY: no registry at {url}");
                Ok(registry)
            })
            .await
    }

    /// The URL of Confluent's API, without a slash at the end: for `VENDAS_REGISTRY__URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills it. Its schemas and its port stay.
    ///
    /// # Errors
    /// If it is not private or not running.
    pub fn kill(&self) -> Result<()> {
        self.server()?.kill()
    }

    /// Starts it again at the same address with its schemas, after killing it if it runs.
    ///
    /// # Errors
    /// If it is not private or does not start.
    pub async fn restart(&self) -> Result<()> {
        self.server()?.restart().await
    }

    /// Freezes it: its connections stay open, and requests are not answered.
    ///
    /// # Errors
    /// If it is not private or not running.
    pub fn pause(&self) -> Result<()> {
        self.server()?.pause()
    }

    /// Resumes it.
    ///
    /// # Errors
    /// If it is not private or not running.
    pub fn resume(&self) -> Result<()> {
        self.server()?.resume()
    }

    fn server(&self) -> Result<&Server> {
        self.server.as_ref().with_context(|| {
            format!(
                "the registry at {} is external and cannot be stopped: use a private one \
                 (`Registry::start`)",
                self.url
            )
        })
    }

    /// Whether it lists its subjects.
    async fn answers(&self) -> bool {
        server::answers(&self.url).await
    }
}

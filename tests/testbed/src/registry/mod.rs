//! A schema registry: Apicurio's, which has Confluent's API.

mod faults;
mod serializers;
mod server;

use std::env;

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::OnceCell;

use server::Server;

pub use faults::{Fault, FaultyRegistry};
pub use serializers::{SchemaKind, Serializers};

/// A schema registry: a private one, or one that was there already. A private one ends when dropped.
#[derive(Debug)]
pub struct Registry {
    url: String,
    server: Option<Server>,
}

impl Registry {
    /// Starts a private one, in which nothing is registered.
    ///
    /// # Errors
    /// Where it does not come up, with the end of its log.
    pub async fn start() -> Result<Self> {
        // Another program may take the port between the look and the start.
        for _ in 0..4 {
            if let Some(server) = Server::start().await? {
                return Ok(Self { url: server.url(), server: Some(server) });
            }
        }
        bail!("the registry found its port taken, four times")
    }

    /// The registry that all tests of this process share, started with the first one: a private
    /// one, or that of `VENDAS_TEST_REGISTRY` (the URL of Confluent's API). Each test has subjects
    /// of its own there, named after its topics.
    ///
    /// # Errors
    /// Where it does not come up or does not answer.
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

    /// Where Confluent's API begins, without a slash at the end: for `VENDAS_REGISTRY__URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills it. What is registered stays, and so does the port.
    ///
    /// # Errors
    /// Where it isn't a private one or doesn't run.
    pub fn kill(&self) -> Result<()> {
        self.server()?.kill()
    }

    /// Starts it again where it was, with what was registered; kills it first, if it runs.
    ///
    /// # Errors
    /// Where it isn't a private one or doesn't come up.
    pub async fn restart(&self) -> Result<()> {
        self.server()?.restart().await
    }

    /// Freezes it: its connections stay open and nothing answers.
    ///
    /// # Errors
    /// Where it isn't a private one or doesn't run.
    pub fn pause(&self) -> Result<()> {
        self.server()?.pause()
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// Where it isn't a private one or doesn't run.
    pub fn resume(&self) -> Result<()> {
        self.server()?.resume()
    }

    fn server(&self) -> Result<&Server> {
        self.server.as_ref().with_context(|| {
            format!(
                "the registry at {} is not ours to stop: this test needs a private one \
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

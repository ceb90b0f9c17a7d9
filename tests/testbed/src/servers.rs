//! The servers that tests share.

use std::path::PathBuf;

use anyhow::Result;
use tokio::sync::OnceCell;

use crate::{
    database::Database,
    kafka::{Kafka, KafkaOptions, KafkaRelease},
    postgres::Postgres,
    vendas::VendasCommand,
};

/// A Kafka and a PostgreSQL.
#[derive(Debug)]
pub struct Testbed {
    /// The broker.
    pub kafka: Kafka,
    /// The database server.
    pub postgres: Postgres,
}

impl Testbed {
    /// Servers for one test, which may stop, kill, pause and restart them.
    ///
    /// # Errors
    /// If one does not start.
    pub async fn private() -> Result<Self> {
        let (kafka, postgres) = tokio::try_join!(Kafka::start(), Postgres::start())?;
        Ok(Self { kafka, postgres })
    }

    /// The servers that all tests of this process share, started by the first one: private servers,
    /// or those of `VENDAS_TEST_KAFKA` (`host:port`) and `VENDAS_TEST_POSTGRES` (a connection URL).
    /// Each test creates its own topics and databases there, and does not stop the servers.
    ///
    /// # Errors
    /// If one does not start or is unreachable.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Testbed> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| async {
                let (kafka, postgres) = tokio::try_join!(Kafka::shared(), Postgres::shared())?;
                Ok(Self { kafka, postgres })
            })
            .await
    }

    /// The same with a Kafka of another release, which is also shared by all tests of this process,
    /// and is always private. The PostgreSQL is that of [`shared`](Self::shared).
    ///
    /// # Errors
    /// If one does not start or is unreachable.
    pub async fn shared_with(release: KafkaRelease) -> Result<&'static Self> {
        static V2_8: OnceCell<Testbed> = OnceCell::const_new();
        static V3_0: OnceCell<Testbed> = OnceCell::const_new();
        static V3_9: OnceCell<Testbed> = OnceCell::const_new();
        let cell = match release {
            KafkaRelease::V2_8 => &V2_8,
            KafkaRelease::V3_0 => &V3_0,
            KafkaRelease::V3_9 => &V3_9,
            KafkaRelease::V4_3 => return Self::shared().await,
        };
        cell.get_or_try_init(|| async {
            Self::with(KafkaOptions::default().release(release).start().await?).await
        })
        .await
    }

    /// This Kafka, and the PostgreSQL of [`shared`](Self::shared).
    ///
    /// # Errors
    /// If the latter does not start or is unreachable.
    pub async fn with(kafka: Kafka) -> Result<Self> {
        Ok(Self { kafka, postgres: Self::shared().await?.postgres.handle() })
    }

    /// Creates a topic with a new name.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn topic(&self, partitions: u16) -> Result<String> {
        self.configured_topic(partitions, &[]).await
    }

    /// Creates a topic with a new name, with Kafka topic configurations.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn configured_topic(
        &self,
        partitions: u16,
        configs: &[(&str, &str)],
    ) -> Result<String> {
        self.kafka.new_topic(partitions, configs).await
    }

    /// Creates a new, empty database.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn database(&self) -> Result<Database> {
        self.postgres.database().await
    }

    /// The program's command line and environment for these servers, without a subcommand.
    #[must_use]
    pub fn vendas(
        &self,
        program: impl Into<PathBuf>,
        topics: &[&str],
        database: &Database,
    ) -> VendasCommand {
        VendasCommand::new(program).kafka(&self.kafka, topics).database(database)
    }
}

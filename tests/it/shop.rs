//! A topic and a database for one test, on the servers that all tests share.

use std::time::Duration;

use testbed::{Database, Ended, Record, Result, Testbed, VendasCommand};

/// Longer than any successful operation takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The built program.
pub(crate) const VENDAS: &str = env!("CARGO_BIN_EXE_vendas");

pub(crate) struct Shop {
    pub(crate) servers: &'static Testbed,
    pub(crate) topic: String,
    pub(crate) database: Database,
}

impl Shop {
    pub(crate) async fn open(partitions: u16) -> Result<Self> {
        Self::open_with(partitions, &[]).await
    }

    /// The topic has these configurations of Kafka's.
    pub(crate) async fn open_with(partitions: u16, configs: &[(&str, &str)]) -> Result<Self> {
        Self::on(Testbed::shared().await?, partitions, configs).await
    }

    /// On servers other than the shared ones.
    pub(crate) async fn on(
        servers: &'static Testbed,
        partitions: u16,
        configs: &[(&str, &str)],
    ) -> Result<Self> {
        let topic = servers.configured_topic(partitions, configs).await?;
        Ok(Self { servers, topic, database: servers.database().await? })
    }

    /// The program with this shop's settings.
    pub(crate) fn vendas(&self, args: &[&str]) -> VendasCommand {
        self.servers.vendas(VENDAS, &[&self.topic], &self.database).args(args.iter().copied())
    }

    /// Creates the tables, as their owner.
    pub(crate) async fn apply_schema(&self) -> Result<()> {
        self.vendas(&["schema", "--apply"]).run(DEADLINE).await?.expect_code(0).map(drop)
    }

    /// Processes the current backlog, and must succeed.
    pub(crate) async fn process_backlog(&self) -> Result<Ended> {
        self.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(0)
    }

    pub(crate) async fn send(&self, partition: i32, payloads: &[&str]) -> Result<()> {
        let records: Vec<_> = payloads.iter().map(|payload| Record::new(*payload)).collect();
        self.servers.kafka.produce(&self.topic, partition, &records).await?;
        Ok(())
    }

    /// Orders of one item each: order number `n` has the total `n` and 10 cents.
    pub(crate) async fn send_numbers(
        &self,
        partition: i32,
        numbers: impl IntoIterator<Item = i32>,
    ) -> Result<()> {
        let payloads: Vec<_> = numbers.into_iter().map(numbered).collect();
        self.send(partition, &payloads.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// The rows of a query, each with its columns joined by `|`, and NULL as an empty string.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<String>> {
        self.database.rows(sql).await
    }
}

/// An order with a total of `number` and 10 cents.
pub(crate) fn numbered(number: i32) -> String {
    format!(
        r#"{{"order_number": {number}, "order_items": [{{"qty": 1, "value_unit": {number}.10}}]}}"#
    )
}

//! An Apache Kafka: a private broker, a cluster of them, or one that somebody else runs.

mod broker;
mod cluster;
mod consumer;
mod options;
mod readiness;
mod record;
mod release;
mod zookeeper;

use std::{
    env,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use rskafka::{
    BackoffConfig,
    client::{
        Client, ClientBuilder,
        partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling},
    },
};
use rustix::process::Signal;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    install,
    proxy::{KafkaCaps, Proxy},
};

pub use cluster::KafkaCluster;
pub use consumer::JavaConsumer;
pub use options::KafkaOptions;
pub use record::Record;
pub use release::KafkaRelease;

use broker::Broker;

const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// One request to a broker that is up.
const CALL_DEADLINE: Duration = Duration::from_secs(15);
/// Stays below the broker's `message.max.bytes` of 1 MiB.
const PRODUCE_BYTES: usize = 500_000;

/// An Apache Kafka: a private one, or one that was there already. A private one ends when dropped.
#[derive(Debug)]
pub struct Kafka {
    address: String,
    /// Where its proxy, if it has one, has to lead to.
    behind_proxy: Option<String>,
    broker: Option<Broker>,
    release: KafkaRelease,
    capped: Option<Proxy>,
}

impl Kafka {
    /// Starts a private one with the usual options.
    ///
    /// # Errors
    /// Where it does not come up, with the end of its log.
    pub async fn start() -> Result<Self> {
        KafkaOptions::default().start().await
    }

    /// One that somebody else runs, at `host:port`, or at several of them with commas between.
    /// It is taken for one of the newest release.
    #[must_use]
    pub fn external(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            behind_proxy: None,
            broker: None,
            release: KafkaRelease::default(),
            capped: None,
        }
    }

    /// Which release it is of.
    #[must_use]
    pub const fn release(&self) -> KafkaRelease {
        self.release
    }

    /// `host:port`, of a cluster several with commas between: for `VENDAS_KAFKA__BROKERS`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the program under test reaches it: [`address`](Self::address), or the proxy that
    /// [caps](KafkaOptions::capped) what it offers.
    #[must_use]
    pub fn program_address(&self) -> String {
        self.capped.as_ref().map_or_else(|| self.address.clone(), Proxy::address)
    }

    /// What it offers to the program under test, where that is less than it has.
    #[must_use]
    pub fn caps(&self) -> Option<&'static KafkaCaps> {
        self.capped.as_ref()?.caps()
    }

    /// What the program asked for that the service behind the caps would not know. The connection on
    /// which that came was closed.
    #[must_use]
    pub fn above_caps(&self) -> Vec<String> {
        self.capped.as_ref().map_or_else(Vec::new, Proxy::refused)
    }

    /// Where the proxy that it was started [behind](KafkaOptions::behind) has to lead to.
    ///
    /// # Errors
    /// Where it was started without one.
    pub fn behind_proxy(&self) -> Result<&str> {
        self.behind_proxy.as_deref().context("this Kafka has no proxy: `KafkaOptions::behind`")
    }

    /// The private server's process, as long as it runs: for its CPU time.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        Some(self.broker.as_ref()?.lock().as_ref()?.id())
    }

    /// Lets it shut down by itself, as for maintenance. Its data and its port stay.
    ///
    /// # Errors
    /// Where it isn't a private one, doesn't run, or is too slow.
    pub async fn stop(&self) -> Result<()> {
        let mut process = self.broker()?.lock().take().context("Kafka doesn't run")?;
        let _ = process.resume();
        process.signal(Signal::TERM)?;
        process.wait(STOP_DEADLINE).await.map(drop)
    }

    /// Kills it as a power failure would, but for what the kernel has still in memory.
    ///
    /// # Errors
    /// Where it isn't a private one or doesn't run.
    pub fn kill(&self) -> Result<()> {
        self.broker()?.lock().take().context("Kafka doesn't run")?.kill()
    }

    /// Starts it again, with the same data at the same address; stops it first, if it runs.
    ///
    /// # Errors
    /// Where it isn't a private one or doesn't come up.
    pub async fn restart(&self) -> Result<()> {
        if self.process_id().is_some() {
            self.stop().await?;
        }
        self.broker()?.start(&self.address).await
    }

    /// The first file of a partition's log.
    ///
    /// # Errors
    /// Where it isn't a private one.
    pub fn log_file(&self, topic: &str, partition: i32) -> Result<PathBuf> {
        let folder = self.broker()?.folder().join(format!("data/{topic}-{partition}"));
        Ok(folder.join("00000000000000000000.log"))
    }

    /// Freezes it: its connections stay open and nothing answers.
    ///
    /// # Errors
    /// Where it isn't a private one or doesn't run.
    pub fn pause(&self) -> Result<()> {
        self.broker()?.lock().as_mut().context("Kafka doesn't run")?.pause()
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// Where it isn't a private one or doesn't run.
    pub fn resume(&self) -> Result<()> {
        self.broker()?.lock().as_mut().context("Kafka doesn't run")?.resume()
    }

    fn broker(&self) -> Result<&Broker> {
        self.broker.as_ref().with_context(|| {
            format!(
                "the Kafka at {} is not ours to stop: this test needs a private one (`Kafka::start`)",
                self.address
            )
        })
    }

    /// rskafka's client, with deadlines that suit a test.
    ///
    /// # Errors
    /// Where the broker doesn't answer.
    pub async fn client(&self) -> Result<Client> {
        connect(&self.address).await
    }

    /// Creates a topic of a new name, and returns that.
    ///
    /// # Errors
    /// Where the broker refuses or doesn't answer.
    pub async fn new_topic(&self, partitions: u16, configs: &[(&str, &str)]) -> Result<String> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = std::time::UNIX_EPOCH.elapsed()?.as_micros();
        // A server that isn't private may have topics of earlier runs.
        let name = format!("test-{now}-{number}");
        self.create_topic(&name, partitions, configs).await?;
        Ok(name)
    }

    /// Creates a topic; `configs` are Kafka's own, such as `("cleanup.policy", "compact")`.
    ///
    /// # Errors
    /// Where the broker refuses or doesn't answer.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: u16,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        if configs.is_empty() {
            let client = self.client().await?;
            let controller = client.controller_client()?;
            // As often replicated as the brokers are told to do it.
            let created = controller.create_topic(name, i32::from(partitions), -1, 10_000);
            timeout(CALL_DEADLINE, created)
                .await
                .with_context(|| format!("topic {name} not created within {CALL_DEADLINE:?}"))?
                .with_context(|| format!("topic {name} not created"))?;
            return Ok(());
        }
        // rskafka has no configurations.
        let configs: Vec<_> =
            configs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let partitions = partitions.to_string();
        let mut args = vec!["--create", "--topic", name, "--partitions", &partitions];
        args.extend(configs.iter().flat_map(|config| ["--config", config]));
        self.tool("org.apache.kafka.tools.TopicCommand", &args, b"").await.map(drop)
    }

    /// Deletes a topic. The broker does so soon afterwards, not at once.
    ///
    /// # Errors
    /// Where the broker refuses or doesn't answer.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        let client = self.client().await?;
        let controller = client.controller_client()?;
        timeout(CALL_DEADLINE, controller.delete_topic(name, 10_000))
            .await
            .with_context(|| format!("topic {name} not deleted within {CALL_DEADLINE:?}"))?
            .with_context(|| format!("topic {name} not deleted"))
    }

    /// Deletes a partition's records below `offset`, as retention does.
    ///
    /// # Errors
    /// Where the broker refuses or doesn't answer.
    pub async fn delete_records(&self, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let client = self.partition(topic, partition).await?;
        timeout(CALL_DEADLINE, client.delete_records(offset, 10_000))
            .await
            .with_context(|| format!("records not deleted within {CALL_DEADLINE:?}"))?
            .context("records not deleted")
    }

    /// A topic's partitions; none, where there is no such topic.
    ///
    /// # Errors
    /// Where the broker doesn't answer.
    pub async fn partitions(&self, topic: &str) -> Result<Vec<i32>> {
        let client = self.client().await?;
        let topics = timeout(CALL_DEADLINE, client.list_topics())
            .await
            .with_context(|| format!("no list of topics within {CALL_DEADLINE:?}"))??;
        let topic = topics.into_iter().find(|other| other.name == topic);
        Ok(topic.map_or_else(Vec::new, |topic| topic.partitions.into_iter().collect()))
    }

    /// Where a partition's log ends: the offset that the next record will get.
    ///
    /// # Errors
    /// Where the broker refuses or doesn't answer.
    pub async fn log_end(&self, topic: &str, partition: i32) -> Result<i64> {
        let client = self.partition(topic, partition).await?;
        Ok(timeout(CALL_DEADLINE, client.get_offset(OffsetAt::Latest)).await??)
    }

    /// Appends records to a partition, uncompressed, and says at which offsets.
    ///
    /// # Errors
    /// Where the broker refuses or doesn't answer; some records may then be there, or be there twice.
    pub async fn produce(
        &self,
        topic: &str,
        partition: i32,
        records: &[Record],
    ) -> Result<Vec<i64>> {
        let client = self.partition(topic, partition).await?;
        let mut offsets = Vec::with_capacity(records.len());
        let mut rest = records;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take_while(|record| {
                bytes += record.size();
                bytes <= PRODUCE_BYTES
            });
            let (now, later) = rest.split_at(fitting.count().max(1));
            let now = now.iter().map(|record| rskafka::record::Record {
                key: record.key.clone(),
                value: record.payload.clone(),
                headers: record.headers.clone(),
                timestamp: record
                    .timestamp
                    .and_then(DateTime::from_timestamp_millis)
                    .unwrap_or_else(Utc::now),
            });
            let sent = client.produce(now.collect(), Compression::NoCompression);
            offsets.extend(
                timeout(CALL_DEADLINE, sent)
                    .await
                    .with_context(|| format!("not produced within {CALL_DEADLINE:?}"))??,
            );
            rest = later;
        }
        Ok(offsets)
    }

    async fn partition(&self, topic: &str, partition: i32) -> Result<Arc<PartitionClient>> {
        let client = self.client().await?;
        let found = client.partition_client(topic, partition, UnknownTopicHandling::Retry);
        let found = timeout(CALL_DEADLINE, found)
            .await
            .with_context(|| format!("no {topic}-{partition} within {CALL_DEADLINE:?}"))?
            .with_context(|| format!("no {topic}-{partition}"))?;
        Ok(Arc::new(found))
    }

    /// Runs one of Kafka's own command line tools to its end, and returns what it printed.
    ///
    /// `class` is such as `org.apache.kafka.tools.TopicCommand`, as Kafka 4.3 has it; the tool comes
    /// from the broker's own release. `--bootstrap-server` is put before `args`, and `input` is what
    /// the tool reads.
    ///
    /// # Errors
    /// Where the tool fails, with all that it printed.
    pub async fn tool(&self, class: &str, args: &[&str], input: &[u8]) -> Result<String> {
        let release = self.release;
        let class_path = spawn_blocking(move || install::kafka(release.version())).await??;
        let class = release.tool(class);
        let mut command = Command::new(install::java());
        command
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(class_path)
            .args([class, "--bootstrap-server", &self.address])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let text = format!("{class} {}", args.join(" "));
        let input = input.to_owned();
        spawn_blocking(move || {
            let mut child = command.spawn()?;
            let stdin = child.stdin.take();
            let writer = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
            let output = child.wait_with_output()?;
            let _ = writer.join();
            let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
            let stderr = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "`{text}`: {}\n{stdout}{stderr}", output.status);
            Ok(stdout)
        })
        .await?
    }

    /// The servers that tests share where they do no harm to them: that of `VENDAS_TEST_KAFKA`, or
    /// else a private one.
    ///
    /// # Errors
    /// Where it isn't reachable or doesn't come up.
    pub(crate) async fn shared() -> Result<Self> {
        match env::var("VENDAS_TEST_KAFKA") {
            Ok(address) => {
                let kafka = Self::external(&address);
                kafka.client().await.context("VENDAS_TEST_KAFKA")?;
                Ok(kafka)
            }
            Err(_) => Self::start().await,
        }
    }
}

async fn connect(address: &str) -> Result<Client> {
    let client = ClientBuilder::new(address.split(',').map(str::to_owned).collect())
        .client_id("testbed")
        .backoff_config(BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_millis(500),
            base: 2.0,
            deadline: Some(Duration::from_secs(10)),
        })
        .build();
    timeout(CALL_DEADLINE, client)
        .await
        .with_context(|| format!("no Kafka at {address} within {CALL_DEADLINE:?}"))?
        .with_context(|| format!("no Kafka at {address}"))
}

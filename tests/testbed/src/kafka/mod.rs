//! An Apache Kafka: a private broker, a cluster, or an external one.

mod broker;
mod cluster;
mod consumer;
mod options;
mod readiness;
mod record;
mod release;
mod topics;
mod zookeeper;

use std::{
    env,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rskafka::{
    BackoffConfig,
    client::{Client, ClientBuilder},
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
/// One request to a running broker.
const CALL_DEADLINE: Duration = Duration::from_secs(15);

/// An Apache Kafka: a private one, or an external one. Dropping a private one ends it.
#[derive(Debug)]
pub struct Kafka {
    address: String,
    /// The upstream address for its proxy, if it has one.
    behind_proxy: Option<String>,
    broker: Option<Broker>,
    release: KafkaRelease,
    capped: Option<Proxy>,
}

impl Kafka {
    /// Starts a private broker with the usual options.
    ///
    /// # Errors
    /// If it does not start, with the end of its log.
    pub async fn start() -> Result<Self> {
        KafkaOptions::default().start().await
    }

    /// An external broker at `host:port`, or several with commas between. It is assumed to have the
    /// newest release.
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

    /// Its release.
    #[must_use]
    pub fn release(&self) -> KafkaRelease {
        self.broker.as_ref().map_or(self.release, Broker::release)
    }

    /// `host:port`, or for a cluster several with commas between: for `VENDAS_KAFKA__BROKERS`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address for the program under test: [`address`](Self::address), or the proxy that
    /// [caps](KafkaOptions::capped) its protocol versions.
    #[must_use]
    pub fn program_address(&self) -> String {
        self.capped.as_ref().map_or_else(|| self.address.clone(), Proxy::address)
    }

    /// The protocol versions that it offers to the program under test, if they are capped.
    #[must_use]
    pub fn caps(&self) -> Option<&'static KafkaCaps> {
        self.capped.as_ref()?.caps()
    }

    /// Requests of the program above the caps. Their connections were closed.
    #[must_use]
    pub fn above_caps(&self) -> Vec<String> {
        self.capped.as_ref().map_or_else(Vec::new, Proxy::refused)
    }

    /// The upstream address for the proxy that it was started [behind](KafkaOptions::behind).
    ///
    /// # Errors
    /// If it was started without one.
    pub fn behind_proxy(&self) -> Result<&str> {
        self.behind_proxy.as_deref().context("this Kafka has no proxy: `KafkaOptions::behind`")
    }

    /// The process id of the private server, while it runs: for its CPU time.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        Some(self.broker.as_ref()?.lock().as_ref()?.id())
    }

    /// Shuts it down as for maintenance. Its data and its port stay.
    ///
    /// # Errors
    /// If it is not private, is not running, or is too slow.
    pub async fn stop(&self) -> Result<()> {
        let mut process = self.broker()?.lock().take().context("Kafka is not running")?;
        let _ = process.resume();
        process.signal(Signal::TERM)?;
        process.wait(STOP_DEADLINE).await.map(drop)
    }

    /// Kills it as in a power failure, except for data in the kernel's memory.
    ///
    /// # Errors
    /// If it is not private or not running.
    pub fn kill(&self) -> Result<()> {
        self.broker()?.lock().take().context("Kafka is not running")?.kill()
    }

    /// Starts it again with the same data at the same address, after stopping it if it runs.
    ///
    /// # Errors
    /// If it is not private or does not start.
    pub async fn restart(&self) -> Result<()> {
        if self.process_id().is_some() {
            self.stop().await?;
        }
        self.broker()?.start(&self.address).await
    }

    /// Stops it and starts it again with another release and the same data at the same address.
    ///
    /// # Errors
    /// If it is not private, is not running, or does not start.
    pub async fn upgrade(&self, release: KafkaRelease) -> Result<()> {
        let installed = KafkaOptions::default().release(release).installed().await?;
        self.stop().await?;
        let broker = self.broker()?;
        broker.install(installed);
        broker.start(&self.address).await
    }

    /// The first file of a partition's log.
    ///
    /// # Errors
    /// If it is not private.
    pub fn log_file(&self, topic: &str, partition: i32) -> Result<PathBuf> {
        let folder = self.broker()?.folder().join(format!("data/{topic}-{partition}"));
        Ok(folder.join("00000000000000000000.log"))
    }

    /// Freezes it: its connections stay open, and requests are not answered.
    ///
    /// # Errors
    /// If it is not private or not running.
    pub fn pause(&self) -> Result<()> {
        self.broker()?.lock().as_mut().context("Kafka is not running")?.pause()
    }

    /// Resumes it.
    ///
    /// # Errors
    /// If it is not private or not running.
    pub fn resume(&self) -> Result<()> {
        self.broker()?.lock().as_mut().context("Kafka is not running")?.resume()
    }

    fn broker(&self) -> Result<&Broker> {
        self.broker.as_ref().with_context(|| {
            format!(
                "the Kafka at {} is external and cannot be stopped: use a private one (`Kafka::start`)",
                self.address
            )
        })
    }

    /// rskafka's client, with deadlines for tests.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub async fn client(&self) -> Result<Client> {
        connect(&self.address).await
    }

    /// Runs a command line tool of Kafka, and returns its output.
    ///
    /// `class` is a class name in Kafka 4.3, for example `org.apache.kafka.tools.TopicCommand`; the
    /// tool of the broker's own release is used. `--bootstrap-server` is added before `args`, and
    /// `input` is its standard input.
    ///
    /// # Errors
    /// If the tool fails, with its output.
    pub async fn tool(&self, class: &str, args: &[&str], input: &[u8]) -> Result<String> {
        let release = self.release();
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

    /// The broker that tests share: that of `VENDAS_TEST_KAFKA`, or a private one.
    ///
    /// # Errors
    /// If it is unreachable or does not start.
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

//! An Apache Kafka: a private broker, a cluster of them, or one that somebody else runs.

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
/// One request to a broker that is up.
const CALL_DEADLINE: Duration = Duration::from_secs(15);

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
    pub fn release(&self) -> KafkaRelease {
        self.broker.as_ref().map_or(self.release, Broker::release)
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

    /// Stops it and starts it again as one of another release, with the same data at the same address.
    ///
    /// # Errors
    /// Where it isn't a private one, doesn't run, or doesn't come up.
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

    /// Runs one of Kafka's own command line tools to its end, and returns what it printed.
    ///
    /// `class` is such as `org.apache.kafka.tools.TopicCommand`, as Kafka 4.3 has it; the tool comes
    /// from the broker's own release. `--bootstrap-server` is put before `args`, and `input` is what
    /// the tool reads.
    ///
    /// # Errors
    /// Where the tool fails, with all that it printed.
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

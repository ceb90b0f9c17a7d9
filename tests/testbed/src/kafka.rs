//! A private Apache Kafka: one process that is broker and controller.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use chrono::Utc;
use rskafka::{
    BackoffConfig,
    client::{
        Client, ClientBuilder,
        partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling},
    },
};
use rustix::process::Signal;
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::{
    guard::Folder,
    install, port,
    process::{Launch, Process, tail},
};

/// From the first line of the start to the readiness for requests; some 3 s on two idle cores.
const START_DEADLINE: Duration = Duration::from_secs(90);
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// One request to a broker that is up.
const CALL_DEADLINE: Duration = Duration::from_secs(15);
const STARTED: &str = "Kafka Server started";
/// Stays below the broker's `message.max.bytes` of 1 MiB.
const PRODUCE_BYTES: usize = 500_000;

const LOG4J: &str = "\
Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout: { pattern: '[%d] %p %m (%c)%n' }
  Loggers:
    Root: { level: WARN, AppenderRef: [ { ref: out } ] }
    Logger:
      - { name: kafka.server.KafkaRaftServer, level: INFO }
";

/// What a test may want otherwise than usual.
#[derive(Clone, Debug, Default)]
pub struct KafkaOptions {
    properties: BTreeMap<String, String>,
    jvm: Vec<String>,
    doors: Vec<(String, String, u16)>,
}

impl KafkaOptions {
    /// A further listener: its name, its security protocol (`SSL`, `SASL_SSL`, `SASL_PLAINTEXT`) and
    /// the port of 127.0.0.1 that it is to have. It is advertised as `localhost`.
    #[must_use]
    pub fn door(mut self, name: &str, protocol: &str, port: u16) -> Self {
        self.doors.push((name.to_owned(), protocol.to_owned(), port));
        self
    }

    /// A line of the broker's server.properties, in addition to the usual ones or in place of one.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Options of the Java machine, in place of the ones for a fast start: for benchmarks.
    #[must_use]
    pub fn jvm(mut self, options: &[&str]) -> Self {
        self.jvm = options.iter().map(|&option| option.to_owned()).collect();
        self
    }

    /// Starts a broker with these.
    ///
    /// # Errors
    /// Where it does not come up, with the end of its log.
    pub async fn start(self) -> Result<Kafka> {
        let class_path = spawn_blocking(install::kafka).await??;
        // Somebody else may take a port between the look and the start.
        for _ in 0..4 {
            match self.start_at(&class_path, port::free()?, port::free()?).await? {
                Some(kafka) => return Ok(kafka),
                None => continue,
            }
        }
        bail!("Kafka found its ports taken, four times")
    }

    /// `None`: a port is taken.
    async fn start_at(&self, class_path: &Path, port: u16, quorum: u16) -> Result<Option<Kafka>> {
        let folder = Folder::new("kafka")?;
        let mut properties = BTreeMap::from(
            [
                ("process.roles", "broker,controller"),
                ("node.id", "1"),
                ("controller.listener.names", "CONTROLLER"),
                ("auto.create.topics.enable", "false"),
                // One broker is all there is.
                ("offsets.topic.num.partitions", "1"),
                ("offsets.topic.replication.factor", "1"),
                ("transaction.state.log.num.partitions", "1"),
                ("transaction.state.log.replication.factor", "1"),
                ("transaction.state.log.min.isr", "1"),
                ("share.coordinator.state.topic.num.partitions", "1"),
                ("share.coordinator.state.topic.replication.factor", "1"),
                ("share.coordinator.state.topic.min.isr", "1"),
                // Groups notice within seconds that a member is gone.
                ("group.initial.rebalance.delay.ms", "0"),
                ("group.consumer.min.session.timeout.ms", "3000"),
                ("group.consumer.session.timeout.ms", "6000"),
                ("group.consumer.min.heartbeat.interval.ms", "500"),
                ("group.consumer.heartbeat.interval.ms", "1000"),
                // Topics are compacted when there is something to compact, not every 15 s.
                ("log.cleaner.backoff.ms", "100"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let path = |name: &str| folder.path().join(name);
        let address = format!("127.0.0.1:{port}");
        let controller = format!("127.0.0.1:{quorum}");
        let client = format!("PLAINTEXT://{address}");
        let mut listeners = format!("{client},CONTROLLER://{controller}");
        let mut advertised = client;
        let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
        for (name, protocol, port) in &self.doors {
            listeners.push_str(&format!(",{name}://127.0.0.1:{port}"));
            advertised.push_str(&format!(",{name}://localhost:{port}"));
            protocols.push_str(&format!(",{name}:{protocol}"));
        }
        properties.insert("listeners".into(), listeners);
        properties.insert("advertised.listeners".into(), advertised);
        properties.insert("listener.security.protocol.map".into(), protocols);
        properties.insert("controller.quorum.voters".into(), format!("1@{controller}"));
        properties.insert("log.dirs".into(), path("data").display().to_string());
        properties.extend(self.properties.clone());
        let lines: String =
            properties.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        fs::write(path("server.properties"), lines)?;
        fs::write(path("log4j2.yaml"), LOG4J)?;

        let fast = ["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(str::to_owned);
        let jvm = if self.jvm.is_empty() { fast.to_vec() } else { self.jvm.clone() };
        let broker =
            Broker { folder, class_path: class_path.to_owned(), jvm, process: Mutex::new(None) };
        broker.format().await?;
        match broker.start(&address).await {
            Ok(()) => Ok(Some(Kafka { address, broker: Some(broker) })),
            Err(_) if tail(&broker.log()).contains("Address already in use") => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The part of a private server that can be stopped.
#[derive(Debug)]
struct Broker {
    folder: Folder,
    class_path: PathBuf,
    jvm: Vec<String>,
    process: Mutex<Option<Process>>,
}

impl Broker {
    fn log(&self) -> PathBuf {
        self.folder.path().join("kafka.log")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self, class: &str, args: &[&str], jvm: &[String], log: &Path) -> Result<Process> {
        let folder = self.folder.path();
        let mut all: Vec<OsString> = jvm.iter().map(OsString::from).collect();
        all.push(
            format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.yaml").display()).into(),
        );
        all.extend(["-cp".into(), self.class_path.clone().into_os_string(), class.into()]);
        all.extend(args.iter().map(OsString::from));
        Process::start(&Launch {
            program: install::java().as_os_str(),
            args: all,
            env: Vec::new(),
            folder,
            user: None,
            input: &[],
            stdout: log,
            stderr: None,
        })
    }

    async fn format(&self) -> Result<()> {
        let log = self.folder.path().join("format.log");
        // Any 16 bytes in base64 do for a cluster that nobody else will meet.
        let args = ["format", "-t", "dmVuZGFzLXRlc3RiZWQtMQ", "-c", "server.properties"];
        let jvm = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(str::to_owned);
        let mut process = self.launch("kafka.tools.StorageTool", &args, &jvm, &log)?;
        let status = process.wait(START_DEADLINE).await?;
        ensure!(status.success(), "{}", process.state());
        Ok(())
    }

    async fn start(&self, address: &str) -> Result<()> {
        let log = self.log();
        let before = fs::read(&log).map_or(0, |bytes| bytes.len());
        let mut process = self.launch("kafka.Kafka", &["server.properties"], &self.jvm, &log)?;
        let until = Instant::now() + START_DEADLINE;
        loop {
            let bytes = fs::read(&log).unwrap_or_default();
            let news = String::from_utf8_lossy(bytes.get(before..).unwrap_or_default());
            // It says so before it answers to its address.
            if news.contains(STARTED) && connect(address).await.is_ok() {
                break;
            }
            let ended = process.exit_status()?.is_some();
            if ended || Instant::now() > until {
                bail!("Kafka did not come up: {}", process.state());
            }
            sleep(Duration::from_millis(20)).await;
        }
        *self.lock() = Some(process);
        Ok(())
    }
}

/// An Apache Kafka: a private one, or one that was there already. A private one ends when dropped.
#[derive(Debug)]
pub struct Kafka {
    address: String,
    broker: Option<Broker>,
}

/// What is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Decides nothing here: the partition is said apart.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
}

impl Record {
    /// One without a key.
    #[must_use]
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self { key: None, payload: Some(payload.into()) }
    }

    /// One without a payload.
    #[must_use]
    pub fn tombstone(key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), payload: None }
    }

    /// The same with this key.
    #[must_use]
    pub fn with_key(self, key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    fn size(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.payload.as_ref().map_or(0, Vec::len) + 32
    }
}

impl Kafka {
    /// Starts a private one with the usual options.
    ///
    /// # Errors
    /// Where it does not come up, with the end of its log.
    pub async fn start() -> Result<Self> {
        KafkaOptions::default().start().await
    }

    /// One that somebody else runs, at `host:port`.
    #[must_use]
    pub fn external(address: &str) -> Self {
        Self { address: address.to_owned(), broker: None }
    }

    /// `host:port`, for `VENDAS_KAFKA__BROKERS`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
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
        let folder = self.broker()?.folder.path().join(format!("data/{topic}-{partition}"));
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
            let created = controller.create_topic(name, i32::from(partitions), 1, 10_000);
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
                headers: BTreeMap::new(),
                timestamp: Utc::now(),
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
    /// `class` is such as `org.apache.kafka.tools.TopicCommand`; `--bootstrap-server` is put before
    /// `args`, and `input` is what the tool reads.
    ///
    /// # Errors
    /// Where the tool fails, with all that it printed.
    pub async fn tool(&self, class: &str, args: &[&str], input: &[u8]) -> Result<String> {
        let class_path = spawn_blocking(install::kafka).await??;
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
    let client = ClientBuilder::new(vec![address.to_owned()])
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

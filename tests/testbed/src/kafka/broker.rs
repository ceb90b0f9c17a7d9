//! The process of a private broker.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use tokio::time::sleep;

use super::{KafkaRelease, readiness, zookeeper::ZooKeeper};
use crate::{
    guard::Folder,
    install,
    process::{Launch, Process},
};

/// From the first line of the start until requests are served; about 3 s on two idle cores.
const START_DEADLINE: Duration = Duration::from_secs(90);
/// A broker's log line if ZooKeeper considers the killed broker alive, until its session times out.
const STILL_REGISTERED: &str = "NodeExists";
/// A restarted broker needs its previous port, and waits for it.
pub(super) const PORT_TAKEN: &str = "Address already in use";

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

/// The part of a private server that can be stopped.
#[derive(Debug)]
pub(super) struct Broker {
    folder: Folder,
    id: u16,
    installed: Mutex<Installed>,
    jvm: Vec<String>,
    process: Mutex<Option<Process>>,
    /// The ZooKeeper that it shares with the other brokers of its cluster, if it needs one.
    zookeeper: Option<Arc<ZooKeeper>>,
}

/// A release and its jars, as a class path.
#[derive(Clone, Debug)]
pub(super) struct Installed {
    pub(super) release: KafkaRelease,
    pub(super) class_path: PathBuf,
}

impl Broker {
    /// A broker with an empty folder that is not yet running.
    pub(super) async fn new(
        folder: Folder,
        id: u16,
        properties: &BTreeMap<String, String>,
        installed: &Installed,
        jvm: &[String],
        zookeeper: Option<Arc<ZooKeeper>>,
    ) -> Result<Self> {
        let lines: String =
            properties.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        fs::write(folder.path().join("server.properties"), lines)?;
        fs::write(folder.path().join("log4j2.yaml"), LOG4J)?;
        let (installed, jvm) = (Mutex::new(installed.clone()), jvm.to_vec());
        let broker = Self { folder, id, installed, jvm, process: Mutex::new(None), zookeeper };
        if broker.zookeeper.is_none() {
            broker.format().await?;
        }
        Ok(broker)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.path().join("kafka.log")
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn release(&self) -> KafkaRelease {
        self.installed().release
    }

    /// From its next start on it has this release.
    pub(super) fn install(&self, installed: Installed) {
        *self.installed.lock().unwrap_or_else(PoisonError::into_inner) = installed;
    }

    fn installed(&self) -> Installed {
        self.installed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn launch(&self, class: &str, args: &[&str], jvm: &[String], log: &Path) -> Result<Process> {
        let folder = self.folder.path();
        let mut all: Vec<OsString> = jvm.iter().map(OsString::from).collect();
        let log4j2 = folder.join("log4j2.yaml");
        let installed = self.installed();
        let logging = installed.release.logging(&log4j2.display().to_string());
        all.extend(logging.into_iter().map(OsString::from));
        all.extend(["-cp".into(), installed.class_path.into_os_string(), class.into()]);
        all.extend(args.iter().map(OsString::from));
        Process::start(&Launch::new(install::java().as_os_str(), all, folder, log))
    }

    async fn format(&self) -> Result<()> {
        let log = self.folder.path().join("format.log");
        // Any 16 bytes in base64 can be the cluster id.
        let args = ["format", "-t", "dmVuZGFzLXRlc3RiZWQtMQ", "-c", "server.properties"];
        let jvm = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(str::to_owned);
        let mut process = self.launch("kafka.tools.StorageTool", &args, &jvm, &log)?;
        let status = process.wait(START_DEADLINE).await?;
        ensure!(status.success(), "{}", process.state());
        Ok(())
    }

    pub(super) async fn start(&self, address: &str) -> Result<()> {
        let log = self.log();
        let mut before = fs::read(&log).map_or(0, |bytes| bytes.len());
        let is_restart = before > 0;
        let mut process = self.launch("kafka.Kafka", &["server.properties"], &self.jvm, &log)?;
        let until = Instant::now() + START_DEADLINE;
        loop {
            let bytes = fs::read(&log).unwrap_or_default();
            let news = String::from_utf8_lossy(bytes.get(before..).unwrap_or_default());
            // It logs this before it answers at its address.
            let started = news.contains(self.release().started());
            if started && readiness::check(address, self.id.into()).await.is_ok() {
                break;
            }
            let ended = process.exit_status()?.is_some();
            let in_the_way = [STILL_REGISTERED, PORT_TAKEN].iter().any(|it| news.contains(it));
            if is_restart && ended && in_the_way && Instant::now() < until {
                process = self.launch("kafka.Kafka", &["server.properties"], &self.jvm, &log)?;
                before = bytes.len();
                continue;
            }
            if ended || Instant::now() > until {
                bail!("Kafka did not start: {}", process.state());
            }
            sleep(Duration::from_millis(20)).await;
        }
        *self.lock() = Some(process);
        Ok(())
    }
}

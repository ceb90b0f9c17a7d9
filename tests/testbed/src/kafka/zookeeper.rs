//! A ZooKeeper, for releases of Kafka whose brokers need one.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::{net::TcpStream, time::sleep};

use super::KafkaRelease;
use crate::{
    guard::Folder,
    install, port,
    process::{Launch, Process, tail},
};

/// From the start to the first connection; about 1 s on two idle cores.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long a killed broker counts as alive, in milliseconds: its next start must wait for it.
pub(super) const SESSION_TIMEOUT: &str = "6000";

/// The running process, which is killed when this is dropped. It is never stopped, killed or
/// frozen.
#[derive(Debug)]
pub(super) struct ZooKeeper {
    // Before the folder, so that the process is killed first.
    _process: Process,
    _folder: Folder,
    port: u16,
}

impl ZooKeeper {
    /// Starts an empty one, of the version that a release of Kafka includes.
    pub(super) async fn start(release: KafkaRelease, class_path: &Path) -> Result<Arc<Self>> {
        let start = async || Self::start_at(port::free()?, release, class_path).await;
        port::start_on_free("ZooKeeper", start).await.map(Arc::new)
    }

    /// `host:port`, for the broker's `zookeeper.connect`.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    async fn start_at(port: u16, release: KafkaRelease, class_path: &Path) -> Result<Option<Self>> {
        let folder = Folder::new("zookeeper")?;
        let log = folder.path().join("zookeeper.log");
        let properties = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\ntickTime=1000\n\
             admin.enableServer=false\nmaxClientCnxns=0\n",
            folder.path().join("data").display(),
        );
        fs::write(folder.path().join("zookeeper.properties"), properties)?;
        let mut args =
            ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(str::to_owned).to_vec();
        args.extend(release.logging(""));
        // After a power loss the whole folder is gone.
        args.push("-Dzookeeper.forceSync=no".to_owned());
        args.extend(["-cp".to_owned(), class_path.display().to_string()]);
        args.extend(
            ["org.apache.zookeeper.server.ZooKeeperServerMain", "zookeeper.properties"]
                .map(str::to_owned),
        );
        let (java, args) = (install::java(), args.into_iter().map(Into::into).collect());
        let launch = Launch::new(java.as_os_str(), args, folder.path(), &log);
        let mut process = Process::start(&launch)?;
        let until = Instant::now() + START_DEADLINE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let ended = process.exit_status()?.is_some();
            if ended && tail(&log).contains("Address already in use") {
                return Ok(None);
            }
            if ended || Instant::now() > until {
                bail!("ZooKeeper did not start: {}", process.state());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Some(Self { _process: process, _folder: folder, port }))
    }
}

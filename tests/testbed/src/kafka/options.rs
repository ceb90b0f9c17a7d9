//! Options of a private broker, and its start.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use tokio::task::spawn_blocking;

use super::{
    Kafka, KafkaRelease,
    broker::{Broker, Installed, PORT_TAKEN},
    zookeeper::{SESSION_TIMEOUT, ZooKeeper},
};
use crate::{
    guard::Folder,
    install, port,
    process::tail,
    proxy::{KafkaCaps, Proxy},
};

const USUAL: &[(&str, &str)] = &[
    ("auto.create.topics.enable", "false"),
    // There is only one broker.
    ("offsets.topic.num.partitions", "1"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.num.partitions", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.num.partitions", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    // Groups notice within seconds that a member has failed.
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.consumer.min.session.timeout.ms", "3000"),
    ("group.consumer.session.timeout.ms", "6000"),
    ("group.consumer.min.heartbeat.interval.ms", "500"),
    ("group.consumer.heartbeat.interval.ms", "1000"),
    // Records with old timestamps stay.
    ("log.retention.ms", "-1"),
    // Topics are compacted as soon as possible, not every 15 s.
    ("log.cleaner.backoff.ms", "100"),
];

/// Options that differ from the usual ones.
#[derive(Clone, Debug, Default)]
pub struct KafkaOptions {
    properties: BTreeMap<String, String>,
    jvm: Vec<String>,
    system_properties: Vec<String>,
    listeners: Vec<(String, String, u16)>,
    /// The port of the proxy in front of a second listener.
    proxied: Option<u16>,
    caps: Option<&'static KafkaCaps>,
    release: KafkaRelease,
}

/// Where the metadata of the cluster is kept.
#[derive(Debug)]
pub(super) enum Metadata {
    /// The brokers, in the format of `controller.quorum.voters`.
    Voters(String),
    ZooKeeper(Arc<ZooKeeper>),
}

/// The id and ports of a broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    id: u16,
    pub(super) port: u16,
    controller: u16,
}

impl Seat {
    /// With free ports, which another program may take before they are used.
    pub(super) fn free(id: u16) -> Result<Self> {
        Ok(Self { id, port: port::free()?, controller: port::free()? })
    }

    /// In the format of `controller.quorum.voters`.
    pub(super) fn voter(&self) -> String {
        format!("{}@127.0.0.1:{}", self.id, self.controller)
    }
}

impl KafkaOptions {
    /// Another release than the newest. It is installed when first used.
    #[must_use]
    pub const fn release(mut self, release: KafkaRelease) -> Self {
        self.release = release;
        self
    }

    /// A line of the broker's server.properties, added to the usual ones or replacing one.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Options of the JVM instead of those for a fast start: for benchmarks.
    #[must_use]
    pub fn jvm(mut self, options: &[&str]) -> Self {
        self.jvm = options.iter().map(|&option| option.to_owned()).collect();
        self
    }

    /// Another system property of the JVM.
    #[must_use]
    pub fn system_property(mut self, name: &str, value: &str) -> Self {
        self.system_properties.push(format!("-D{name}={value}"));
        self
    }

    /// Another listener: its name, its security protocol (`SSL`, `SASL_SSL`, `SASL_PLAINTEXT`) and
    /// its port on 127.0.0.1. It is advertised as `localhost`.
    #[must_use]
    pub fn listener(mut self, name: &str, protocol: &str, port: u16) -> Self {
        self.listeners.push((name.to_owned(), protocol.to_owned(), port));
        self
    }

    /// Clients that connect through this proxy stay behind it: the broker advertises the proxy's
    /// address to them. Others connect directly at [`Kafka::address`].
    #[must_use]
    pub const fn behind(mut self, proxy: &Proxy) -> Self {
        self.proxied = Some(proxy.port());
        self
    }

    /// The program under test connects through a proxy that offers the protocol versions in `caps`.
    /// Tests connect directly at [`Kafka::address`].
    #[must_use]
    pub const fn capped(mut self, caps: &'static KafkaCaps) -> Self {
        self.caps = Some(caps);
        self
    }

    /// Starts a broker with these options.
    ///
    /// # Errors
    /// If it does not start, with the end of its log.
    pub async fn start(self) -> Result<Kafka> {
        let Some(caps) = self.caps else { return self.start_uncapped().await };
        let proxy = Proxy::to_kafka(caps).await?;
        let kafka = self.behind(&proxy).start_uncapped().await?;
        proxy.lead_to(kafka.behind_proxy()?);
        Ok(Kafka { capped: Some(proxy), ..kafka })
    }

    async fn start_uncapped(self) -> Result<Kafka> {
        let installed = self.installed().await?;
        port::start_on_free("Kafka", async || {
            let seat = Seat::free(1)?;
            let metadata = self.metadata(&installed, seat.voter()).await?;
            self.start_at(&installed, seat, &metadata).await
        })
        .await
    }

    pub(super) async fn installed(&self) -> Result<Installed> {
        let release = self.release;
        let class_path = spawn_blocking(move || install::kafka(release.version())).await??;
        Ok(Installed { release, class_path })
    }

    /// The metadata configuration of a new cluster with the brokers `voters`.
    pub(super) async fn metadata(&self, installed: &Installed, voters: String) -> Result<Metadata> {
        if !self.release.has_zookeeper() {
            return Ok(Metadata::Voters(voters));
        }
        ZooKeeper::start(self.release, &installed.class_path).await.map(Metadata::ZooKeeper)
    }

    /// `None` if a port is in use.
    pub(super) async fn start_at(
        &self,
        installed: &Installed,
        seat: Seat,
        metadata: &Metadata,
    ) -> Result<Option<Kafka>> {
        let folder = Folder::new("kafka")?;
        let address = format!("127.0.0.1:{}", seat.port);
        let mut properties: BTreeMap<String, String> =
            USUAL.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let mut set = |name: &str, value: String| properties.insert(name.to_owned(), value);
        let plain = format!("PLAINTEXT://{address}");
        set("log.dirs", folder.path().join("data").display().to_string());
        let mut listeners = vec![plain.clone()];
        let mut advertised = vec![plain];
        let mut protocols = vec!["PLAINTEXT:PLAINTEXT".to_owned()];
        let zookeeper = match metadata {
            Metadata::Voters(voters) => {
                set("process.roles", "broker,controller".to_owned());
                set("node.id", seat.id.to_string());
                set("controller.quorum.voters", voters.clone());
                set("controller.listener.names", "CONTROLLER".to_owned());
                if self.release != KafkaRelease::V4_3 {
                    // A killed broker cannot return before its session has ended.
                    set("broker.session.timeout.ms", "3000".to_owned());
                    set("broker.heartbeat.interval.ms", "500".to_owned());
                }
                listeners.push(format!("CONTROLLER://127.0.0.1:{}", seat.controller));
                protocols.push("CONTROLLER:PLAINTEXT".to_owned());
                None
            }
            Metadata::ZooKeeper(zookeeper) => {
                set("broker.id", seat.id.to_string());
                set("zookeeper.connect", zookeeper.address());
                set("zookeeper.session.timeout.ms", SESSION_TIMEOUT.to_owned());
                Some(Arc::clone(zookeeper))
            }
        };
        let mut behind_proxy = None;
        if let Some(proxy) = self.proxied {
            let own = format!("127.0.0.1:{}", port::free()?);
            listeners.push(format!("PROXIED://{own}"));
            advertised.push(format!("PROXIED://127.0.0.1:{proxy}"));
            protocols.push("PROXIED:PLAINTEXT".to_owned());
            behind_proxy = Some(own);
        }
        for (name, protocol, port) in &self.listeners {
            listeners.push(format!("{name}://127.0.0.1:{port}"));
            advertised.push(format!("{name}://localhost:{port}"));
            protocols.push(format!("{name}:{protocol}"));
        }
        set("listeners", listeners.join(","));
        set("advertised.listeners", advertised.join(","));
        set("listener.security.protocol.map", protocols.join(","));
        set("inter.broker.listener.name", "PLAINTEXT".to_owned());
        properties.extend(self.properties.clone());
        // Tests of large topics use the newest release only.
        let heap = if self.release == KafkaRelease::V4_3 { "-Xmx1g" } else { "-Xmx512m" };
        let fast = [heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(str::to_owned);
        let jvm = if self.jvm.is_empty() { &fast[..] } else { &self.jvm };
        let jvm = [jvm, &self.system_properties].concat();
        let broker = Broker::new(folder, seat.id, &properties, installed, &jvm, zookeeper).await?;
        match broker.start(&address).await {
            Ok(()) => Ok(Some(Kafka {
                address,
                behind_proxy,
                broker: Some(broker),
                release: self.release,
                capped: None,
            })),
            Err(_) if tail(&broker.log()).contains(PORT_TAKEN) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

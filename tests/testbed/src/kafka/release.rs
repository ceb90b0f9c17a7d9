//! The tested releases of Apache Kafka, and their differences for the testbed.

/// A release of Apache Kafka.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum KafkaRelease {
    /// 2.8.2 with ZooKeeper: no fetching by topic id. Its KRaft does not support transactions.
    V2_8,
    /// 3.0.2: KRaft without ACLs and SCRAM, no fetching by topic id.
    V3_0,
    /// 3.9.1, the last one with ZooKeeper: KRaft with everything tests need, classic groups only.
    V3_9,
    /// 4.3.1: with consumer groups of the new protocol (KIP-848).
    #[default]
    V4_3,
}

impl KafkaRelease {
    /// The full version, as in Maven's repository.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::V2_8 => "2.8.2",
            Self::V3_0 => "3.0.2",
            Self::V3_9 => "3.9.1",
            Self::V4_3 => "4.3.1",
        }
    }

    /// Whether its brokers need a ZooKeeper.
    pub(super) fn has_zookeeper(self) -> bool {
        self == Self::V2_8
    }

    /// A part of the log line that a broker writes before it serves requests.
    pub(super) fn started(self) -> &'static str {
        if self.has_zookeeper() { "] started" } else { "Kafka Server started" }
    }

    /// Logging options of the JVM: log lines of the start, and warnings.
    pub(super) fn logging(self, log4j2_file: &str) -> Vec<String> {
        if self == Self::V4_3 {
            return vec![format!("-Dlog4j2.configurationFile={log4j2_file}")];
        }
        let server = if self.has_zookeeper() { "KafkaServer" } else { "KafkaRaftServer" };
        let simple = |setting: &str| format!("-Dorg.slf4j.simpleLogger.{setting}");
        vec![
            simple("defaultLogLevel=warn"),
            simple("showDateTime=true"),
            simple("dateTimeFormat=[yyyy-MM-dd HH:mm:ss,SSS]"),
            simple(&format!("log.kafka.server.{server}=info")),
            // It looks for a logger that does not exist.
            "-Dzookeeper.jmx.log4j.disable=true".to_owned(),
        ]
    }

    /// The class of the command line tool that is called `class` in Kafka 4.3.
    pub(super) fn tool(self, class: &str) -> &str {
        if self == Self::V4_3 {
            return class;
        }
        match (class, self) {
            ("org.apache.kafka.tools.ConsoleProducer", _) => "kafka.tools.ConsoleProducer",
            ("org.apache.kafka.tools.AclCommand", _) => "kafka.admin.AclCommand",
            (_, Self::V3_9) => class,
            ("org.apache.kafka.tools.TopicCommand", _) => "kafka.admin.TopicCommand",
            ("org.apache.kafka.tools.GetOffsetShell", _) => "kafka.tools.GetOffsetShell",
            ("org.apache.kafka.tools.consumer.ConsoleConsumer", _) => "kafka.tools.ConsoleConsumer",
            ("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", _) => {
                "kafka.admin.ConsumerGroupCommand"
            }
            _ => class,
        }
    }
}

//! Settings from a file, the environment and flags, read once and validated together.
//!
//! Environment variables (`VENDAS_DATABASE__HOST` is `database.host`) override `vendas.toml`, and
//! flags override both. [`load`] reports all problems at once, each with its source. The settings
//! that it returns are valid.

mod connection;
mod database;
mod format;
mod group;
mod http;
mod line;
mod mapping;
mod partitions;
mod reader;
mod registry;
mod sasl;
mod security;
mod source;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tracing_subscriber::EnvFilter;

use crate::{
    kafka::{self, Selected, Selection},
    order::Rulebook,
    registry as schemas, store,
};

pub use partitions::Partitions;
pub use reader::Problem;
pub use source::{FILE_VARIABLE, Flag, PREFIX, Sources, key_parts};

use reader::Reader;

/// All settings, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// The connection to Kafka.
    pub kafka: kafka::Settings,
    /// The topics to process.
    pub topics: Selection,
    /// The partitions that this instance processes if there is no group.
    pub partitions: Partitions,
    /// The consumer group that assigns the partitions.
    pub group: Option<Arc<str>>,
    /// The protocol of that group.
    pub group_protocol: kafka::GroupProtocol,
    /// The assignors of the classic protocol, in the order of preference.
    pub group_assignors: Vec<kafka::Assignor>,
    /// How long this instance continues to process without contact to the group.
    pub session_timeout: Duration,
    /// Where topics without stored offsets start.
    pub start_from: StartFrom,
    /// The connection to PostgreSQL.
    pub database: store::Settings,
    /// Whether `run` creates missing tables.
    pub apply_schema: bool,
    /// Batches and commits.
    pub pipeline: Pipeline,
    /// The connection to the schema registry, if there is one.
    pub registry: Option<schemas::Settings>,
    /// The mappings and other rules for records.
    pub rules: Arc<Rulebook>,
    /// The HTTP server of `run`, if there is one.
    pub http: Option<crate::http::Settings>,
    /// The log.
    pub log: Log,
}

/// Where topics without stored offsets start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// At the first record that Kafka still has.
    Earliest,
    /// After the last record.
    Latest,
    /// At the committed offsets of this consumer group.
    Group(Arc<str>),
}

/// The settings of batches and commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// The maximum number of records in a batch, 1 to 1,000.
    pub batch_size: usize,
    /// The maximum number of records per commit, 1 to 10,000. Batches are not split for it.
    pub commit_records: usize,
    /// The maximum number of concurrent commits of a partition, 1 to 64.
    pub depth: usize,
    /// The time limit for batches in flight during shutdown.
    pub shutdown_timeout: Duration,
    /// What happens to a record that is rejected.
    pub on_dead_letter: OnDeadLetter,
    /// What happens to a partition of which Kafka has lost unread records.
    pub on_data_loss: OnDataLoss,
}

/// What happens to a record that is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDeadLetter {
    /// It is recorded as a dead letter, and processing continues.
    Record,
    /// It halts its partition.
    Halt,
}

/// What happens to a partition of which Kafka has lost unread records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDataLoss {
    /// It halts until the operator resets its offset.
    Halt,
    /// It is recorded in `offset_resets`, and the partition continues after the lost records.
    Continue,
}

/// The settings of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// In the syntax of tracing-subscriber's `EnvFilter`: `info`, or `info,vendas::kafka=debug`.
    pub level: String,
    /// The format of lines.
    pub format: LogFormat,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Plain text.
    Text,
    /// One JSON object per line.
    Json,
}

/// All problems of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Config {
    /// A message for each topic that has its own settings but is not in `kafka.topics`.
    #[must_use]
    pub fn idle_mappings(&self) -> Vec<String> {
        let topics = self.rules.topics.keys().filter(|topic| !self.topics.contains(topic));
        let message = |topic: &Arc<str>| {
            let plain = topic.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            let name = if plain { topic.to_string() } else { format!("\"{topic}\"") };
            format!(
                "[topics.{name}] has no effect, because kafka.topics ({}) does not contain {topic}: add \
                 it there, or correct the name",
                self.topics
            )
        };
        topics.map(message).collect()
    }
}

/// Reads and validates all settings.
///
/// # Errors
/// [`Problems`] with all unknown keys, wrong types and invalid values.
pub fn load(sources: &Sources) -> Result<Config, Problems> {
    let mut reader = Reader::new(sources);
    let config = config(&mut reader);
    match (config, reader.finish()) {
        (Some(config), problems) if problems.is_empty() => Ok(config),
        (_, problems) => Err(Problems(problems)),
    }
}

/// All keys, in the order of the example file.
#[must_use]
pub fn keys() -> Vec<String> {
    let mut reader = Reader::new(&Sources::default());
    let _: Option<Config> = config(&mut reader);
    reader.known().to_vec()
}

/// `None` only if there is a problem. All keys are read before any result is used, so that all problems
/// are found.
fn config(reader: &mut Reader) -> Option<Config> {
    let kafka = kafka_settings(reader);
    let topics = topics(reader);
    let group = group::group(reader);
    let group_protocol = group::protocol(reader);
    let group_assignors = group::assignors(reader);
    let session_timeout =
        reader.duration("kafka.session_timeout", "45s", Duration::from_secs(1)..=MAX_TIMEOUT);
    let partitions = partitions(reader, topics.as_ref());
    let start_from = start_from(reader);
    let shop_timezone = shop_timezone(reader);
    let database = database::database(reader, shop_timezone.as_ref());
    let apply_schema = reader.flag("database.apply_schema", true);
    let pipeline = pipeline(reader);
    let registry = registry::registry(reader);
    let has_registry = registry.as_ref().is_some_and(Option::is_some);
    let rules = mapping::rulebook(reader, shop_timezone.as_ref(), has_registry);
    let http = http::http(reader);
    let log = log(reader);
    Some(Config {
        kafka: kafka?,
        topics: topics?,
        partitions: partitions?,
        group: group?,
        group_protocol: group_protocol?,
        group_assignors: group_assignors?,
        session_timeout: session_timeout?,
        start_from: start_from?,
        database: database?,
        apply_schema: apply_schema?,
        pipeline: pipeline?,
        registry: registry?,
        rules: Arc::new(rules?),
        http: http?,
        log: log?,
    })
}

fn kafka_settings(reader: &mut Reader) -> Option<kafka::Settings> {
    const KIB: i64 = 1024;
    const MIB: i64 = 1024 * KIB;
    let brokers = reader.list("kafka.brokers", &["localhost:9092"], "host:port", |broker| {
        is_host_and_port(broker).then(|| broker.to_owned())
    });
    let security = security::kafka(reader);
    let client_id = reader.text("kafka.client_id", "vendas");
    let fetch_max_bytes = reader.integer("kafka.fetch_max_bytes", MIB, KIB..=100 * MIB);
    let buffer_bytes = reader.integer("kafka.buffer_bytes", 128 * MIB, MIB..=1024 * 1024 * MIB);
    let read_ahead = reader.integer("kafka.read_ahead", 2, 1..=64);
    let max_decompressed_bytes =
        reader.integer("kafka.max_decompressed_bytes", 128 * MIB, MIB..=1024 * MIB);
    let timeout = reader.duration("kafka.timeout", "10s", Duration::from_millis(100)..=MAX_TIMEOUT);
    Some(kafka::Settings {
        brokers: brokers?,
        security: security?,
        client_id: client_id?,
        fetch_max_bytes: fetch_max_bytes?,
        buffer_bytes: buffer_bytes?,
        read_ahead: read_ahead?,
        max_decompressed_bytes: max_decompressed_bytes?,
        timeout: timeout?,
    })
}

/// Whether `text` is `host:port`, with a port that can be connected to.
fn is_host_and_port(text: &str) -> bool {
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && host.chars().all(is_host)
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn topics(reader: &mut Reader) -> Option<Selection> {
    let topics = reader.list(
        "kafka.topics",
        &["sales"],
        "a topic name (1 to 249 letters, digits, dots, underscores, hyphens), or re: and a regular \
         expression that matches whole names",
        Selected::parse,
    )?;
    Some(topics.into_iter().collect())
}

/// Where a topic starts: `earliest`, `latest`, or `group:NAME`.
fn start_from(reader: &mut Reader) -> Option<StartFrom> {
    let text = reader.text("kafka.start_from", "earliest")?;
    match (text.as_str(), text.strip_prefix("group:")) {
        ("earliest", _) => Some(StartFrom::Earliest),
        ("latest", _) => Some(StartFrom::Latest),
        (_, Some(group)) if !group.is_empty() => Some(StartFrom::Group(group.into())),
        _ => {
            let text = format!(
                "is {text:?}, must be \"earliest\", \"latest\", or \"group:NAME\" for the committed \
                 offsets of that consumer group"
            );
            reader.problem("kafka.start_from", &text);
            None
        }
    }
}

fn partitions(reader: &mut Reader, topics: Option<&Selection>) -> Option<Partitions> {
    let chosen = reader.list(
        "kafka.partitions",
        &[],
        "partitions of a topic, such as \"sales:0-3\" or \"sales:7\"",
        Partitions::parse,
    )?;
    if !chosen.is_empty() && reader.is_set("kafka.group") {
        reader.problem(
            "kafka.partitions",
            "cannot be combined with kafka.group, which assigns the partitions: remove one of them",
        );
    }
    for (topic, _) in &chosen {
        if topics.is_some_and(|topics| !topics.contains(topic)) {
            let text = format!("contains the topic {topic:?}, which is not in kafka.topics");
            reader.problem("kafka.partitions", &text);
        }
    }
    Some(Partitions::new(chosen))
}

fn pipeline(reader: &mut Reader) -> Option<Pipeline> {
    let batch_size = reader.integer("pipeline.batch_size", 100, 1..=1000);
    let commit_records = reader.integer("pipeline.commit_records", 2000, 1..=10_000);
    let depth = reader.integer("pipeline.depth", 4, 1..=64);
    let shutdown_timeout =
        reader.duration("pipeline.shutdown_timeout", "30s", Duration::ZERO..=MAX_TIMEOUT);
    let on_data_loss = reader.choice(
        "pipeline.on_data_loss",
        &[("halt", OnDataLoss::Halt), ("continue", OnDataLoss::Continue)],
    );
    let on_dead_letter = reader.choice(
        "pipeline.on_dead_letter",
        &[("record", OnDeadLetter::Record), ("halt", OnDeadLetter::Halt)],
    );
    Some(Pipeline {
        batch_size: batch_size?,
        commit_records: commit_records?,
        depth: depth?,
        shutdown_timeout: shutdown_timeout?,
        on_dead_letter: on_dead_letter?,
        on_data_loss: on_data_loss?,
    })
}

fn shop_timezone(reader: &mut Reader) -> Option<TimeZone> {
    let name = reader.text("orders.shop_timezone", "America/Sao_Paulo")?;
    let zone = TimeZone::get(&name).ok();
    if zone.is_none() {
        reader.problem(
            "orders.shop_timezone",
            &format!("is {name:?}, must be a name from the IANA time zone database, such as \"America/Sao_Paulo\""),
        );
    }
    zone
}

fn log(reader: &mut Reader) -> Option<Log> {
    let level = reader.text("log.level", "info").filter(|level| {
        let problem = EnvFilter::try_new(level).err();
        if let Some(problem) = &problem {
            let text = format!("is {level:?}, must be a level such as \"info\", or \"info,vendas::kafka=debug\": {problem}");
            reader.problem("log.level", &text);
        }
        problem.is_none()
    });
    let format =
        reader.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    Some(Log { level: level?, format: format? })
}

/// The maximum of all timeouts.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

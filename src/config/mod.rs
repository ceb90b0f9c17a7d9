//! Settings from a file, the environment and flags, read once and validated together.
//!
//! Environment variables (`VENDAS_DATABASE__HOST` is `database.host`) override `vendas.toml`, and
//! flags override both. [`load`] reports all problems at once, each with its source. The settings
//! that it returns are valid.

mod address;
mod connection;
mod database;
mod group;
mod http;
mod kafka;
mod line;
mod log;
mod mapping;
mod partitions;
mod pipeline;
mod reader;
mod registry;
mod sasl;
mod security;
mod source;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use crate::{
    kafka::{Assignor, GroupProtocol, Selection},
    order::Rulebook,
    store,
};

pub use kafka::StartFrom;
pub use log::{Log, LogFormat};
pub use partitions::Partitions;
pub use pipeline::{OnDataLoss, OnDeadLetter, Pipeline};
pub use reader::Problem;
pub use source::{FILE_VARIABLE, Flag, PREFIX, Sources, key_parts};

use reader::{MAX_TIMEOUT, Reader};

/// All settings, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// The connection to Kafka.
    pub kafka: crate::kafka::Settings,
    /// The topics to process.
    pub topics: Selection,
    /// The partitions that this instance processes if there is no group.
    pub partitions: Partitions,
    /// The consumer group that assigns the partitions.
    pub group: Option<Arc<str>>,
    /// The protocol of that group.
    pub group_protocol: GroupProtocol,
    /// The assignors of the classic protocol, in the order of preference.
    pub group_assignors: Vec<Assignor>,
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
    pub registry: Option<crate::registry::Settings>,
    /// The mappings and other rules for records.
    pub rules: Arc<Rulebook>,
    /// The HTTP server of `run`, if there is one.
    pub http: Option<crate::http::settings::Settings>,
    /// The log.
    pub log: Log,
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
    let kafka = kafka::connection(reader);
    let topics = kafka::topics(reader);
    let group = group::group(reader);
    let group_protocol = group::protocol(reader);
    let group_assignors = group::assignors(reader);
    let session_timeout =
        reader.duration("kafka.session_timeout", "45s", Duration::from_secs(1)..=MAX_TIMEOUT);
    let partitions = kafka::partitions(reader, topics.as_ref());
    let start_from = kafka::start_from(reader);
    let shop_timezone = shop_timezone(reader);
    let database = database::database(reader, shop_timezone.as_ref());
    let apply_schema = reader.flag("database.apply_schema", true);
    let pipeline = pipeline::pipeline(reader);
    let registry = registry::registry(reader);
    let has_registry = registry.as_ref().is_some_and(Option::is_some);
    let rules = mapping::rulebook(reader, shop_timezone.as_ref(), has_registry);
    let http = http::http(reader);
    let log = log::log(reader);
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

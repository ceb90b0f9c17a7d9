//! `[kafka]`: the connection to Kafka, and which topics and partitions are processed from where.

use std::{sync::Arc, time::Duration};

use super::{
    address::is_host_and_port,
    partitions::Partitions,
    reader::{MAX_TIMEOUT, Reader},
    sasl, security,
};
use crate::kafka::{Security, Selected, Selection, Settings};

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

/// The connection to Kafka, and limits.
pub(super) fn connection(reader: &mut Reader) -> Option<Settings> {
    const KIB: i64 = 1024;
    const MIB: i64 = 1024 * KIB;
    let brokers = reader.list("kafka.brokers", &["localhost:9092"], "host:port", |broker| {
        is_host_and_port(broker).then(|| broker.to_owned())
    });
    let tls = security::kafka(reader);
    let sasl = sasl::sasl(reader);
    let client_id = reader.text("kafka.client_id", "vendas");
    let fetch_max_bytes = reader.integer("kafka.fetch_max_bytes", MIB, KIB..=100 * MIB);
    let buffer_bytes = reader.integer("kafka.buffer_bytes", 128 * MIB, MIB..=1024 * 1024 * MIB);
    let read_ahead = reader.integer("kafka.read_ahead", 2, 1..=64);
    let max_decompressed_bytes =
        reader.integer("kafka.max_decompressed_bytes", 128 * MIB, MIB..=1024 * MIB);
    let timeout = reader.duration("kafka.timeout", "10s", Duration::from_millis(100)..=MAX_TIMEOUT);
    Some(Settings {
        brokers: brokers?,
        security: Security { tls: tls?, sasl: sasl? },
        client_id: client_id?,
        fetch_max_bytes: fetch_max_bytes?,
        buffer_bytes: buffer_bytes?,
        read_ahead: read_ahead?,
        max_decompressed_bytes: max_decompressed_bytes?,
        timeout: timeout?,
    })
}

pub(super) fn topics(reader: &mut Reader) -> Option<Selection> {
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
pub(super) fn start_from(reader: &mut Reader) -> Option<StartFrom> {
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

pub(super) fn partitions(reader: &mut Reader, topics: Option<&Selection>) -> Option<Partitions> {
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
    let is_processed = |topic: &str| topics.is_none_or(|topics| topics.contains(topic));
    // `--topics` may name some of the configured topics, such as in `vendas offsets reset`.
    let is_narrowed = reader.is_flag("kafka.topics")
        && !reader.is_flag("kafka.partitions")
        && chosen.iter().any(|(topic, _)| is_processed(topic));
    for (topic, _) in &chosen {
        if !is_narrowed && !is_processed(topic) {
            let text = format!("contains the topic {topic:?}, which is not in kafka.topics");
            reader.problem("kafka.partitions", &text);
        }
    }
    Some(Partitions::new(chosen))
}

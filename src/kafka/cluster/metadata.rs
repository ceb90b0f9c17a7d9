//! Metadata of topics and brokers: the requests for it, and what a response contains.

use std::collections::{BTreeMap, HashMap};

use kafka_protocol::{
    ResponseError,
    messages::{
        MetadataRequest, MetadataResponse, TopicName, metadata_request::MetadataRequestTopic,
        metadata_response::MetadataResponseTopic,
    },
    protocol::StrBytes,
};
use uuid::Uuid;

/// The leader of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Leader {
    /// `host:port`
    pub(in crate::kafka) address: String,
    pub(in crate::kafka) epoch: i32,
}

/// The metadata of a topic.
#[derive(Debug)]
pub(in crate::kafka) struct Topic {
    /// Derived from the name if brokers return none.
    pub(in crate::kafka) id: Uuid,
    /// All partitions; those without a leader have the reason.
    pub(in crate::kafka) partitions: BTreeMap<i32, Result<Leader, String>>,
}

impl Topic {
    /// The topic `id`, as described by `topic`; `addresses` are those of the brokers by node id.
    pub(super) fn of(
        id: Uuid,
        topic: &MetadataResponseTopic,
        addresses: &HashMap<i32, String>,
    ) -> Self {
        let partitions = topic.partitions.iter().map(|partition| {
            let leader = match (addresses.get(&partition.leader_id.0), partition.error_code) {
                (Some(address), 0 | 9) => {
                    Ok(Leader { address: address.clone(), epoch: partition.leader_epoch })
                }
                (_, code) => Err(ResponseError::try_from_code(code)
                    .unwrap_or(ResponseError::LeaderNotAvailable)
                    .to_string()),
            };
            (partition.partition_index, leader)
        });
        Self { id, partitions: partitions.collect() }
    }
}

/// `name` as in a request.
pub(in crate::kafka) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// A metadata request for the topics `names` that does not create them.
pub(in crate::kafka) fn about<'a>(
    names: impl IntoIterator<Item = &'a TopicName>,
) -> MetadataRequest {
    let topics =
        names.into_iter().map(|name| MetadataRequestTopic::default().with_name(Some(name.clone())));
    MetadataRequest::default()
        .with_allow_auto_topic_creation(false)
        .with_topics(Some(topics.collect()))
}

/// Whether the response to a metadata request is usable; otherwise why not.
pub(super) fn judge(response: &MetadataResponse) -> Result<(), String> {
    match ResponseError::try_from_code(response.error_code) {
        Some(error) => Err(error.to_string()),
        None if response.brokers.is_empty() => Err("returned no brokers".to_owned()),
        None => Ok(()),
    }
}

/// `host:port`, an IPv6 address in brackets.
pub(in crate::kafka) fn address(host: &str, port: i32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

//! The messages between the members of a classic group, which the broker does not interpret: Kafka's
//! ConsumerProtocolSubscription and ConsumerProtocolAssignment, each after its version.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ConsumerProtocolAssignment, ConsumerProtocolSubscription,
        consumer_protocol_assignment::TopicPartition as Assigned,
        consumer_protocol_subscription::TopicPartition as Owned,
    },
    protocol::{Decodable, Encodable, Message, StrBytes},
};

use super::assign::{Candidate, Place};
use crate::kafka::cluster::metadata::topic_name;

/// The protocol type of consumer groups.
pub(super) const PROTOCOL_TYPE: &str = "consumer";

/// The subscription has the owned partitions from version 1 on, and their generation from 2 on.
/// Clients that support only older versions ignore the rest.
const SUBSCRIPTION_VERSION: i16 = 2;

/// Later versions have the same fields.
const ASSIGNMENT_VERSION: i16 = 0;

/// Why a message is invalid, without its payload.
#[derive(Debug)]
pub(in crate::kafka::group) struct Malformed(pub(super) String);

/// The subscription of this member, with the partitions that it `claimed` in `generation`.
pub(super) fn subscription(
    topics: &[Arc<str>],
    claimed: &BTreeSet<Place>,
    generation: i32,
) -> Result<Bytes, Malformed> {
    let mut topics: Vec<_> = topics.iter().map(|topic| text(topic)).collect();
    topics.sort();
    let owned = by_topic(claimed).into_iter().map(|(topic, numbers)| {
        Owned::default().with_topic(topic_name(&topic)).with_partitions(numbers)
    });
    // Older Java clients read the generation here (CooperativeStickyAssignor).
    let user_data = Bytes::copy_from_slice(&generation.to_be_bytes());
    let subscription = ConsumerProtocolSubscription::default()
        .with_topics(topics)
        .with_user_data(Some(user_data))
        .with_owned_partitions(owned.collect())
        .with_generation_id(generation);
    write(&subscription, SUBSCRIPTION_VERSION)
}

/// Parses the subscription of member `id`.
pub(super) fn candidate(
    id: &str,
    instance: Option<&str>,
    metadata: Bytes,
) -> Result<Candidate, Malformed> {
    let subscription: ConsumerProtocolSubscription = read(metadata)?;
    let claimed = subscription.owned_partitions.into_iter().flat_map(|owned| {
        let topic: Arc<str> = owned.topic.0.as_str().into();
        owned.partitions.into_iter().map(move |number| (Arc::clone(&topic), number))
    });
    let generation = match (subscription.generation_id, subscription.user_data) {
        (-1, Some(mut data)) if data.len() >= size_of::<i32>() => data.get_i32(),
        (generation, _) => generation,
    };
    Ok(Candidate {
        id: id.to_owned(),
        instance: instance.map(str::to_owned),
        topics: subscription.topics.iter().map(|topic| Arc::from(topic.as_str())).collect(),
        claimed: claimed.collect(),
        generation,
    })
}

/// The assignment of a member.
pub(super) fn assignment(share: &BTreeSet<Place>) -> Result<Bytes, Malformed> {
    let assigned = by_topic(share).into_iter().map(|(topic, numbers)| {
        Assigned::default().with_topic(topic_name(&topic)).with_partitions(numbers)
    });
    let assignment =
        ConsumerProtocolAssignment::default().with_assigned_partitions(assigned.collect());
    write(&assignment, ASSIGNMENT_VERSION)
}

/// Parses an assignment. No bytes are no partitions: brokers send that if the leader omitted the
/// member.
pub(in crate::kafka::group) fn assigned(bytes: Bytes) -> Result<BTreeSet<Place>, Malformed> {
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let assignment: ConsumerProtocolAssignment = read(bytes)?;
    let places = assignment.assigned_partitions.into_iter().flat_map(|assigned| {
        let topic: Arc<str> = assigned.topic.0.as_str().into();
        assigned.partitions.into_iter().map(move |number| (Arc::clone(&topic), number))
    });
    Ok(places.collect())
}

fn by_topic(places: &BTreeSet<Place>) -> BTreeMap<Arc<str>, Vec<i32>> {
    let mut topics: BTreeMap<Arc<str>, Vec<i32>> = BTreeMap::new();
    for (topic, number) in places {
        topics.entry(Arc::clone(topic)).or_default().push(*number);
    }
    topics
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn write<M: Encodable>(message: &M, version: i16) -> Result<Bytes, Malformed> {
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    message.encode(&mut bytes, version).map_err(|error| Malformed(error.to_string()))?;
    Ok(bytes.freeze())
}

/// Newer versions are read as the latest supported one: they only append fields
/// (ConsumerProtocol.java).
fn read<M: Decodable + Message>(mut bytes: Bytes) -> Result<M, Malformed> {
    if bytes.len() < size_of::<i16>() {
        return Err(Malformed("no version".to_owned()));
    }
    let version = bytes.get_i16();
    if version < 0 {
        return Err(Malformed(format!("invalid version {version}")));
    }
    M::decode(&mut bytes, version.min(M::VERSIONS.max))
        .map_err(|error| Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(numbers: &[i32]) -> BTreeSet<Place> {
        numbers.iter().map(|number| ("sales".into(), *number)).collect()
    }

    #[test]
    fn a_subscription_is_read_as_it_was_written() {
        let topics = ["sales".into(), "orders".into()];
        let written = subscription(&topics, &places(&[0, 2]), 7).unwrap();
        let read = candidate("a", Some("static"), written).unwrap();
        assert_eq!(read.topics, topics.into_iter().collect());
        assert_eq!(read.claimed, places(&[0, 2]));
        assert_eq!((read.generation, read.instance.as_deref()), (7, Some("static")));
    }

    /// The bytes of a `KafkaConsumer` 2.8.2 with topic `t` and partition 3, written manually
    /// according to ConsumerProtocol.java of that version: the generation is in the user data.
    #[test]
    fn older_java_clients_are_supported() {
        let mut bytes = vec![0, 1];
        bytes.extend([0, 0, 0, 1, 0, 1, b't']);
        bytes.extend([0, 0, 0, 4, 0, 0, 0, 9]);
        bytes.extend([0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 3]);
        let read = candidate("a", None, bytes.into()).unwrap();
        assert_eq!(read.generation, 9);
        assert_eq!(read.claimed, [("t".into(), 3)].into());
        // Version 0 has neither.
        let bytes = Bytes::from_static(&[0, 0, 0, 0, 0, 1, 0, 1, b't', 255, 255, 255, 255]);
        let read = candidate("a", None, bytes).unwrap();
        assert_eq!((read.generation, read.claimed.len()), (-1, 0));
    }

    #[test]
    fn newer_versions_are_read_as_far_as_they_are_known() {
        let mut bytes = vec![0, 9];
        bytes.extend([0, 0, 0, 1, 0, 1, b't', 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 5]);
        bytes.extend([255, 255, 1, 2, 3]);
        assert_eq!(candidate("a", None, bytes.into()).unwrap().generation, 5);
    }

    #[test]
    fn invalid_messages_are_refused() {
        for bytes in [&[][..], &[0], &[255, 255], &[0, 1, 0, 0, 0, 9]] {
            assert!(candidate("a", None, Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
        }
        assert!(assigned(Bytes::from_static(&[0, 0, 0, 0, 0, 1])).is_err());
        assert_eq!(assigned(Bytes::new()).unwrap(), BTreeSet::new());
        let written = assignment(&places(&[1, 5])).unwrap();
        assert_eq!(assigned(written).unwrap(), places(&[1, 5]));
    }
}

//! Describes a group without joining it.

use std::{collections::BTreeMap, sync::Arc};

use kafka_protocol::{
    ResponseError,
    messages::{
        ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribeGroupsRequest,
        DescribeGroupsResponse, HeartbeatRequest, HeartbeatResponse,
    },
    protocol::StrBytes,
};
use uuid::Uuid;

use crate::kafka::{
    cluster::Cluster,
    error::KafkaError,
    group::{Coordinator, GroupError, GroupProtocol, classic::protocol as classic, group_id},
    log::record::TopicPartition,
};

/// The description of a group.
#[derive(Clone, Debug)]
pub struct GroupSeen {
    /// The protocol that a new member would use.
    pub protocol: &'static str,
    /// The members; empty if the group does not exist.
    pub members: Vec<MemberSeen>,
}

/// The description of a member.
#[derive(Clone, Debug)]
pub struct MemberSeen {
    /// The member id: with the consumer protocol, that of the vendas instance; with the classic
    /// protocol, one from the broker that begins with the client id.
    pub id: String,
    /// Its host, as seen by the broker.
    pub host: String,
    /// Its partitions.
    pub assigned: Vec<TopicPartition>,
}

/// The members of `group`, if it can be joined by `protocol`.
pub(in crate::kafka) async fn members(
    cluster: &Arc<Cluster>,
    group: &Arc<str>,
    protocol: GroupProtocol,
) -> Result<GroupSeen, GroupError> {
    let coordinator = Coordinator::new(Arc::clone(cluster), Arc::clone(group));
    let by_consumer = match protocol {
        GroupProtocol::Classic => None,
        GroupProtocol::Auto => match of_consumer(&coordinator).await {
            Ok(members) => Some(members),
            Err(GroupError::Unsupported { .. }) => None,
            Err(error) => return Err(error),
        },
        GroupProtocol::Consumer => Some(of_consumer(&coordinator).await?),
    };
    match by_consumer {
        // This request does not find classic groups.
        Some(members) if members.is_empty() => {
            let members = of_classic(&coordinator).await?;
            Ok(GroupSeen { protocol: "consumer", members })
        }
        Some(members) => Ok(GroupSeen { protocol: "consumer", members }),
        None => {
            let members = of_classic(&coordinator).await?;
            Ok(GroupSeen { protocol: "classic", members })
        }
    }
}

async fn of_consumer(coordinator: &Coordinator) -> Result<Vec<MemberSeen>, GroupError> {
    let group = group_id(&coordinator.group);
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group]);
    let code = |response: &ConsumerGroupDescribeResponse| {
        known(response.groups.first().map_or(0, |group| group.error_code))
    };
    let response = coordinator.ask(request, coordinator.deadline(), code).await?;
    let members = response.groups.into_iter().flat_map(|group| group.members).map(|member| {
        let assigned = member.assignment.topic_partitions.into_iter().flat_map(|topic| {
            let name: Arc<str> = topic.topic_name.0.as_str().into();
            topic.partitions.into_iter().map(move |partition| TopicPartition {
                topic: Arc::clone(&name),
                partition,
                topic_id: topic.topic_id,
            })
        });
        MemberSeen {
            id: member.member_id.to_string(),
            host: host(&member.client_host),
            assigned: assigned.collect(),
        }
    });
    Ok(members.collect())
}

/// During a rebalance, the members of a classic group have no partitions.
async fn of_classic(coordinator: &Coordinator) -> Result<Vec<MemberSeen>, GroupError> {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(&coordinator.group)]);
    let code = |response: &DescribeGroupsResponse| {
        known(response.groups.first().map_or(0, |group| group.error_code))
    };
    let response = coordinator.ask(request, coordinator.deadline(), code).await?;
    let mut members = Vec::new();
    let mut ids = BTreeMap::new();
    for member in response.groups.into_iter().flat_map(|group| group.members) {
        // Other types of groups have other assignments.
        let places = classic::assigned(member.member_assignment).unwrap_or_default();
        let mut assigned = Vec::new();
        for (topic, partition) in places {
            if !ids.contains_key(&topic) {
                ids.insert(Arc::clone(&topic), topic_id(&coordinator.cluster, &topic).await?);
            }
            if let Some(Some(topic_id)) = ids.get(&topic).copied() {
                assigned.push(TopicPartition { topic, partition, topic_id });
            }
        }
        let (id, host) = (member.member_id.to_string(), host(&member.client_host));
        members.push(MemberSeen { id, host, assigned });
    }
    Ok(members)
}

/// `None` if the topic does not exist or is not visible.
async fn topic_id(cluster: &Cluster, topic: &Arc<str>) -> Result<Option<Uuid>, KafkaError> {
    match cluster.topic(topic, None).await {
        Ok(known) => Ok(known.topic.map(|topic| topic.id)),
        Err(KafkaError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks for the privilege to join, with the heartbeat of a member that does not exist: the broker
/// checks READ before it looks up the member.
pub(in crate::kafka) async fn may_join(
    cluster: &Arc<Cluster>,
    group: &Arc<str>,
) -> Result<(), GroupError> {
    let coordinator = Coordinator::new(Arc::clone(cluster), Arc::clone(group));
    let request = HeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(StrBytes::from_static_str("vendas-check"))
        .with_generation_id(-1);
    let code = |response: &HeartbeatResponse| match response.error_code {
        code if ResponseError::try_from_code(code) == Some(ResponseError::UnknownMemberId) => 0,
        code => code,
    };
    coordinator.ask(request, coordinator.deadline(), code).await.map(drop)
}

/// A group that does not exist has no members.
fn known(code: i16) -> i16 {
    match ResponseError::try_from_code(code) {
        Some(ResponseError::GroupIdNotFound) => 0,
        _ => code,
    }
}

fn host(host: &str) -> String {
    host.trim_start_matches('/').to_owned()
}

//! Who is in a group, seen from outside.

use std::sync::Arc;

use kafka_protocol::{
    ResponseError,
    messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse},
};

use crate::kafka::{
    TopicPartition,
    cluster::Cluster,
    group::{Coordinator, GroupError, group_id},
};

/// Somebody who is in a group.
#[derive(Clone, Debug)]
pub struct MemberSeen {
    /// The member's id, which vendas chooses to be its instance's.
    pub id: String,
    /// Where it runs, as the broker sees it.
    pub host: String,
    /// What it has.
    pub assigned: Vec<TopicPartition>,
}

/// Who is in `group`; nobody where there is no such group.
pub(in crate::kafka) async fn members(
    cluster: &Arc<Cluster>,
    group: &Arc<str>,
) -> Result<Vec<MemberSeen>, GroupError> {
    let coordinator = Coordinator::new(Arc::clone(cluster), Arc::clone(group));
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(group)]);
    let code = |response: &ConsumerGroupDescribeResponse| {
        let code = response.groups.first().map_or(0, |group| group.error_code);
        match ResponseError::try_from_code(code) {
            Some(ResponseError::GroupIdNotFound) => 0,
            _ => code,
        }
    };
    let response = coordinator.ask(request, cluster.deadline(), code).await?;
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
            host: member.client_host.trim_start_matches('/').to_owned(),
            assigned: assigned.collect(),
        }
    });
    Ok(members.collect())
}

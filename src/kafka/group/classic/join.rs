//! One rebalance of a classic group from a member's view: JoinGroup, which the broker answers when
//! all members have joined or the rebalance timeout has passed, and SyncGroup, which it answers
//! when the leader has assigned partitions.
//!
//! A broker processes the requests of a connection in order, so both use a separate connection:
//! heartbeats continue on the control connection during this.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use kafka_protocol::{
    ResponseError,
    messages::{
        JoinGroupRequest, JoinGroupResponse, SyncGroupRequest,
        join_group_request::JoinGroupRequestProtocol,
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::{
    assign::{Assignor, Candidate, Partitions, Place},
    protocol::{self, Malformed, PROTOCOL_TYPE},
};
use crate::kafka::{
    cluster::Cluster,
    error::KafkaError,
    group::{
        GroupError, GroupSettings,
        coordinator::{Coordinator, is_transient},
        group_id,
    },
    transport::{api::Api, connection::Connection, error::CallError},
    trouble::backoff,
};

/// Membership in one generation of a group.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) generation: i32,
    pub(super) assignor: Assignor,
    pub(super) assigned: BTreeSet<Place>,
    /// The subscribed topics.
    pub(super) subscribed: Arc<[Arc<str>]>,
    /// Whether it has to revoke partitions that the group waits for.
    pub(super) gives_up: bool,
    /// The topics of all members and their partitions, if this member is the leader.
    pub(super) led: Option<Partitions>,
}

/// The outcome of a rebalance.
#[derive(Debug)]
pub(super) enum Outcome {
    Joined(Membership),
    /// Another rebalance began before it ended.
    Again,
}

/// The parameters of joining.
pub(super) struct Ticket {
    pub(super) coordinator: Arc<Coordinator>,
    pub(super) settings: Arc<GroupSettings>,
    pub(super) topics: Arc<[Arc<str>]>,
    /// The member id from the broker; empty before the first join.
    pub(super) id: Arc<Mutex<StrBytes>>,
    /// The owned partitions, and their generation (-1 for none).
    pub(super) claimed: BTreeSet<Place>,
    pub(super) generation: i32,
}

/// Why an attempt ended.
enum Stop {
    /// The coordinator has to be found again.
    Failed(String),
    Again,
    Error(GroupError),
}

impl From<GroupError> for Stop {
    fn from(error: GroupError) -> Self {
        Self::Error(error)
    }
}

/// Takes part in a rebalance.
///
/// # Errors
/// [`GroupError`]; [`GroupError::Fenced`] if the group does not know the member.
pub(super) async fn join(ticket: Ticket) -> Result<Outcome, GroupError> {
    let deadline = ticket.coordinator.deadline();
    let mut cause = String::new();
    for wait in backoff() {
        match ticket.attempt().await {
            Ok(membership) => return Ok(Outcome::Joined(membership)),
            Err(Stop::Again) => return Ok(Outcome::Again),
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Failed(why)) => cause = why,
        }
        ticket.coordinator.forget();
        if Instant::now() + wait >= deadline {
            break;
        }
        sleep(wait).await;
    }
    Err(ticket.coordinator.cluster.unreachable(cause).into())
}

impl Ticket {
    async fn attempt(&self) -> Result<Membership, Stop> {
        let broker = self.coordinator.find().await?;
        let cluster = &self.coordinator.cluster;
        let opened = Connection::open(&broker, &cluster.access, cluster.deadline()).await;
        let connection = opened.map_err(|error| self.failure(&broker, error))?;
        let call = Call { ticket: self, connection, broker };
        let joined = call.join_group().await?;
        let name = joined.protocol_name.as_deref().unwrap_or_default();
        let assignor = Assignor::named(name).ok_or_else(|| {
            let cause = format!("the group uses the assignor {name:?}");
            self.refused(cause, "configure all members with an assignor of kafka.group_assignors")
        })?;
        let led = match joined.leader == joined.member_id {
            true => Some(self.lead(&joined, assignor).await?),
            false => None,
        };
        let (assignments, led) = led.unzip();
        let assigned = call.sync_group(&joined, assignments.unwrap_or_default()).await?;
        Ok(Membership {
            generation: joined.generation_id,
            assignor,
            subscribed: Arc::clone(&self.topics),
            gives_up: !self.claimed.is_subset(&assigned),
            assigned,
            led,
        })
    }

    /// Assigns partitions to all members.
    async fn lead(
        &self,
        joined: &JoinGroupResponse,
        assignor: Assignor,
    ) -> Result<(Vec<SyncGroupRequestAssignment>, Partitions), Stop> {
        let candidates: Vec<Candidate> = joined.members.iter().map(candidate).collect();
        let topics = candidates.iter().flat_map(|candidate| candidate.topics.iter().cloned());
        let partitions = partitions(&self.coordinator.cluster, topics.collect()).await;
        let partitions = partitions.map_err(GroupError::from)?;
        let shares = assignor.assign(&candidates, &partitions);
        debug!(group = %self.coordinator.group, generation = joined.generation_id, ?shares, "assigning partitions as the group leader");
        let assignments = shares.into_iter().map(|(id, share)| {
            Ok(SyncGroupRequestAssignment::default()
                .with_member_id(StrBytes::from_string(id))
                .with_assignment(protocol::assignment(&share)?))
        });
        let assignments: Result<_, Malformed> = assignments.collect();
        Ok((assignments.map_err(|why| self.malformed("an assignment", &why))?, partitions))
    }

    fn failure(&self, broker: &str, error: CallError) -> Stop {
        let broker = broker.to_owned();
        match error {
            error @ CallError::NoVersion(_) => {
                GroupError::Unsupported { broker, cause: error.to_string() }.into()
            }
            CallError::Denied(cause) => {
                GroupError::from(KafkaError::Denied { broker, cause }).into()
            }
            error => Stop::Failed(format!("{broker}: {error}")),
        }
    }

    fn malformed(&self, what: &str, Malformed(why): &Malformed) -> GroupError {
        self.refused(
            format!("{what} does not follow Kafka's consumer protocol ({why})"),
            "check which other clients are members of the group",
        )
    }

    fn refused(&self, cause: String, remedy: &'static str) -> GroupError {
        GroupError::Refused { group: Arc::clone(&self.coordinator.group), cause, remedy }
    }

    fn id(&self) -> StrBytes {
        self.id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_id(&self, id: StrBytes) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }
}

/// A member with an invalid subscription takes part without topics.
fn candidate(
    member: &kafka_protocol::messages::join_group_response::JoinGroupResponseMember,
) -> Candidate {
    let (id, instance) = (member.member_id.as_str(), member.group_instance_id.as_deref());
    protocol::candidate(id, instance, member.metadata.clone()).unwrap_or_else(|Malformed(why)| {
        warn!(member = id, "the member's subscription does not follow Kafka's consumer protocol ({why}): it is assigned no partitions");
        Candidate {
            id: id.to_owned(),
            instance: None,
            topics: BTreeSet::new(),
            claimed: BTreeSet::new(),
            generation: -1,
        }
    })
}

/// The partitions of all of `topics`; none for topics that do not exist or are not visible.
pub(super) async fn partitions(
    cluster: &Cluster,
    topics: BTreeSet<Arc<str>>,
) -> Result<Partitions, KafkaError> {
    let mut names: Vec<_> = topics.iter().cloned().collect();
    let mut found = loop {
        if names.is_empty() {
            break Default::default();
        }
        match cluster.metadata(&names).await {
            Ok(found) => break found,
            Err(KafkaError::Refused { topic, cause }) if names.iter().any(|n| **n == *topic) => {
                debug!(topic, cause, "cannot assign the partitions of the topic");
                names.retain(|name| **name != *topic);
            }
            Err(error) => return Err(error),
        }
    };
    let partitions = topics.into_iter().map(|name| {
        let numbers = found.remove(&name).map(|topic| topic.partitions.into_keys().collect());
        (name, numbers.unwrap_or_default())
    });
    Ok(partitions.collect())
}

/// The requests of one attempt.
struct Call<'a> {
    ticket: &'a Ticket,
    connection: Connection,
    broker: String,
}

impl Call<'_> {
    async fn join_group(&self) -> Result<JoinGroupResponse, Stop> {
        let response = self.ask(self.request()?).await?;
        let required = ResponseError::try_from_code(response.error_code);
        if required != Some(ResponseError::MemberIdRequired) {
            self.check(response.error_code)?;
            self.ticket.set_id(response.member_id.clone());
            return Ok(response);
        }
        // Repeated with the id in the response (KIP-394).
        self.ticket.set_id(response.member_id);
        let response = self.ask(self.request()?).await?;
        self.check(response.error_code)?;
        Ok(response)
    }

    fn request(&self) -> Result<JoinGroupRequest, GroupError> {
        let Ticket { coordinator, settings, topics, claimed, generation, .. } = self.ticket;
        let subscription = protocol::subscription(topics, claimed, *generation);
        let subscription =
            subscription.map_err(|why| self.ticket.malformed("the subscription", &why))?;
        let protocols = settings.assignors.iter().map(|assignor| {
            JoinGroupRequestProtocol::default()
                .with_name(StrBytes::from_static_str(assignor.name()))
                .with_metadata(subscription.clone())
        });
        let milliseconds =
            |duration: std::time::Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
        Ok(JoinGroupRequest::default()
            .with_group_id(group_id(&coordinator.group))
            .with_member_id(self.ticket.id())
            .with_session_timeout_ms(milliseconds(settings.session_timeout))
            .with_rebalance_timeout_ms(milliseconds(settings.rebalance_timeout))
            .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
            .with_protocols(protocols.collect()))
    }

    /// The assignment of this member; `assignments` are those of all members if it is the leader.
    async fn sync_group(
        &self,
        joined: &JoinGroupResponse,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> Result<BTreeSet<Place>, Stop> {
        let request = SyncGroupRequest::default()
            .with_group_id(group_id(&self.ticket.coordinator.group))
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone())
            .with_protocol_type(Some(StrBytes::from_static_str(PROTOCOL_TYPE)))
            .with_protocol_name(joined.protocol_name.clone())
            .with_assignments(assignments);
        let response = self.ask(request).await?;
        self.check(response.error_code)?;
        let assigned = protocol::assigned(response.assignment);
        Ok(assigned.map_err(|why| self.ticket.malformed("the leader's assignment", &why))?)
    }

    /// Waits for as long as the group may wait for its members. Members can have longer timeouts than
    /// this one: then the request is repeated.
    async fn ask<M: Api>(&self, message: M) -> Result<M::Response, Stop> {
        let ticket = self.ticket;
        let deadline = ticket.coordinator.deadline() + ticket.settings.rebalance_timeout;
        match self.connection.call(message, deadline).await {
            Ok(response) => Ok(response),
            Err(CallError::Timeout(_)) => {
                ticket.coordinator.forget();
                Err(Stop::Again)
            }
            Err(error) => Err(ticket.failure(&self.broker, error)),
        }
    }

    fn check(&self, code: i16) -> Result<(), Stop> {
        let ticket = self.ticket;
        match ResponseError::try_from_code(code) {
            None => Ok(()),
            Some(ResponseError::RebalanceInProgress) => Err(Stop::Again),
            Some(ResponseError::UnknownMemberId) => {
                ticket.set_id(StrBytes::default());
                // It owns nothing that could belong to another member by now.
                Err(if ticket.claimed.is_empty() { Stop::Again } else { GroupError::Fenced.into() })
            }
            Some(error) if is_transient(error) => {
                Err(Stop::Failed(format!("{}: {error}", self.broker)))
            }
            Some(error) => {
                Err(GroupError::of(error, &ticket.coordinator.group, &self.broker).into())
            }
        }
    }
}

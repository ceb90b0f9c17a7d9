//! The broker that looks after a consumer group: found, asked, and found again when it moves.

use std::sync::{Arc, Mutex, PoisonError};

use kafka_protocol::{ResponseError, messages::FindCoordinatorRequest, protocol::StrBytes};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::kafka::{
    KafkaError,
    cluster::{Cluster, address},
    transport::{api::Api, connection::CallError},
    trouble::backoff,
};

/// Why a consumer group can't be had, by what the caller does about it.
#[derive(Clone, Debug, Error)]
pub enum GroupError {
    /// The group has gone on without this member: let go of all partitions, and join anew.
    #[error("the group no longer counts this instance in")]
    Fenced,
    /// As with any other question.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The brokers refuse us the group: needs a person.
    #[error("kafka refuses the consumer group {group}: {cause}: {remedy}")]
    Refused {
        /// Its name.
        group: Arc<str>,
        /// The broker's error, by its name in the protocol.
        cause: String,
        /// What puts it right.
        remedy: &'static str,
    },
    /// The group's coordinator does not have the protocol: needs a person.
    #[error(
        "broker {broker} {cause}: set kafka.group_protocol to auto, or leave out kafka.group and \
         assign partitions to each instance with kafka.partitions"
    )]
    Unsupported {
        /// Its address.
        broker: String,
        /// What it lacks.
        cause: String,
    },
}

impl GroupError {
    pub(super) fn of(error: ResponseError, group: &Arc<str>, broker: &str) -> Self {
        let remedy = match error {
            ResponseError::UnknownMemberId
            | ResponseError::FencedMemberEpoch
            | ResponseError::IllegalGeneration => return Self::Fenced,
            ResponseError::UnsupportedVersion => {
                let cause = "does not have the consumer group protocol (KIP-848)".to_owned();
                return Self::Unsupported { broker: broker.to_owned(), cause };
            }
            // group.consumer.migration.policy does not let such a group be converted.
            ResponseError::GroupIdNotFound => {
                let cause = format!("has {group} as a group of the classic protocol");
                return Self::Unsupported { broker: broker.to_owned(), cause };
            }
            ResponseError::GroupAuthorizationFailed => "grant READ on the group",
            ResponseError::TopicAuthorizationFailed => "grant READ and DESCRIBE on its topics",
            ResponseError::InvalidGroupId => "choose another name",
            ResponseError::InconsistentGroupProtocol => {
                "its members use other assignors: set kafka.group_assignors to one of theirs, or \
                 choose another name"
            }
            ResponseError::InvalidSessionTimeout => {
                "set kafka.session_timeout within the broker's group.min.session.timeout.ms and \
                 group.max.session.timeout.ms"
            }
            ResponseError::GroupMaxSizeReached => {
                "stop an instance, or raise the broker's group.max.size (group.consumer.max.size \
                 for the consumer protocol)"
            }
            _ => "the broker's log may say more",
        };
        Self::Refused { group: Arc::clone(group), cause: error.to_string(), remedy }
    }
}

/// What a coordinator answers while the group is being moved (and at the very first use of groups,
/// when the topic of their offsets is made), or when an epoch has just changed.
pub(super) const fn passes(error: ResponseError) -> bool {
    matches!(
        error,
        ResponseError::CoordinatorLoadInProgress
            | ResponseError::CoordinatorNotAvailable
            | ResponseError::NotCoordinator
            | ResponseError::StaleMemberEpoch
            | ResponseError::UnstableOffsetCommit
    )
}

/// The coordinator of one group.
pub(in crate::kafka) struct Coordinator {
    pub(in crate::kafka) cluster: Arc<Cluster>,
    pub(in crate::kafka) group: Arc<str>,
    address: Mutex<Option<String>>,
}

impl Coordinator {
    pub(in crate::kafka) const fn new(cluster: Arc<Cluster>, group: Arc<str>) -> Self {
        Self { cluster, group, address: Mutex::new(None) }
    }

    pub(in crate::kafka) fn deadline(&self) -> Instant {
        self.cluster.deadline()
    }

    /// Asks until `deadline` at the latest; `code` is the answer's error code for the group.
    pub(in crate::kafka) async fn ask<M: Api + Clone>(
        &self,
        message: M,
        deadline: Instant,
        code: impl Fn(&M::Response) -> i16,
    ) -> Result<M::Response, GroupError> {
        let mut cause = "no answer in time".to_owned();
        for wait in backoff() {
            let broker = self.find().await?;
            match self.cluster.call(&broker, message.clone(), deadline).await {
                Ok(response) => match ResponseError::try_from_code(code(&response)) {
                    None => return Ok(response),
                    Some(error) if passes(error) => cause = format!("{broker}: {error}"),
                    Some(error) => return Err(GroupError::of(error, &self.group, &broker)),
                },
                Err(error @ CallError::NoVersion(_)) => {
                    let cause = error.to_string();
                    return Err(GroupError::Unsupported { broker, cause });
                }
                Err(CallError::Denied(cause)) => {
                    return Err(KafkaError::Denied { broker, cause }.into());
                }
                Err(error) => cause = format!("{broker}: {error}"),
            }
            self.forget();
            if Instant::now() + wait >= deadline {
                break;
            }
            sleep(wait).await;
        }
        Err(self.cluster.unreachable(cause).into())
    }

    /// The coordinator is to be found again.
    pub(super) fn forget(&self) {
        *self.address() = None;
    }

    /// The address of the broker that coordinates the group. At the very first use of groups, the topic
    /// of their offsets is made first, which is waited for, up to the settings' timeout.
    pub(super) async fn find(&self) -> Result<String, GroupError> {
        if let Some(address) = self.address().clone() {
            return Ok(address);
        }
        let key = StrBytes::from_string(self.group.to_string());
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![key]);
        let deadline = self.deadline();
        for wait in backoff() {
            let response = self.cluster.ask_anyone(request.clone(), |_| Ok(())).await?;
            let Some(found) = response.coordinators.first() else { break };
            let found_at = address(&found.host, found.port);
            match ResponseError::try_from_code(found.error_code) {
                None => {
                    *self.address() = Some(found_at.clone());
                    return Ok(found_at);
                }
                Some(error) if !passes(error) => {
                    return Err(GroupError::of(error, &self.group, &found_at));
                }
                Some(error) if Instant::now() + wait >= deadline => {
                    let cause = format!("no coordinator of the group {}: {error}", self.group);
                    return Err(self.cluster.unreachable(cause).into());
                }
                Some(_) => sleep(wait).await,
            }
        }
        Err(self.cluster.unreachable("no coordinator was named".to_owned()).into())
    }

    fn address(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

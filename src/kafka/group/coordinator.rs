//! The coordinator of a consumer group: found, called, and found again when it moves.

use std::sync::{Arc, Mutex, PoisonError};

use kafka_protocol::{ResponseError, messages::FindCoordinatorRequest, protocol::StrBytes};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::kafka::{
    cluster::{Cluster, metadata::address},
    error::KafkaError,
    transport::{api::Api, error::CallError},
    trouble::backoff,
};

/// Why a request to a consumer group failed, by what the caller has to do.
#[derive(Clone, Debug, Error)]
pub enum GroupError {
    /// The group has removed this member: release all partitions and join again.
    #[error("this instance is no longer a member of the consumer group")]
    Fenced,
    /// As for other requests.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The brokers reject the group. The operator has to correct it.
    #[error("Kafka rejects the consumer group {group}: {cause}: {remedy}")]
    Refused {
        /// The group's name.
        group: Arc<str>,
        /// The name of the error in the protocol.
        cause: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// The coordinator does not support the protocol. The operator has to correct it.
    #[error(
        "Kafka broker {broker} {cause}: set kafka.group_protocol to auto, or remove kafka.group and assign \
         partitions to each instance with kafka.partitions"
    )]
    Unsupported {
        /// The broker's address.
        broker: String,
        /// What is missing.
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
                let cause = "does not support the consumer group protocol (KIP-848)".to_owned();
                return Self::Unsupported { broker: broker.to_owned(), cause };
            }
            // group.consumer.migration.policy does not allow the conversion of such a group.
            ResponseError::GroupIdNotFound => {
                let cause = format!(
                    "does not convert the classic group {group} to the consumer protocol \
                     (group.consumer.migration.policy)"
                );
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
            _ => "see the broker's log",
        };
        Self::Refused { group: Arc::clone(group), cause: error.to_string(), remedy }
    }
}

/// Whether an error is transient: while a group moves to another coordinator, while the offsets
/// topic is created at the first use of groups, or when an epoch has just changed.
pub(super) const fn is_transient(error: ResponseError) -> bool {
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

    /// Repeats the request until `deadline`; `code` is the error code for the group in a response.
    pub(in crate::kafka) async fn ask<M: Api + Clone>(
        &self,
        message: M,
        deadline: Instant,
        code: impl Fn(&M::Response) -> i16,
    ) -> Result<M::Response, GroupError> {
        self.ask_or_retry(message.clone(), message, deadline, code).await
    }

    /// As [`Self::ask`], with another request for the retries: the coordinator may have executed the
    /// first.
    pub(in crate::kafka) async fn ask_or_retry<M: Api + Clone>(
        &self,
        first: M,
        retry: M,
        deadline: Instant,
        code: impl Fn(&M::Response) -> i16,
    ) -> Result<M::Response, GroupError> {
        let mut message = first;
        let mut cause = "timed out".to_owned();
        for wait in backoff() {
            let broker = self.find().await?;
            match self.cluster.call_or_retry(&broker, message, retry.clone(), deadline).await {
                Ok(response) => match ResponseError::try_from_code(code(&response)) {
                    None => return Ok(response),
                    Some(error) if is_transient(error) => cause = format!("{broker}: {error}"),
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
            message = retry.clone();
            self.forget();
            if Instant::now() + wait >= deadline {
                break;
            }
            sleep(wait).await;
        }
        Err(self.cluster.unreachable(cause).into())
    }

    /// Makes the next request find the coordinator again.
    pub(super) fn forget(&self) {
        *self.address() = None;
    }

    /// The address of the coordinator. At the first use of groups, waits for the creation of the
    /// offsets topic, up to the timeout in the settings.
    pub(super) async fn find(&self) -> Result<String, GroupError> {
        if let Some(address) = self.address().clone() {
            return Ok(address);
        }
        let key = StrBytes::from_string(self.group.to_string());
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![key]);
        let deadline = self.deadline();
        for wait in backoff() {
            let response = self.cluster.call_any(request.clone(), |_| Ok(())).await?;
            let Some(found) = response.coordinators.first() else { break };
            let found_at = address(&found.host, found.port);
            match ResponseError::try_from_code(found.error_code) {
                None => {
                    *self.address() = Some(found_at.clone());
                    return Ok(found_at);
                }
                Some(error) if !is_transient(error) => {
                    return Err(GroupError::of(error, &self.group, &found_at));
                }
                Some(error) if Instant::now() + wait >= deadline => {
                    let cause = format!("no coordinator for group {}: {error}", self.group);
                    return Err(self.cluster.unreachable(cause).into());
                }
                Some(_) => sleep(wait).await,
            }
        }
        Err(self.cluster.unreachable("the response has no coordinator".to_owned()).into())
    }

    fn address(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

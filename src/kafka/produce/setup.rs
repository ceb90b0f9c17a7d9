//! Creates the topic and a producer id before the first record is sent.

use std::fmt::Display;

use kafka_protocol::{
    ResponseError,
    messages::{CreateTopicsRequest, InitProducerIdRequest, create_topics_request::CreatableTopic},
};
use tokio::time::{Instant, sleep};

use super::{KafkaError, ProduceError, lane::ProducerId};
use crate::kafka::{
    cluster::{Cluster, metadata::topic_name},
    transport::{api::Api, error::CallError},
    trouble::backoff,
};

/// Creates the topic, unless another client has created it.
pub(super) async fn topic(
    cluster: &Cluster,
    name: &str,
    partitions: i32,
) -> Result<(), ProduceError> {
    let timeout_ms = i32::try_from(cluster.settings.timeout.as_millis()).unwrap_or(i32::MAX);
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        // The broker's default.
        .with_replication_factor(-1);
    let request =
        CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(timeout_ms);
    let answer = ask(cluster, request, |response| {
        let topic = response.topics.first();
        let code = topic.map_or(0, |topic| topic.error_code);
        let message = topic.and_then(|topic| topic.error_message.as_ref());
        let message = message.map_or_else(String::new, |message| format!(" ({message})"));
        (ResponseError::try_from_code(code), message)
    });
    match answer.await? {
        (_, None | Some(ResponseError::TopicAlreadyExists), _) => Ok(()),
        (_, Some(error), message) => Err(ProduceError::NotCreated {
            topic: name.to_owned(),
            cause: format!("{error}{message}"),
        }),
    }
}

/// A new producer id, with which brokers detect duplicates.
pub(super) async fn producer_id(cluster: &Cluster) -> Result<ProducerId, ProduceError> {
    // Without a transactional id and without an existing producer id.
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    let answer = ask(cluster, request, |response| {
        (ResponseError::try_from_code(response.error_code), String::new())
    });
    match answer.await? {
        (response, None, _) => {
            Ok(ProducerId { id: response.producer_id.0, epoch: response.producer_epoch })
        }
        (_, Some(error), _) => Err(cluster.unreachable(format!("no producer id: {error}")).into()),
    }
}

/// Sends a request to one broker after another until one responds without an error or with a final
/// one. Returns the response, the error and its details.
async fn ask<M: Api + Clone, D: Display>(
    cluster: &Cluster,
    request: M,
    judge: impl Fn(&M::Response) -> (Option<ResponseError>, D),
) -> Result<(M::Response, Option<ResponseError>, D), KafkaError> {
    let deadline = cluster.deadline();
    let mut cause = String::new();
    for wait in backoff() {
        for broker in &cluster.settings.brokers {
            match cluster.call(broker, request.clone(), deadline).await {
                Ok(response) => match judge(&response) {
                    (Some(error), _) if error.is_retriable() => {
                        cause = format!("{broker}: {error}");
                    }
                    (error, detail) => return Ok((response, error, detail)),
                },
                Err(error @ CallError::NoVersion(_)) => {
                    let (broker, cause) = (broker.clone(), error.to_string());
                    return Err(KafkaError::Unsupported { broker, cause });
                }
                Err(CallError::Denied(cause)) => {
                    return Err(KafkaError::Denied { broker: broker.clone(), cause });
                }
                Err(error) => cause = format!("{broker}: {error}"),
            }
        }
        if Instant::now() + wait > deadline {
            break;
        }
        sleep(wait).await;
    }
    Err(cluster.unreachable(cause))
}

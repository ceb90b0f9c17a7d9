//! Metadata of brokers and topics, and the control connections for requests.
//!
//! A broker processes the requests of a connection in order, so other requests would wait for a long
//! poll: fetching has separate connections (see `fetcher`).

mod identity;
pub(in crate::kafka) mod metadata;
pub(in crate::kafka) mod offsets;
pub(in crate::kafka) mod rights;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use kafka_protocol::{
    ResponseError,
    messages::{MetadataRequest, MetadataResponse},
};
use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, timeout_at},
};

use identity::Identities;
use metadata::{Topic, about, address, topic_name};

use crate::kafka::{
    error::KafkaError,
    fetch::{fetcher::Fetchers, memory::Memory},
    log::record::TopicPartition,
    settings::Settings,
    transport::{access::Access, api::Api, connection::Connection, error::CallError},
    trouble::Troubles,
};

/// The minimum time for one broker before the next one is tried.
const MIN_TIME_PER_BROKER: Duration = Duration::from_secs(2);

/// A numbered version of a topic's metadata. If a request fails, it needs a newer version.
#[derive(Clone, Debug)]
pub(in crate::kafka) struct Known {
    pub(in crate::kafka) generation: u64,
    /// `None` if the topic does not exist.
    pub(in crate::kafka) topic: Option<Arc<Topic>>,
}

type Slot<T> = Arc<AsyncMutex<Option<T>>>;

/// A Kafka cluster, shared by all its users.
pub(in crate::kafka) struct Cluster {
    pub(in crate::kafka) settings: Settings,
    pub(in crate::kafka) access: Arc<Access>,
    pub(in crate::kafka) fetchers: Fetchers,
    pub(in crate::kafka) troubles: Arc<Troubles>,
    pub(in crate::kafka) memory: Arc<Memory>,
    connections: Mutex<HashMap<String, Slot<Arc<Connection>>>>,
    topics: Mutex<HashMap<Arc<str>, Slot<Known>>>,
    identities: Identities,
    /// The brokers to request metadata from; the last one that answered is the first.
    candidates: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No update under these locks can stop halfway, so poisoning is ignored.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    pub(in crate::kafka) fn new(settings: Settings) -> Self {
        let access = Arc::new(Access {
            opened: AtomicU64::new(0),
            client_id: settings.client_id.as_str().into(),
            security: settings.security.clone(),
        });
        let memory = Memory::new(settings.buffer_bytes);
        Self {
            fetchers: Fetchers::new(&settings, Arc::clone(&access), Arc::clone(&memory)),
            access,
            troubles: Troubles::new(),
            memory,
            connections: Mutex::default(),
            topics: Mutex::default(),
            identities: Identities::default(),
            candidates: Mutex::new(settings.brokers.clone()),
            settings,
        }
    }

    pub(in crate::kafka) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.timeout
    }

    /// Calls the broker at `address` over its control connection.
    pub(in crate::kafka) async fn call<M: Api + Clone>(
        &self,
        address: &str,
        message: M,
        deadline: Instant,
    ) -> Result<M::Response, CallError> {
        self.call_or_retry(address, message.clone(), message, deadline).await
    }

    /// As [`Self::call`], with another request for the retry after a connection was closed: the
    /// broker may have executed the first.
    pub(in crate::kafka) async fn call_or_retry<M: Api>(
        &self,
        address: &str,
        first: M,
        retry: M,
        deadline: Instant,
    ) -> Result<M::Response, CallError> {
        let slot = Arc::clone(lock(&self.connections).entry(address.to_owned()).or_default());
        let (mut message, mut retry) = (first, Some(retry));
        loop {
            let waited = timeout_at(deadline, slot.lock()).await;
            let mut held = waited.map_err(|_| CallError::Timeout("connecting"))?;
            held.take_if(|connection| !connection.is_authenticated());
            let used_before = held.is_some();
            let connection = match &*held {
                Some(connection) => Arc::clone(connection),
                None => {
                    // Boxed, since it is rare and nested in the futures of all requests.
                    let opening = Connection::open(address, &self.access, deadline);
                    let opened = Box::pin(opening).await?;
                    Arc::clone(held.insert(Arc::new(opened)))
                }
            };
            drop(held);
            let result = connection.call(message, deadline).await;
            if matches!(result, Err(CallError::Timeout(_) | CallError::Broken(_))) {
                let mut held = slot.lock().await;
                if held.as_ref().is_some_and(|current| Arc::ptr_eq(current, &connection)) {
                    *held = None;
                }
            }
            // Brokers close idle connections, so this is not an error of the broker.
            if used_before
                && matches!(result, Err(CallError::Broken(_)))
                && let Some(again) = retry.take()
            {
                message = again;
                continue;
            }
            return result;
        }
    }

    /// The topic `name`; requested again unless its metadata is newer than `stale`.
    pub(in crate::kafka) async fn topic(
        &self,
        name: &Arc<str>,
        stale: Option<u64>,
    ) -> Result<Known, KafkaError> {
        let slot = Arc::clone(lock(&self.topics).entry(Arc::clone(name)).or_default());
        // Held during the request: waiting callers use the same response.
        let mut known = slot.lock().await;
        if let Some(known) =
            known.as_ref().filter(|known| stale.is_none_or(|s| known.generation > s))
        {
            return Ok(known.clone());
        }
        let generation = known.as_ref().map_or(0, |known| known.generation + 1);
        let topic = self.metadata(std::slice::from_ref(name)).await?.remove(name).map(Arc::new);
        Ok(known.insert(Known { generation, topic }).clone())
    }

    /// The topic of `partition`; requested again if the known metadata does not contain the
    /// partition.
    pub(in crate::kafka) async fn topic_of(
        &self,
        partition: &TopicPartition,
        stale: Option<u64>,
    ) -> Result<Known, KafkaError> {
        let known = self.topic(&partition.topic, stale).await?;
        let knows = |topic: &Arc<Topic>| {
            partition.is_of(topic.id) && topic.partitions.contains_key(&partition.partition)
        };
        if stale.is_some() || known.topic.as_ref().is_some_and(knows) {
            return Ok(known);
        }
        self.topic(&partition.topic, Some(known.generation)).await
    }

    /// The topics among `names` that exist.
    pub(in crate::kafka) async fn metadata(
        &self,
        names: &[Arc<str>],
    ) -> Result<HashMap<Arc<str>, Topic>, KafkaError> {
        let asked: Vec<_> = names.iter().map(|name| topic_name(name)).collect();
        let response = self.call_any(about(&asked), metadata::judge).await?;
        let addresses = self.remember(&response);
        let mut topics = HashMap::new();
        for topic in response.topics {
            let Some(name) = topic.name.as_ref().map(|name| name.0.as_str()) else { continue };
            let Some(name) = names.iter().find(|asked| &***asked == name) else { continue };
            match ResponseError::try_from_code(topic.error_code) {
                None | Some(ResponseError::LeaderNotAvailable) => {
                    let id = self.identities.of(name, topic.topic_id);
                    topics.insert(Arc::clone(name), Topic::of(id, &topic, &addresses));
                }
                Some(ResponseError::UnknownTopicOrPartition) => {}
                Some(error) if error.is_retriable() => {
                    return Err(self.unreachable(format!("metadata of topic {name}: {error}")));
                }
                Some(error) => {
                    let (topic, cause) = (name.to_string(), error.to_string());
                    return Err(KafkaError::Refused { topic, cause });
                }
            }
        }
        Ok(topics)
    }

    /// All visible topics, except Kafka's internal ones.
    pub(in crate::kafka) async fn all_topics(
        &self,
    ) -> Result<HashMap<Arc<str>, Topic>, KafkaError> {
        let request =
            MetadataRequest::default().with_allow_auto_topic_creation(false).with_topics(None);
        let response = self.call_any(request, metadata::judge).await?;
        let addresses = self.remember(&response);
        let present = response.topics.iter().filter(|topic| {
            let error = ResponseError::try_from_code(topic.error_code);
            !topic.is_internal && matches!(error, None | Some(ResponseError::LeaderNotAvailable))
        });
        let topics = present.filter_map(|topic| {
            let name = Arc::from(topic.name.as_ref()?.as_str());
            let id = self.identities.of(&name, topic.topic_id);
            Some((name, Topic::of(id, topic, &addresses)))
        });
        Ok(topics.collect())
    }

    /// Sends a request to one broker after another until `judge` accepts a response.
    pub(in crate::kafka) async fn call_any<M: Api + Clone>(
        &self,
        request: M,
        judge: impl Fn(&M::Response) -> Result<(), String>,
    ) -> Result<M::Response, KafkaError> {
        let deadline = self.deadline();
        let candidates = lock(&self.candidates).clone();
        let mut causes = Vec::new();
        let mut denied = None;
        for (asked, candidate) in candidates.iter().enumerate() {
            // A frozen broker must not use up the time of the others.
            let left = deadline.saturating_duration_since(Instant::now());
            let others = u32::try_from(candidates.len() - asked).unwrap_or(u32::MAX);
            let share = (left / others.max(1)).max(MIN_TIME_PER_BROKER).min(left);
            match self.call(candidate, request.clone(), Instant::now() + share).await {
                Ok(response) => match judge(&response) {
                    Ok(()) => {
                        self.prefer(candidate);
                        return Ok(response);
                    }
                    Err(cause) => causes.push(format!("{candidate}: {cause}")),
                },
                Err(error @ CallError::NoVersion(_)) => {
                    let (broker, cause) = (candidate.clone(), error.to_string());
                    return Err(KafkaError::Unsupported { broker, cause });
                }
                Err(CallError::Denied(cause)) => {
                    let broker = candidate.clone();
                    denied.get_or_insert(KafkaError::Denied { broker, cause });
                }
                Err(error) => causes.push(format!("{candidate}: {error}")),
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        // Next time the first broker is tried last.
        let mut candidates = lock(&self.candidates);
        if !candidates.is_empty() {
            candidates.rotate_left(1);
        }
        drop(candidates);
        // Waiting for unavailable brokers would not change the others' refusal.
        Err(denied.unwrap_or_else(|| self.unreachable(causes.join("; "))))
    }

    /// Makes the broker that answered the first to try.
    fn prefer(&self, answered: &str) {
        let mut candidates = lock(&self.candidates);
        if let Some(place) = candidates.iter().position(|candidate| candidate == answered) {
            candidates[..=place].rotate_right(1);
        }
    }

    /// The brokers to try: the one that answered last, then the configured ones, then those in the
    /// metadata.
    ///
    /// Returns the brokers' addresses by node id.
    fn remember(&self, response: &MetadataResponse) -> HashMap<i32, String> {
        let mut candidates = lock(&self.candidates);
        let named = response.brokers.iter().map(|broker| address(&broker.host, broker.port));
        let answered: Vec<String> = candidates.first().cloned().into_iter().collect();
        let all = answered.into_iter().chain(self.settings.brokers.iter().cloned()).chain(named);
        let mut seen = Vec::new();
        for candidate in all {
            if !seen.contains(&candidate) {
                seen.push(candidate);
            }
        }
        *candidates = seen;
        let brokers = response.brokers.iter();
        brokers.map(|broker| (broker.node_id.0, address(&broker.host, broker.port))).collect()
    }

    pub(in crate::kafka) fn unreachable(&self, cause: String) -> KafkaError {
        KafkaError::Unreachable { brokers: self.settings.brokers.join(", "), cause }
    }
}

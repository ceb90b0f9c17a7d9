//! Fetches, one task and one connection a broker, for all partitions that it leads.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use kafka_protocol::{
    ResponseError,
    messages::{
        FetchRequest, FetchResponse, MetadataResponse, TopicName,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
        metadata_response::MetadataResponseTopic,
    },
};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use crate::kafka::{
    Settings, TopicPartition,
    cluster::{about, topic_name},
    fetch::{
        memory::Memory,
        subscription::{Loss, Ready, Subscription, Waiting, Whole, await_room},
    },
    transport::{
        access::Access,
        connection::{CallError, Connection},
    },
};

/// How long a broker may wait for records to come.
const LONG_POLL: Duration = Duration::from_millis(500);
/// The same while more partitions are just being subscribed, which the running poll doesn't cover.
const POLL_WHILE_SETTLING: Duration = Duration::from_millis(50);
/// How long partitions keep coming after one did, as they do when an assignment changes.
const SETTLING: Duration = Duration::from_secs(1);
/// The same while a partition has no room: it must not wait out the others' poll once it has.
const POLL_WHILE_HELD_BACK: Duration = Duration::from_millis(10);
/// All partitions of a response together, unless one may have more by itself.
const RESPONSE_BYTES: usize = 16 << 20;
/// A connection unused for this long is replaced before use: who knows what closed it meanwhile.
const STALE_AFTER: Duration = Duration::from_secs(60);
/// A fetcher without partitions keeps its connection for this long.
const IDLE_FOR: Duration = Duration::from_secs(10);

/// The fetchers of one Kafka, by their broker's address.
pub(in crate::kafka) struct Fetchers {
    limits: Limits,
    inboxes: Mutex<HashMap<String, Arc<Inbox>>>,
}

#[derive(Clone)]
struct Limits {
    access: Arc<Access>,
    memory: Arc<Memory>,
    /// Bytes of one partition in one fetch.
    partition_bytes: usize,
    timeout: Duration,
}

#[derive(Default)]
struct Inbox {
    /// `None` once the fetcher has ended.
    waiting: Mutex<Option<Vec<Subscription>>>,
    arrived: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fetchers {
    pub(in crate::kafka) fn new(
        settings: &Settings,
        access: Arc<Access>,
        memory: Arc<Memory>,
    ) -> Self {
        let limits = Limits {
            access,
            memory,
            partition_bytes: usize::try_from(settings.fetch_max_bytes).unwrap_or(0).max(1),
            timeout: settings.timeout,
        };
        Self { limits, inboxes: Mutex::default() }
    }

    /// Hands `subscription` to the fetcher of the broker at `address`, starting one if need be.
    pub(in crate::kafka) fn subscribe(&self, address: &str, subscription: Subscription) {
        let mut inboxes = lock(&self.inboxes);
        inboxes.retain(|_, inbox| lock(&inbox.waiting).is_some());
        if let Some(inbox) = inboxes.get(address)
            && let Some(waiting) = &mut *lock(&inbox.waiting)
        {
            waiting.push(subscription);
            inbox.arrived.notify_one();
            return;
        }
        let inbox = Arc::new(Inbox {
            waiting: Mutex::new(Some(vec![subscription])),
            arrived: Notify::new(),
        });
        inboxes.insert(address.to_owned(), Arc::clone(&inbox));
        drop(inboxes);
        tokio::spawn(Fetcher::new(address.to_owned(), self.limits.clone(), inbox).run());
    }
}

struct Fetcher {
    address: String,
    limits: Limits,
    inbox: Arc<Inbox>,
    connection: Option<(Connection, Instant)>,
    ready: VecDeque<Ready>,
    held_back: FuturesUnordered<Waiting>,
    last_arrival: Instant,
}

/// However a fetcher ends, a panic included, nobody is to wait at its inbox any longer.
impl Drop for Fetcher {
    fn drop(&mut self) {
        *lock(&self.inbox.waiting) = None;
    }
}

impl Fetcher {
    fn new(address: String, limits: Limits, inbox: Arc<Inbox>) -> Self {
        Self {
            address,
            limits,
            inbox,
            connection: None,
            ready: VecDeque::new(),
            held_back: FuturesUnordered::new(),
            last_arrival: Instant::now(),
        }
    }

    async fn run(mut self) {
        loop {
            self.admit();
            if !self.ready.is_empty() {
                if let Err(loss) = self.turn().await {
                    self.connection = None;
                    for ready in mem::take(&mut self.ready) {
                        ready.lose(loss.clone());
                    }
                }
            } else if !self.held_back.is_empty() {
                tokio::select! {
                    () = self.inbox.arrived.notified() => {}
                    Some(woken) = self.held_back.next() => self.ready.extend(woken),
                }
            } else if timeout(IDLE_FOR, self.inbox.arrived.notified()).await.is_err() {
                let mut waiting = lock(&self.inbox.waiting);
                if waiting.as_ref().is_none_or(Vec::is_empty) {
                    *waiting = None;
                    return;
                }
            }
        }
    }

    /// Takes in new subscriptions and those that have room again, drops those without a reader.
    fn admit(&mut self) {
        let arrived = lock(&self.inbox.waiting).as_mut().map(mem::take).unwrap_or_default();
        if !arrived.is_empty() {
            self.last_arrival = Instant::now();
        }
        for subscription in arrived {
            self.sort_in(subscription);
        }
        while let Some(Some(woken)) = self.held_back.next().now_or_never() {
            self.ready.extend(woken);
        }
        self.ready.retain(|ready| !ready.subscription.feed.is_closed());
    }

    fn sort_in(&mut self, subscription: Subscription) {
        if !subscription.account.has_room() {
            return self.held_back.push(Box::pin(await_room(subscription)));
        }
        match subscription.feed.clone().try_reserve_owned() {
            Ok(room) => self.ready.push_back(Ready { subscription, room }),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.held_back.push(Box::pin(await_room(subscription)));
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    /// Fetches once for all that have room.
    async fn turn(&mut self) -> Result<(), Loss> {
        let max_wait = if !self.held_back.is_empty() || self.has_twins() {
            POLL_WHILE_HELD_BACK
        } else if self.last_arrival.elapsed() < SETTLING {
            POLL_WHILE_SETTLING
        } else {
            LONG_POLL
        };
        let connection = self.connection().await?;
        let left = self.limits.memory.left().await;
        let limit = self.response_bytes(left);
        let request = self.request(max_wait, limit);
        let deadline = Instant::now() + max_wait + self.limits.timeout;
        let response = connection.call(request, deadline).await.map_err(|e| self.loss(&e))?;
        let doubtful = fetched_by_name(&response);
        let mut recreated = HashSet::new();
        if !doubtful.is_empty() {
            let answer = connection.call(about(&doubtful), deadline).await;
            recreated = self.recreated(&answer.map_err(|e| self.loss(&e))?);
        }
        self.connection = Some((connection, Instant::now()));
        if let Some(error) = ResponseError::try_from_code(response.error_code) {
            return Err(Loss::Connection(format!("{}: Fetch: {error}", self.address)));
        }
        let throttle = u64::try_from(response.throttle_time_ms).unwrap_or(0);
        self.distribute(response, &recreated, limit);
        if throttle > 0 {
            // The broker is silent for so long anyway (KIP-219).
            sleep(Duration::from_millis(throttle)).await;
        }
        Ok(())
    }

    async fn connection(&mut self) -> Result<Connection, Loss> {
        if let Some((connection, used)) = self.connection.take()
            && used.elapsed() < STALE_AFTER
            && connection.is_believed()
        {
            return Ok(connection);
        }
        let deadline = Instant::now() + self.limits.timeout;
        Connection::open(&self.address, &self.limits.access, deadline)
            .await
            .map_err(|error| self.loss(&error))
    }

    fn loss(&self, error: &CallError) -> Loss {
        let cause = format!("{}: {error}", self.address);
        match error {
            CallError::NoVersion(_) => Loss::NoVersion(cause),
            CallError::Denied(_) => Loss::Denied(cause),
            CallError::Late(_) | CallError::Broken(_) => Loss::Connection(cause),
        }
    }

    /// The topics that are read and were created anew, as the broker says now that gave their records.
    ///
    /// Records that came by a topic's name may be its namesake's. A broker learns of a topic before it
    /// opens that topic's log: so if, asked afterwards, it still names the one that was asked for,
    /// they are that one's. Where it has no topic ids (before version 10 of Metadata), it cannot say.
    fn recreated(&self, answer: &MetadataResponse) -> HashSet<Uuid> {
        let named = answer.topics.iter().filter_map(|topic| Some((topic.name.as_ref()?, topic)));
        let present: HashMap<&str, &MetadataResponseTopic> =
            named.map(|(name, topic)| (name.as_str(), topic)).collect();
        let is_another = |partition: &&TopicPartition| {
            present.get(&*partition.topic).is_some_and(|topic| {
                topic.error_code == ResponseError::UnknownTopicOrPartition.code()
                    || !topic.topic_id.is_nil() && !partition.is_of(topic.topic_id)
            })
        };
        let partitions = self.ready.iter().map(|ready| &ready.subscription.partition);
        partitions.filter(is_another).map(|partition| partition.topic_id).collect()
    }

    /// Whether one request can't ask for all.
    fn has_twins(&self) -> bool {
        let mut asked = Asked::default();
        !self.ready.iter().all(|ready| asked.takes(ready))
    }

    /// Bytes that the next response may have with `left` bytes of memory, unless its first record
    /// batch alone is larger.
    fn response_bytes(&self, left: usize) -> usize {
        let partition_bytes = self.limits.partition_bytes;
        let all = self.ready.len().saturating_mul(partition_bytes);
        all.min(RESPONSE_BYTES.max(partition_bytes)).min(left)
    }

    fn request(&self, max_wait: Duration, max_bytes: usize) -> FetchRequest {
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut asked = Asked::default();
        for ready @ Ready { subscription, .. } in &self.ready {
            if !asked.takes(ready) {
                continue;
            }
            let partition = FetchPartition::default()
                .with_partition(subscription.partition.partition)
                .with_current_leader_epoch(subscription.leader_epoch)
                .with_fetch_offset(subscription.position.next_offset.get())
                .with_last_fetched_epoch(subscription.position.leader_epoch.unwrap_or(-1))
                .with_partition_max_bytes(on_wire(
                    subscription.fetch_bytes(self.limits.partition_bytes),
                ));
            let id = subscription.partition.topic_id;
            match topics.iter_mut().find(|topic| topic.topic_id == id) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(
                    FetchTopic::default()
                        .with_topic(topic_name(&subscription.partition.topic))
                        .with_topic_id(id)
                        .with_partitions(vec![partition]),
                ),
            }
        }
        FetchRequest::default()
            .with_max_wait_ms(i32::try_from(max_wait.as_millis()).unwrap_or(i32::MAX))
            .with_min_bytes(1)
            .with_max_bytes(on_wire(max_bytes))
            .with_isolation_level(1)
            .with_session_epoch(-1)
            .with_topics(topics)
    }

    /// The answers by what was asked for; before version 13 of Fetch they have topics' names only.
    fn by_partition(&self, response: FetchResponse) -> HashMap<(Uuid, i32), PartitionData> {
        let mut asked = Asked::default();
        for ready in &self.ready {
            asked.takes(ready);
        }
        let mut answers = HashMap::new();
        for topic in response.responses {
            let id = asked.topics.get(topic.topic.as_str()).copied().unwrap_or(topic.topic_id);
            for answer in topic.partitions {
                answers.insert((id, answer.partition_index), answer);
            }
        }
        answers
    }

    fn distribute(&mut self, response: FetchResponse, recreated: &HashSet<Uuid>, limit: usize) {
        let throttled = response.throttle_time_ms > 0;
        let mut answers = self.by_partition(response);
        let total = answers.values().filter_map(|data| data.records.as_ref()).map(Bytes::len).sum();
        let whole = Whole { total, limit, partition_limit: self.limits.partition_bytes };
        let mut asked = Asked::default();
        let mut twins = Vec::new();
        for mut ready in mem::take(&mut self.ready) {
            let first = asked.partitions.is_empty();
            if !asked.takes(&ready) {
                twins.push(ready);
                continue;
            }
            let outcome = match answers.remove(&ready.key()) {
                Some(_) if recreated.contains(&ready.subscription.partition.topic_id) => {
                    Err(Loss::Error(ResponseError::InconsistentTopicId))
                }
                Some(data) => ready.take_in(data, whole, first),
                // A broker that throttles us may answer with nothing at all.
                None if throttled => Ok(None),
                None => Err(Loss::Connection(format!("{}: no answer for it", self.address))),
            };
            match outcome {
                // Who got nothing keeps its place, who got something goes to the end: a response
                // that is full serves the first ones.
                Ok(None) => self.ready.push_back(ready),
                Ok(Some(chunk)) => {
                    if let Some(subscription) = ready.deliver(chunk) {
                        self.sort_in(subscription);
                    }
                }
                Err(loss) => ready.lose(loss),
            }
        }
        for twin in twins {
            self.ready.push_front(twin);
        }
    }
}

/// The topics of which records came by their names (before version 13 of Fetch).
fn fetched_by_name(response: &FetchResponse) -> Vec<TopicName> {
    let has_records =
        |data: &PartitionData| data.records.as_ref().is_some_and(|records| !records.is_empty());
    let topics = response
        .responses
        .iter()
        .filter(|topic| !topic.topic.is_empty() && topic.partitions.iter().any(has_records));
    topics.map(|topic| topic.topic.clone()).collect()
}

/// What one request asks for, in the order in which it does.
///
/// A partition that somebody reads twice is asked for once: the broker would answer once, and from one
/// of both positions. Of two topics of one name, one deleted and one created anew, only one is asked
/// for: by name, a broker could not tell them apart.
#[derive(Default)]
struct Asked {
    topics: HashMap<Arc<str>, Uuid>,
    partitions: HashSet<(Uuid, i32)>,
}

impl Asked {
    /// Whether `ready` is asked for too.
    fn takes(&mut self, ready: &Ready) -> bool {
        let TopicPartition { topic, topic_id, .. } = &ready.subscription.partition;
        let id = self.topics.entry(Arc::clone(topic)).or_insert(*topic_id);
        id == topic_id && self.partitions.insert(ready.key())
    }
}

/// A number of bytes as requests have it. With a limit of 0 a broker would not wait for records to
/// come.
fn on_wire(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX).max(1)
}

//! Fetches records: one task and one connection per broker, for all partitions that it leads.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use kafka_protocol::{ResponseError, messages::FetchResponse};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use crate::kafka::{
    cluster::metadata::about,
    fetch::{
        memory::Memory,
        request::{self, Included},
        subscription::{Loss, Ready, Subscription, Waiting, Whole, await_room},
    },
    settings::Settings,
    transport::{access::Access, connection::Connection, error::CallError},
};

/// How long a broker may wait for new records.
const LONG_POLL: Duration = Duration::from_millis(500);
/// The same while further partitions are being subscribed, since the current poll does not include
/// them.
const POLL_WHILE_SETTLING: Duration = Duration::from_millis(50);
/// How long further subscriptions are expected after one, as after a change of assignment.
const SETTLING: Duration = Duration::from_secs(1);
/// The same while a partition has no room: it must not wait for the others' poll when it has room
/// again.
const POLL_WHILE_HELD_BACK: Duration = Duration::from_millis(10);
/// The maximum size of a response, unless a single partition may have more.
const RESPONSE_BYTES: usize = 16 << 20;
/// A connection that was idle for this long is replaced before use, since it may have been closed.
const STALE_AFTER: Duration = Duration::from_secs(60);
/// How long a fetcher without partitions keeps its connection.
const IDLE_FOR: Duration = Duration::from_secs(10);

/// The fetchers of a cluster, by broker address.
pub(in crate::kafka) struct Fetchers {
    limits: Limits,
    inboxes: Mutex<HashMap<String, Arc<Inbox>>>,
}

#[derive(Clone)]
struct Limits {
    access: Arc<Access>,
    memory: Arc<Memory>,
    /// The maximum bytes of a partition per fetch.
    partition_bytes: usize,
    timeout: Duration,
}

#[derive(Default)]
struct Inbox {
    /// `None` after the fetcher has ended.
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

    /// Passes `subscription` to the fetcher of the broker at `address`; starts one if there is none.
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

/// Closes the inbox however the fetcher ends, including by a panic.
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

    /// Accepts new subscriptions and those with room again, and drops those without a reader.
    fn admit(&mut self) {
        let arrived = lock(&self.inbox.waiting).as_mut().map(mem::take).unwrap_or_default();
        if !arrived.is_empty() {
            self.last_arrival = Instant::now();
        }
        for subscription in arrived {
            self.enqueue(subscription);
        }
        while let Some(Some(woken)) = self.held_back.next().now_or_never() {
            self.ready.extend(woken);
        }
        self.ready.retain(|ready| !ready.subscription.feed.is_closed());
    }

    fn enqueue(&mut self, subscription: Subscription) {
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

    /// Fetches once for all subscriptions with room.
    async fn turn(&mut self) -> Result<(), Loss> {
        let max_wait = if !self.held_back.is_empty() || request::needs_several_requests(&self.ready)
        {
            POLL_WHILE_HELD_BACK
        } else if self.last_arrival.elapsed() < SETTLING {
            POLL_WHILE_SETTLING
        } else {
            LONG_POLL
        };
        let connection = self.connection().await?;
        let left = self.limits.memory.left().await;
        let limit = self.response_bytes(left);
        let partition_bytes = self.limits.partition_bytes;
        let request = request::request(&self.ready, partition_bytes, max_wait, limit);
        let deadline = Instant::now() + max_wait + self.limits.timeout;
        let response = connection.call(request, deadline).await.map_err(|e| self.loss(&e))?;
        let doubtful = request::fetched_by_name(&response);
        let mut recreated = HashSet::new();
        if !doubtful.is_empty() {
            let answer = connection.call(about(&doubtful), deadline).await;
            recreated = request::recreated(&self.ready, &answer.map_err(|e| self.loss(&e))?);
        }
        self.connection = Some((connection, Instant::now()));
        if let Some(error) = ResponseError::try_from_code(response.error_code) {
            return Err(Loss::Connection(format!("{}: Fetch: {error}", self.address)));
        }
        let throttle = u64::try_from(response.throttle_time_ms).unwrap_or(0);
        self.distribute(response, &recreated, limit);
        if throttle > 0 {
            // The broker does not read requests during this time anyway (KIP-219).
            sleep(Duration::from_millis(throttle)).await;
        }
        Ok(())
    }

    async fn connection(&mut self) -> Result<Connection, Loss> {
        if let Some((connection, used)) = self.connection.take()
            && used.elapsed() < STALE_AFTER
            && connection.is_authenticated()
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
            CallError::Timeout(_) | CallError::Broken(_) => Loss::Connection(cause),
        }
    }

    /// The maximum size of the next response with `left` bytes of memory, unless its first record
    /// batch is larger.
    fn response_bytes(&self, left: usize) -> usize {
        let partition_bytes = self.limits.partition_bytes;
        let all = self.ready.len().saturating_mul(partition_bytes);
        all.min(RESPONSE_BYTES.max(partition_bytes)).min(left)
    }

    fn distribute(&mut self, response: FetchResponse, recreated: &HashSet<Uuid>, limit: usize) {
        let throttled = response.throttle_time_ms > 0;
        let mut answers = request::by_partition(&self.ready, response);
        let total = answers.values().filter_map(|data| data.records.as_ref()).map(Bytes::len).sum();
        let whole = Whole { total, limit, partition_limit: self.limits.partition_bytes };
        let mut included = Included::default();
        let mut deferred = Vec::new();
        for mut ready in mem::take(&mut self.ready) {
            let first = included.is_empty();
            if !included.add(&ready) {
                deferred.push(ready);
                continue;
            }
            let outcome = match answers.remove(&ready.key()) {
                Some(_) if recreated.contains(&ready.subscription.partition.topic_id) => {
                    Err(Loss::Error(ResponseError::InconsistentTopicId))
                }
                Some(data) => ready.accept(data, whole, first),
                // A broker that throttles this client may return an empty response.
                None if throttled => Ok(None),
                None => Err(Loss::Connection(format!("{}: missing in the response", self.address))),
            };
            match outcome {
                // Partitions without records keep their place, the others move to the end: a full
                // response serves the first ones.
                Ok(None) => self.ready.push_back(ready),
                Ok(Some(chunk)) => {
                    if let Some(subscription) = ready.deliver(chunk) {
                        self.enqueue(subscription);
                    }
                }
                Err(loss) => ready.lose(loss),
            }
        }
        for twin in deferred {
            self.ready.push_front(twin);
        }
    }
}

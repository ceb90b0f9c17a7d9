//! The counters and states of a run. Workers update them; [`http`](crate::http) and the commands read
//! them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use prometheus_client::metrics::{counter::Counter, histogram::Histogram};

use crate::{
    kafka::{NextOffset, TopicPartition},
    order::{Reason, Unmapped},
    outage::{Ongoing, Outage},
    tally::Tally,
};

/// Buckets from a single record to the maximum of `pipeline.commit_records`.
const BATCH_RECORDS: [f64; 13] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0];

/// Buckets from the latency of an idle server to `database.statement_timeout`.
const COMMIT_SECONDS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The telemetry of a run. Counting takes a few atomic additions per batch.
#[derive(Debug)]
pub struct Telemetry {
    /// Committed records with orders, including cancelled ones.
    pub order_records: Counter,
    /// Committed orders without cancelled ones. A record can contain several.
    pub orders: Counter,
    /// Cancelled orders.
    pub cancelled: Counter,
    /// Records that the mapping ignores.
    pub ignored: Counter,
    /// Orders whose record has a field of each of [`Unmapped::KINDS`] that the mapping does not read.
    pub unmapped: [Counter; Unmapped::KINDS.len()],
    /// Committed dead letters, by reason.
    pub dead_letters: BTreeMap<Reason, Counter>,
    /// Records per committed statement, of one or several batches.
    pub batch_records: Histogram,
    /// The time from sending such a statement to PostgreSQL to its commit.
    pub commit_seconds: Histogram,
    /// Statements that failed to insert orders because one already existed.
    pub failed_inserts: Counter,
    /// Data losses in Kafka after which processing continued.
    pub data_losses: Counter,
    /// PostgreSQL's outages, as reported by workers.
    pub postgres: Arc<Outage>,
    /// Kafka's outages, as reported by requests for topics and offsets.
    pub kafka: Arc<Outage>,
    /// Outages of the consumer group.
    pub group: Arc<Outage>,
    /// The schema registry's outages, as reported by partitions that wait for a schema.
    pub registry: Arc<Outage>,
    /// Missing topics.
    pub topic: Arc<Outage>,
    begun: AtomicBool,
    batches: AtomicU64,
    partitions: Mutex<BTreeMap<TopicPartition, Arc<Partition>>>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            order_records: Counter::default(),
            orders: Counter::default(),
            cancelled: Counter::default(),
            ignored: Counter::default(),
            unmapped: Default::default(),
            dead_letters: Reason::ALL.iter().map(|reason| (*reason, Counter::default())).collect(),
            batch_records: Histogram::new(BATCH_RECORDS),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            failed_inserts: Counter::default(),
            data_losses: Counter::default(),
            postgres: Arc::new(Outage::new("PostgreSQL")),
            kafka: Arc::new(Outage::new("Kafka")),
            group: Arc::new(Outage::new("Kafka group")),
            registry: Arc::new(Outage::new("schema registry")),
            topic: Arc::new(Outage::new("Kafka topic")),
            begun: AtomicBool::new(false),
            batches: AtomicU64::new(0),
            partitions: Mutex::default(),
        }
    }
}

impl Telemetry {
    /// Counts a committed batch.
    pub(crate) fn committed(&self, tally: &Tally, took: Duration) {
        let Tally { records, orders, cancelled, ignored, dead_letters, unmapped } = *tally;
        self.order_records.inc_by(records - ignored - dead_letters);
        self.orders.inc_by(orders);
        self.cancelled.inc_by(cancelled);
        self.ignored.inc_by(ignored);
        for (counter, orders) in self.unmapped.iter().zip(unmapped) {
            counter.inc_by(orders);
        }
        self.batch_records.observe(f64::from(u32::try_from(records).unwrap_or(u32::MAX)));
        self.commit_seconds.observe(took.as_secs_f64());
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of committed batches.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Counts a dead letter.
    pub(crate) fn dead_letter(&self, reason: Reason) {
        if let Some(counter) = self.dead_letters.get(&reason) {
            counter.inc();
        }
    }

    /// Sets the first assignment of this instance.
    pub(crate) fn begin(&self, owned: &[TopicPartition]) {
        self.assign(owned);
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Whether the assignment of this instance is known.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Replaces the assignment of this instance.
    pub(crate) fn assign(&self, owned: &[TopicPartition]) {
        let owned: BTreeSet<_> = owned.iter().collect();
        let mut partitions = self.lock();
        partitions.retain(|partition, _| owned.contains(partition));
        for partition in owned {
            if !partitions.contains_key(partition) {
                partitions.insert(partition.clone(), Arc::default());
            }
        }
    }

    /// The telemetry of a partition.
    pub(crate) fn partition(&self, partition: &TopicPartition) -> Arc<Partition> {
        Arc::clone(self.lock().entry(partition.clone()).or_default())
    }

    /// The assigned partitions, in order of their names.
    pub fn partitions(&self) -> Vec<(TopicPartition, Arc<Partition>)> {
        let partitions = self.lock();
        partitions.iter().map(|(name, partition)| (name.clone(), Arc::clone(partition))).collect()
    }

    /// The lag of all assigned partitions, as far as known.
    pub fn lag(&self) -> i64 {
        self.partitions().iter().filter_map(|(_, partition)| partition.lag()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Arc<Partition>>> {
        // No update under this lock can stop halfway, so poisoning is ignored.
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The activity of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Activity {
    /// It is assigned, and its offset is being read.
    Starting,
    /// It is processed, or waits for records or during an outage of a server.
    Working,
    /// It retries an operation until the operator corrects something.
    Paused,
    /// It is not processed until the operator resets its offset.
    Halted,
}

impl Activity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Starting, Self::Working, Self::Paused, Self::Halted];

    /// Its name in metrics and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Paused => "paused",
            Self::Halted => "halted",
        }
    }
}

/// Represents an unknown offset; Kafka never assigns it.
const UNKNOWN: i64 = -1;

/// The telemetry of a partition.
#[derive(Debug)]
pub struct Partition {
    next_offset: AtomicI64,
    log_end: AtomicI64,
    /// The partition's own trouble, as opposed to an outage of a server.
    pub trouble: Outage,
    halt: Mutex<Option<Ongoing>>,
}

impl Default for Partition {
    fn default() -> Self {
        Self {
            next_offset: AtomicI64::new(UNKNOWN),
            log_end: AtomicI64::new(UNKNOWN),
            trouble: Outage::new("partition"),
            halt: Mutex::default(),
        }
    }
}

impl Partition {
    /// It is processed from `next_offset` on.
    pub(crate) fn started(&self, next_offset: NextOffset) {
        self.moved(next_offset);
        *self.halt() = None;
    }

    /// Its next offset is now `next_offset`.
    pub(crate) fn moved(&self, next_offset: NextOffset) {
        self.next_offset.store(next_offset.get(), Ordering::Relaxed);
    }

    /// It is halted.
    pub(crate) fn halted(&self, next_offset: NextOffset, why: String) {
        self.moved(next_offset);
        *self.halt() = Some(Ongoing { since: Timestamp::now(), error: why });
    }

    /// Sets the end of its log (the last stable offset).
    pub fn ends_at(&self, end: NextOffset) {
        self.log_end.store(end.get(), Ordering::Relaxed);
    }

    /// Offsets from the next offset to the last known log end; `None` until both are known.
    pub fn lag(&self) -> Option<i64> {
        let [next, end] = [&self.next_offset, &self.log_end]
            .map(|offset| NextOffset::new(offset.load(Ordering::Relaxed)));
        Some(next?.lag(end?))
    }

    /// Its activity, and the trouble if it is not processed.
    pub fn activity(&self) -> (Activity, Option<Ongoing>) {
        if let Some(halt) = self.halt().clone() {
            return (Activity::Halted, Some(halt));
        }
        if let Some(trouble) = self.trouble.ongoing() {
            return (Activity::Paused, Some(trouble));
        }
        let started = self.next_offset.load(Ordering::Relaxed) != UNKNOWN;
        (if started { Activity::Working } else { Activity::Starting }, None)
    }

    fn halt(&self) -> MutexGuard<'_, Option<Ongoing>> {
        self.halt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition { topic: "t".into(), partition: number, topic_id: uuid::Uuid::nil() }
    }

    #[test]
    fn a_partition_is_starting_then_processed_then_halted_and_processed_again() {
        let next = NextOffset::new(5).unwrap();
        let partition = Partition::default();
        assert_eq!((partition.activity().0, partition.lag()), (Activity::Starting, None));
        partition.started(next);
        partition.ends_at(NextOffset::new(12).unwrap());
        assert_eq!((partition.activity().0, partition.lag()), (Activity::Working, Some(7)));
        partition.halted(next, "lost".to_owned());
        let (activity, why) = partition.activity();
        assert_eq!((activity, why.unwrap().error), (Activity::Halted, "lost".to_owned()));
        partition.started(next);
        assert_eq!(partition.activity(), (Activity::Working, None));
    }

    #[test]
    fn the_state_of_a_partition_is_dropped_with_its_assignment() {
        let telemetry = Telemetry::default();
        telemetry.assign(&[partition(0), partition(1)]);
        telemetry.partition(&partition(1)).started(NextOffset::new(5).unwrap());
        telemetry.assign(&[partition(1), partition(2)]);
        let now: Vec<_> = telemetry.partitions();
        assert_eq!(now.iter().map(|(name, _)| name.partition).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(
            now.iter().map(|(_, partition)| partition.activity().0).collect::<Vec<_>>(),
            [Activity::Working, Activity::Starting]
        );
    }
}

//! What a run tells of itself while it works: counted and noted where it happens, for whoever
//! watches. Nobody here knows who that is.

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
    pipeline::Tally,
};

/// From a single order to the most that `pipeline.commit_records` allows.
const BATCH_RECORDS: [f64; 13] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0];

/// From what an idle server takes to `database.statement_timeout`.
const COMMIT_SECONDS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// What one run tells. Counting costs a few atomic additions a batch.
#[derive(Debug)]
pub struct Telemetry {
    /// Records that came to orders, cancelled ones too, and were committed.
    pub order_records: Counter,
    /// Orders that were committed, several of a record each by itself; without cancelled ones.
    pub orders: Counter,
    /// Orders that were cancelled.
    pub cancelled: Counter,
    /// Records that were ignored, as the mapping says.
    pub ignored: Counter,
    /// Orders whose record names a field of each of [`Unmapped::KINDS`] that no role takes up.
    pub unmapped: [Counter; Unmapped::KINDS.len()],
    /// Records that became dead letters and were committed, for each reason there is.
    pub dead_letters: BTreeMap<Reason, Counter>,
    /// Records that one statement committed, of one batch or of several.
    pub batch_records: Histogram,
    /// How long such a statement took from being sent to PostgreSQL until it was committed.
    pub commit_seconds: Histogram,
    /// Statements that were to insert orders, and failed since one was there already.
    pub failed_inserts: Counter,
    /// How often something was lost in Kafka, and passed over.
    pub data_losses: Counter,
    /// PostgreSQL's outages, as those see them who work with it.
    pub postgres: Arc<Outage>,
    /// Those of Kafka, as those see them who ask about topics and offsets.
    pub kafka: Arc<Outage>,
    /// Those of the consumer group.
    pub group: Arc<Outage>,
    /// Those of the schema registry, as those see them who wait for a schema.
    pub registry: Arc<Outage>,
    /// That a topic is missing.
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
    /// Counts a batch that was committed.
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

    /// How many batches were committed.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Counts a dead letter.
    pub(crate) fn dead_letter(&self, reason: Reason) {
        if let Some(counter) = self.dead_letters.get(&reason) {
            counter.inc();
        }
    }

    /// From now on it is known which partitions are this instance's: these.
    pub(crate) fn begin(&self, owned: &[TopicPartition]) {
        self.assign(owned);
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Whether it is known which partitions are this instance's.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// These partitions are this instance's, and no others.
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

    /// Where that partition tells of itself.
    pub(crate) fn partition(&self, partition: &TopicPartition) -> Arc<Partition> {
        Arc::clone(self.lock().entry(partition.clone()).or_default())
    }

    /// The partitions that are this instance's, in the order of their names.
    pub fn partitions(&self) -> Vec<(TopicPartition, Arc<Partition>)> {
        let partitions = self.lock();
        partitions.iter().map(|(name, partition)| (name.clone(), Arc::clone(partition))).collect()
    }

    /// Offsets of all these partitions that are not yet accounted for, as far as that is known.
    pub fn lag(&self) -> i64 {
        self.partitions().iter().filter_map(|(_, partition)| partition.lag()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Arc<Partition>>> {
        // Nothing can be left half done under this lock, so a poisoned one is as good.
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a partition is worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Activity {
    /// It is assigned, and where it goes on is being found out.
    Starting,
    /// It is worked, or waits for records or for a server that all wait for.
    Working,
    /// It tries again and again what a person has to put right.
    Paused,
    /// It is worked no further until a person decides.
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

/// Stands for an offset that is not known yet; Kafka never assigns it.
const UNKNOWN: i64 = -1;

/// What is told of one partition.
#[derive(Debug)]
pub struct Partition {
    next_offset: AtomicI64,
    log_end: AtomicI64,
    /// Its own trouble, as opposed to a server's that all share.
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
    /// It is worked from `next_offset` on.
    pub(crate) fn at_work(&self, next_offset: NextOffset) {
        self.moved(next_offset);
        *self.halt() = None;
    }

    /// It goes on at `next_offset`.
    pub(crate) fn moved(&self, next_offset: NextOffset) {
        self.next_offset.store(next_offset.get(), Ordering::Relaxed);
    }

    /// It is worked no further.
    pub(crate) fn halted(&self, next_offset: NextOffset, why: String) {
        self.moved(next_offset);
        *self.halt() = Some(Ongoing { since: Timestamp::now(), error: why });
    }

    /// Its log ends there (the last stable offset).
    pub fn ends_at(&self, end: NextOffset) {
        self.log_end.store(end.get(), Ordering::Relaxed);
    }

    /// Offsets from the next one to the log's end, as last heard of it; `None` until it is known.
    pub fn lag(&self) -> Option<i64> {
        let [next, end] = [&self.next_offset, &self.log_end]
            .map(|offset| NextOffset::new(offset.load(Ordering::Relaxed)));
        Some(next?.lag(end?))
    }

    /// Whether it is worked, and what is wrong where it is not.
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
    fn a_partition_is_starting_then_worked_then_halted_and_worked_again() {
        let next = NextOffset::new(5).unwrap();
        let told = Partition::default();
        assert_eq!((told.activity().0, told.lag()), (Activity::Starting, None));
        told.at_work(next);
        told.ends_at(NextOffset::new(12).unwrap());
        assert_eq!((told.activity().0, told.lag()), (Activity::Working, Some(7)));
        told.halted(next, "lost".to_owned());
        let (activity, why) = told.activity();
        assert_eq!((activity, why.unwrap().error), (Activity::Halted, "lost".to_owned()));
        told.at_work(next);
        assert_eq!(told.activity(), (Activity::Working, None));
    }

    #[test]
    fn what_is_known_of_a_partition_goes_with_its_assignment() {
        let telemetry = Telemetry::default();
        telemetry.assign(&[partition(0), partition(1)]);
        telemetry.partition(&partition(1)).at_work(NextOffset::new(5).unwrap());
        telemetry.assign(&[partition(1), partition(2)]);
        let now: Vec<_> = telemetry.partitions();
        assert_eq!(now.iter().map(|(name, _)| name.partition).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(
            now.iter().map(|(_, told)| told.activity().0).collect::<Vec<_>>(),
            [Activity::Working, Activity::Starting]
        );
    }
}

//! Moves batches from Kafka to PostgreSQL, with one worker per partition, from start to orderly
//! shutdown.

mod begun;
mod fold;
mod letters;
mod member;
mod prepare;
mod retry;
mod schemas;
mod start;
mod tally;
mod topics;
mod unmapped;
mod worker;
mod workers;

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::error;

use crate::{
    config::{Config, OnDeadLetter, Pipeline},
    kafka::{GroupError, GroupSettings, Kafka, KafkaError, NextOffset, ReadError, TopicPartition},
    order::Rulebook,
    outage::Outage,
    process::{Cut, ProcessedBatch},
    registry::Registry,
    store::{Cause, Store, StoreError},
    telemetry::Telemetry,
};

pub use tally::Tally;

use begun::Begun;
use fold::fold_periodically;
use letters::DeadLetterLog;
use member::Membership;
use retry::{Stopped, persist};
use schemas::SchemaSource;
use start::Starts;
use topics::{Topics, Wanted};
use unmapped::Warnings;
use workers::Workers;

/// The servers that a run uses. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Servers {
    /// The source of the records.
    pub kafka: Kafka,
    /// The destination of the orders.
    pub store: Store,
    /// The schema registry, if configured.
    pub registry: Option<Registry>,
}

/// When a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When it is told to stop.
    Stopped,
    /// When all records that were in the topics at the start are committed.
    End,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A non-transient error of Kafka.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// A non-transient error of the consumer group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The group in `kafka.start_from` has no committed offsets.
    #[error(
        "the consumer group {0} has no committed offsets for these topics: check its name, or set \
         kafka.start_from to \"earliest\" or \"latest\""
    )]
    NothingCommitted(Arc<str>),
    /// A non-transient error of PostgreSQL.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A topic does not exist, so the run has no defined end.
    #[error("topic {0} does not exist: create it, or set kafka.topics")]
    NoSuchTopic(Arc<str>),
    /// Told to stop before reaching the end.
    #[error(
        "interrupted before reaching the end of the topics: committed batches are kept, the \
             next run continues from there"
    )]
    StoppedEarly,
    /// Partitions that need an operator's decision.
    #[error("{} halted: {}", count(.0.len()), join(.0))]
    Halted(Vec<Halt>),
    /// A worker panicked or ended unexpectedly.
    #[error("a partition's worker failed: report it as a defect")]
    WorkerFailed,
}

fn count(partitions: usize) -> String {
    if partitions == 1 { "1 partition".to_owned() } else { format!("{partitions} partitions") }
}

fn join(halts: &[Halt]) -> String {
    halts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why the processing of a partition is halted until an operator decides.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Halt {
    /// The partition's log cannot be read any further.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The offset that PostgreSQL holds belongs to another topic of the same name.
    #[error(
        "the offset of {0} in PostgreSQL, {1}, belongs to a deleted topic: its records from there \
         on were not read; `vendas offsets reset --topics {topic} --partition {number} --to \
         earliest --because …` starts the new topic",
        topic = .0.topic, number = .0.partition
    )]
    OtherTopic(TopicPartition, NextOffset),
    /// PostgreSQL has lost the offset, and possibly other data.
    #[error(
        "the offset of {0} is missing from PostgreSQL, it was {1}: if nothing else is missing \
         there, `vendas offsets reset --topics {topic} --partition {number} --to {1} --because …` \
         restores it",
        topic = .0.topic, number = .0.partition
    )]
    NoOffset(TopicPartition, NextOffset),
    /// A record is not a valid order, and `pipeline.on_dead_letter` is `halt`.
    #[error(
        "the record of {partition} at offset {offset} is not a valid order ({why}), and \
         pipeline.on_dead_letter is \"halt\": fix the cause (the mapping or vocabulary, a table \
         constraint), or set pipeline.on_dead_letter to \"record\", or skip the record (`vendas \
         offsets reset --topics {topic} --partition {number} --to {next} --because …`), then \
         restart",
        topic = partition.topic,
        number = partition.partition,
        next = offset.saturating_add(1)
    )]
    DeadLetter {
        /// The partition.
        partition: TopicPartition,
        /// The record's offset, equal to the partition's next offset.
        offset: i64,
        /// The reason and place of the rejection, without values of the record.
        why: String,
    },
    /// The log ends before the offset stored in PostgreSQL: Kafka has lost records.
    #[error(
        "the offset of {partition} in PostgreSQL is {next_offset}, but its log ends at {end}: the \
         records read in [{end}, {next_offset}) are no longer in Kafka; `vendas offsets reset \
         --topics {topic} --partition {number} --to {end} --because …` continues at the end of the \
         log",
        topic = .partition.topic, number = .partition.partition
    )]
    BeyondEnd {
        /// The partition.
        partition: TopicPartition,
        /// The offset to continue from.
        next_offset: NextOffset,
        /// Where its log ends (the last stable offset, which normally never decreases).
        end: NextOffset,
    },
}

impl Halt {
    /// The offset to continue from after skipping lost data; `None` for other causes.
    const fn offset_after_loss(&self) -> Option<NextOffset> {
        match self {
            Self::Read(ReadError::OutOfRange { next_offset, log_start, log_end, .. }) => {
                Some(if next_offset.get() < log_start.get() { *log_start } else { *log_end })
            }
            Self::Read(ReadError::Truncated { from, .. }) => Some(*from),
            Self::BeyondEnd { end, .. } => Some(*end),
            _ => None,
        }
    }
}

/// State shared by all workers.
struct Shared {
    kafka: Kafka,
    store: Store,
    rules: Arc<Rulebook>,
    settings: Pipeline,
    postgres: Arc<Outage>,
    kafka_outage: Arc<Outage>,
    telemetry: Arc<Telemetry>,
    dead_letter_log: Arc<DeadLetterLog>,
    unmapped: Warnings,
    schemas: SchemaSource,
    begun: Begun,
}

impl Shared {
    /// Splits a batch into the part to commit and the reason to halt after it, if any. `cause` is
    /// that of the first order that the database rejected; the rejection itself would quote the
    /// row.
    fn until_halt(
        &self,
        batch: ProcessedBatch,
        cause: Option<&Cause>,
    ) -> (Option<ProcessedBatch>, Option<Halt>) {
        if self.settings.on_dead_letter == OnDeadLetter::Record {
            return (Some(batch), None);
        }
        let partition = batch.partition().clone();
        match batch.until_dead_letter() {
            Ok(batch) => (Some(batch), None),
            Err(cut) => {
                let Cut { before, offset, rejection } = *cut;
                let why = match cause {
                    Some(cause) => format!("{}: {cause}", rejection.reason()),
                    None => rejection.to_string(),
                };
                (before, Some(Halt::DeadLetter { partition, offset, why }))
            }
        }
    }
}

impl Shared {
    /// Skips lost data and logs that. Returns whether the partition's next offset was still `from`.
    async fn skip_lost_data(
        &self,
        partition: &TopicPartition,
        from: NextOffset,
        to: (uuid::Uuid, NextOffset),
        halt: &Halt,
    ) -> Result<bool, StoreError> {
        let moved = self.store.skip_lost_data(partition, from, to, &halt.to_string()).await?;
        if moved {
            self.telemetry.data_losses.inc();
            error!(
                error = %halt,
                next_offset = %to.1,
                "data loss: skipping the lost records, as set by pipeline.on_data_loss"
            );
        }
        Ok(moved)
    }
}

/// How much longer the group waits for revoked partitions than this instance needs to release them.
const REBALANCE_MARGIN: Duration = Duration::from_secs(5);

/// Processes the configured topics, or the partitions assigned to this instance, until `until`, or
/// until `stop` is cancelled. Then waits for the batches in flight for at most
/// `pipeline.shutdown_timeout`.
///
/// Waits while Kafka or PostgreSQL is unreachable. Reports its state to `telemetry`.
///
/// # Errors
/// [`RunError`]. No error causes lost or duplicate processing.
pub async fn run(
    config: &Config,
    servers: Servers,
    telemetry: Arc<Telemetry>,
    until: Until,
    stop: &CancellationToken,
) -> Result<Tally, RunError> {
    let Servers { kafka, store, registry } = servers;
    let prepare = || async {
        store.prepare_schema(config.apply_schema).await?;
        store.sales_bounds().await
    };
    let tally = match persist(stop, &telemetry.postgres, prepare).await? {
        Ok(bounds) => {
            let shared = Arc::new(Shared {
                kafka,
                store,
                rules: Arc::new(config.rules.within(bounds)),
                settings: config.pipeline,
                postgres: Arc::clone(&telemetry.postgres),
                kafka_outage: Arc::clone(&telemetry.kafka),
                schemas: SchemaSource::new(registry, Arc::clone(&telemetry.registry)),
                telemetry,
                dead_letter_log: Arc::default(),
                unmapped: Warnings::default(),
                begun: Begun::default(),
            });
            let letters = Arc::clone(&shared.dead_letter_log);
            let logging =
                AbortOnDropHandle::new(tokio::spawn(Arc::clone(&letters).end_intervals()));
            let worked = work(config, until, stop, shared).await;
            drop(logging);
            letters.end_interval();
            worked?
        }
        Err(Stopped) => Tally::default(),
    };
    match until {
        Until::End if stop.is_cancelled() => Err(RunError::StoppedEarly),
        Until::End | Until::Stopped => Ok(tally),
    }
}

async fn work(
    config: &Config,
    until: Until,
    stop: &CancellationToken,
    shared: Arc<Shared>,
) -> Result<Tally, RunError> {
    let folding = AbortOnDropHandle::new(tokio::spawn(fold_periodically(
        shared.store.clone(),
        stop.child_token(),
    )));
    let topics = Topics::new(Arc::clone(&shared), config);
    let starts = Starts::new(Arc::clone(&shared), until);
    let Ok(present) = topics.first(until, stop).await? else {
        return Ok(Tally::default());
    };
    // For all partitions, not only those of this instance: this fixes what "latest" means.
    if starts.settle(&present, &config.start_from, stop).await?.is_err() {
        return Ok(Tally::default());
    }
    let (owned, owned_now) = watch::channel(Vec::new());
    let mut workers = Workers::new(Arc::clone(&shared), stop.child_token(), owned);
    let within = config.pipeline.shutdown_timeout;
    match &config.group {
        Some(group) if until == Until::Stopped => {
            let (wanted, wanted_now) = watch::channel(Wanted::new());
            let (store, instance) = (shared.store.clone(), shared.store.instance());
            let settings = GroupSettings {
                protocol: config.group_protocol,
                assignors: config.group_assignors.clone(),
                session_timeout: config.session_timeout,
                rebalance_timeout: within + REBALANCE_MARGIN,
            };
            let topics = config.topics.clone();
            let member = shared.kafka.member(Arc::clone(group), instance, topics, settings);
            let telemetry = Arc::clone(&shared.telemetry);
            let membership = Membership::new(
                member,
                config.session_timeout,
                (store, telemetry),
                wanted,
                owned_now,
            );
            let leave = CancellationToken::new();
            let taking_part =
                AbortOnDropHandle::new(tokio::spawn(membership.take_part(leave.clone())));
            let worked = workers.work(wanted_now, &starts, until).await;
            workers.finish(within).await;
            leave.cancel();
            let took_part = taking_part.await;
            worked?;
            took_part.map_err(|_| RunError::WorkerFailed)??;
        }
        _ => {
            let chosen = topics.chosen(&present);
            shared.telemetry.begin(&Vec::from_iter(chosen.iter().cloned()));
            let (wanted, wanted_now) = watch::channel(chosen);
            let following = AbortOnDropHandle::new(tokio::spawn(topics.follow(wanted, until)));
            let worked = workers.work(wanted_now, &starts, until).await;
            drop(following);
            workers.finish(within).await;
            worked?;
        }
    }
    drop(folding);
    // It ended without being told to stop.
    if until == Until::Stopped && !stop.is_cancelled() {
        return Err(RunError::WorkerFailed);
    }
    Ok(workers.tally())
}

//! Carries batches from Kafka to PostgreSQL: a worker for each partition, from the first record to
//! an orderly end.

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
use tracing::{error, info};

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
use fold::fold_now_and_then;
use letters::Letters;
use member::Membership;
use retry::{Stopped, persist};
use schemas::SchemaSource;
use start::Starts;
use topics::{Topics, Wanted};
use unmapped::Warnings;
use workers::Workers;

/// The servers that a run works with. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Servers {
    /// Where orders come from.
    pub kafka: Kafka,
    /// Where they are kept.
    pub store: Store,
    /// Where the schemas of their records come from, if there is one.
    pub registry: Option<Registry>,
}

/// When the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When it is told to stop.
    Stopped,
    /// When everything is committed that was in the topics at the start.
    End,
}

/// Why the work ended before it was done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Kafka does not let us work.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The consumer group does not let us work.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The group whose offsets were to be taken over has none.
    #[error(
        "the consumer group {0} has committed no offset of these topics: check its name, or set \
         kafka.start_from to \"earliest\" or \"latest\""
    )]
    NothingCommitted(Arc<str>),
    /// PostgreSQL does not let us work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A topic is not there, so there is no end to work towards.
    #[error("topic {0} does not exist: create it, or set kafka.topics")]
    NoSuchTopic(Arc<str>),
    /// Told to stop while there was an end to work towards.
    #[error("stopped before the end: what was committed stays, the next run goes on from there")]
    StoppedEarly,
    /// Partitions that need a decision.
    #[error("{} halted: {}", count(.0.len()), join(.0))]
    Halted(Vec<Halt>),
    /// A worker came to an end that no code foresees.
    #[error("a partition's worker failed: report it as a defect")]
    WorkerFailed,
}

fn count(partitions: usize) -> String {
    if partitions == 1 { "1 partition".to_owned() } else { format!("{partitions} partitions") }
}

fn join(halts: &[Halt]) -> String {
    halts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a partition is worked no further until a person decides.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Halt {
    /// What Kafka holds there cannot be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The offset that PostgreSQL holds belongs to another topic of the same name.
    #[error(
        "the offset of {0} in PostgreSQL, {1}, belongs to a topic that is no more: what that held \
         from there on was not read; `vendas offsets reset --topics {topic} --partition {number} \
         --to earliest --because …` starts the new one",
        topic = .0.topic, number = .0.partition
    )]
    OtherTopic(TopicPartition, NextOffset),
    /// PostgreSQL has lost the offset, and maybe more.
    #[error(
        "the offset of {0} is no longer in PostgreSQL, where it was {1}: if nothing else is \
         missing there, `vendas offsets reset --topics {topic} --partition {number} --to {1} \
         --because …` goes on",
        topic = .0.topic, number = .0.partition
    )]
    NoOffset(TopicPartition, NextOffset),
    /// A record is no order, and `pipeline.on_dead_letter` is `halt`.
    #[error(
        "the record of {partition} at offset {offset} is no order ({why}), and \
         pipeline.on_dead_letter is \"halt\": put right what refuses it (the vocabulary, a \
         constraint of a table), or set pipeline.on_dead_letter to \"record\", or skip it \
         (`vendas offsets reset --topics {topic} --partition {number} --to {next} --because …`), and \
         start again",
        topic = partition.topic,
        number = partition.partition,
        next = offset.saturating_add(1)
    )]
    DeadLetter {
        /// The partition.
        partition: TopicPartition,
        /// The record's offset, which is the partition's next one.
        offset: i64,
        /// The reason and the place of the trouble, without the record's values.
        why: String,
    },
    /// The log ends before the offset that PostgreSQL holds, so that records were lost in Kafka.
    #[error(
        "the offset of {partition} in PostgreSQL is {next_offset}, but its log ends at {end}: what \
         was read in [{end}, {next_offset}) is no longer in Kafka; `vendas offsets reset --topics \
         {topic} --partition {number} --to {end} --because …` reads what comes there now",
        topic = .partition.topic, number = .partition.partition
    )]
    BeyondEnd {
        /// The partition.
        partition: TopicPartition,
        /// Where it was to go on.
        next_offset: NextOffset,
        /// Where its log ends (the last stable offset, which never goes back by itself).
        end: NextOffset,
    },
}

impl Halt {
    /// Where the partition would go on if what Kafka has lost were passed over; `None` if it is
    /// about something else.
    const fn behind_loss(&self) -> Option<NextOffset> {
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

/// What all workers share.
struct Shared {
    kafka: Kafka,
    store: Store,
    rules: Arc<Rulebook>,
    settings: Pipeline,
    postgres: Arc<Outage>,
    kafka_outage: Arc<Outage>,
    telemetry: Arc<Telemetry>,
    letters: Arc<Letters>,
    unmapped: Warnings,
    schemas: SchemaSource,
    begun: Begun,
}

impl Shared {
    /// What of a batch is to be committed, and why no more of it if that is not all. `cause` is that
    /// of the first order in it that the database rejects: a rejection would quote the row.
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
    /// Goes on behind what Kafka has lost, and says so. Whether the partition still stood at `from`.
    async fn pass_over_loss(
        &self,
        partition: &TopicPartition,
        from: NextOffset,
        to: (uuid::Uuid, NextOffset),
        halt: &Halt,
    ) -> Result<bool, StoreError> {
        let moved = self.store.pass_over_loss(partition, from, to, &halt.to_string()).await?;
        if moved {
            self.telemetry.data_losses.inc();
            error!(
                error = %halt,
                next_offset = %to.1,
                "data loss: going on behind it, as pipeline.on_data_loss says"
            );
        }
        Ok(moved)
    }
}

/// How much longer the group waits for partitions to be released than this instance takes for it.
const REBALANCE_MARGIN: Duration = Duration::from_secs(5);

/// Works the configured topics, or those of their partitions that are this instance's, until
/// `until`, or until `stop` is cancelled; then finishes what is in flight, for as long as
/// `pipeline.shutdown_timeout` allows.
///
/// While Kafka or PostgreSQL is out of reach it waits. How it fares is told to `telemetry`.
///
/// # Errors
/// [`RunError`]; none of them loses or repeats anything.
pub async fn run(
    config: &Config,
    servers: Servers,
    telemetry: Arc<Telemetry>,
    until: Until,
    stop: &CancellationToken,
) -> Result<Tally, RunError> {
    let Servers { kafka, store, registry } = servers;
    info!(instance = %store.instance(), "offsets are moved in this name");
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
                letters: Arc::default(),
                unmapped: Warnings::default(),
                begun: Begun::default(),
            });
            let letters = Arc::clone(&shared.letters);
            let telling =
                AbortOnDropHandle::new(tokio::spawn(Arc::clone(&letters).end_intervals()));
            let worked = work(config, until, stop, shared).await;
            drop(telling);
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
    let folding = AbortOnDropHandle::new(tokio::spawn(fold_now_and_then(
        shared.store.clone(),
        stop.child_token(),
    )));
    let topics = Topics::new(Arc::clone(&shared), config);
    let starts = Starts::new(Arc::clone(&shared), until);
    let Ok(present) = topics.first(until, stop).await? else {
        return Ok(Tally::default());
    };
    // All of them, whoever is going to work them: that decides what "latest" means once and for all.
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
    // Nobody told it to stop, so that what was to go on for ever has failed.
    if until == Until::Stopped && !stop.is_cancelled() {
        return Err(RunError::WorkerFailed);
    }
    Ok(workers.tally())
}

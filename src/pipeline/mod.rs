//! Carries batches from Kafka to PostgreSQL: a worker for each partition, from the first record to
//! an orderly end.

mod assignment;
mod fold;
mod prepare;
mod retry;
mod worker;

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, interval_at, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{error, info, warn};

use crate::{
    config::{Config, OnDeadLetter, Pipeline},
    kafka::{Kafka, KafkaError, NextOffset, ReadError, TopicPartition},
    order::Rules,
    outage::{Outage, REMIND_AFTER},
    process::{Cut, ProcessedBatch},
    store::{Cause, Store, StoreError},
};

use assignment::{Assigned, Assignment, News, REFRESH_EVERY};
use fold::fold_now_and_then;
use retry::{Stopped, persist};
use worker::Worker;

/// When the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When it is told to stop.
    Stopped,
    /// When everything is committed that was in the topics at the start.
    End,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records read and committed, each once for every time that it was committed.
    pub records: u64,
    /// Those that became orders.
    pub orders: u64,
    /// Those that became dead letters.
    pub dead_letters: u64,
}

impl Tally {
    const fn add(&mut self, other: Self) {
        self.records += other.records;
        self.orders += other.orders;
        self.dead_letters += other.dead_letters;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, orders, dead_letters } = self;
        write!(f, "{records} records: {orders} orders, {dead_letters} dead letters")
    }
}

/// Why the work ended before it was done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Kafka does not let us work.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
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
        "the offset of {0} in PostgreSQL belongs to a topic that is no more: \
         `vendas offsets reset` starts the new one"
    )]
    OtherTopic(TopicPartition),
    /// PostgreSQL has lost the offset, and maybe more.
    #[error(
        "the offset of {0} is no longer in PostgreSQL, where it was {1}: if nothing else is \
         missing there, `vendas offsets reset --partition {partition} --to {1}` goes on",
        partition = .0.partition
    )]
    NoOffset(TopicPartition, NextOffset),
    /// A record is no order, and `pipeline.on_dead_letter` is `halt`.
    #[error(
        "the record of {partition} at offset {offset} is no order ({why}), and \
         pipeline.on_dead_letter is \"halt\": put right what refuses it (the vocabulary, a \
         constraint of a table), or set pipeline.on_dead_letter to \"record\", or skip it \
         (`vendas offsets reset --topics {topic} --partition {number} --to {next} --yes`), and \
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
        "the offset of {partition} in PostgreSQL is {next_offset}, but its log ends at {end}: \
         records were lost there; choose with `vendas offsets reset`"
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

/// What all workers share.
struct Shared {
    kafka: Kafka,
    store: Store,
    rules: Arc<Rules>,
    settings: Pipeline,
    postgres: Outage,
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

/// Works the configured topics until `until`, or until `stop` is cancelled; then finishes what is
/// in flight, for as long as `pipeline.shutdown_timeout` allows.
///
/// While Kafka or PostgreSQL is out of reach it waits.
///
/// # Errors
/// [`RunError`]; none of them loses or repeats anything.
pub async fn run(
    config: &Config,
    until: Until,
    stop: &CancellationToken,
) -> Result<Tally, RunError> {
    let shared = Arc::new(Shared {
        kafka: Kafka::new(config.kafka.clone()),
        store: Store::new(&config.database, uuid::Uuid::new_v4()),
        rules: Arc::clone(&config.rules),
        settings: config.pipeline,
        postgres: Outage::new("PostgreSQL"),
    });
    let prepare = || shared.store.prepare_schema(config.apply_schema);
    let tally = match persist(stop, &shared.postgres, prepare).await? {
        Ok(()) => work(config, until, stop, shared).await?,
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
    let mut assignment = Assignment::new(Arc::clone(&shared), config, until);
    // The workers stop with everybody else, and when there is no more to wait for.
    let mut running = Running::new(shared, stop.child_token());
    let result = running.work(&mut assignment, until).await;
    running.finish(config.pipeline.shutdown_timeout).await;
    drop(folding);
    result.map(|()| running.tally)
}

/// The workers and what they have come to.
struct Running {
    shared: Arc<Shared>,
    stop: CancellationToken,
    workers: JoinSet<Result<Tally, Halt>>,
    halted: Vec<Halt>,
    reminded: Instant,
    tally: Tally,
}

impl Running {
    fn new(shared: Arc<Shared>, stop: CancellationToken) -> Self {
        let workers = JoinSet::new();
        let (halted, reminded, tally) = (Vec::new(), Instant::now(), Tally::default());
        Self { shared, stop, workers, halted, reminded, tally }
    }

    async fn work(&mut self, assignment: &mut Assignment, until: Until) -> Result<(), RunError> {
        let Ok(news) = assignment.first(&self.stop).await? else {
            return Ok(());
        };
        self.spawn(news);
        let mut refresh = interval_at(Instant::now() + REFRESH_EVERY, REFRESH_EVERY);
        while until == Until::Stopped || !self.workers.is_empty() {
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                Some(ended) = self.workers.join_next() => {
                    self.note(ended.map_err(|_| RunError::WorkerFailed)?);
                }
                _ = refresh.tick(), if until == Until::Stopped => {
                    if let Ok(news) = assignment.grown(&self.stop).await {
                        self.spawn(news);
                    }
                    self.remind();
                }
            }
        }
        if self.halted.is_empty() { Ok(()) } else { Err(RunError::Halted(self.halted.clone())) }
    }

    fn spawn(&mut self, news: News) {
        for Assigned { partition, next_offset, end } in news.assigned {
            info!(topic = %partition.topic, partition = partition.partition, %next_offset, "working");
            let worker = Worker::new(
                Arc::clone(&self.shared),
                partition,
                next_offset,
                end,
                self.stop.clone(),
            );
            self.workers.spawn(worker.run());
        }
        for halt in news.halted {
            self.note(Err(halt));
        }
    }

    fn note(&mut self, ended: Result<Tally, Halt>) {
        match ended {
            Ok(tally) => self.tally.add(tally),
            Err(halt) => {
                error!(error = %halt, "partition halted");
                self.halted.push(halt);
            }
        }
    }

    fn remind(&mut self) {
        if self.reminded.elapsed() < REMIND_AFTER {
            return;
        }
        self.reminded = Instant::now();
        for halt in &self.halted {
            error!(error = %halt, "partition still halted");
        }
    }

    /// Lets the workers finish what is in flight.
    async fn finish(&mut self, shutdown_timeout: Duration) {
        self.stop.cancel();
        let settled = timeout(shutdown_timeout, async {
            while let Some(ended) = self.workers.join_next().await {
                match ended {
                    Ok(ended) => self.note(ended),
                    Err(_) => error!("a partition's worker failed: report it as a defect"),
                }
            }
        });
        if settled.await.is_err() {
            warn!(
                "not all batches in flight were settled within pipeline.shutdown_timeout: the next \
                 start finds out which were"
            );
        }
    }
}

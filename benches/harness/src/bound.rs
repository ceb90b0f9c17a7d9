//! vendas compared with the machine: each part of the work alone, and the bound for all of them
//! together.
//!
//! If every core is always busy, a million orders take the sum of the CPU seconds of all parts
//! divided by the number of cores: no arrangement of the same work is faster.

use std::sync::Arc;

use bytes::BytesMut;
use futures::{SinkExt, StreamExt, future::try_join_all, stream::FuturesOrdered};
use testbed::{Database, Result, ensure};
use uuid::Uuid;
use vendas::{
    config::Config,
    format::Schemas,
    kafka::{Batch, TopicPartition},
    order::Meaning,
    process::{ProcessedBatch, process},
    store::{Store, WriteMode},
};

use crate::{
    compare::{run_until_end, sum},
    environment::Environment,
    load::{Load, Shape, batches, config, partitions},
    results::{Cpu, Run, groups},
    usage,
};

const FETCH: &str = "fetch and decode alone";
const UNDERSTAND: &str = "understand alone";
const COMMIT: &str = "commit alone";
const COPY: &str = "COPY of the same rows";
const RUN: &str = "run --until-end";
const BOUND: &str = "bound";

/// The parts, the whole, and the bound, `runs` times in turn.
pub(crate) async fn bound(
    environment: &Environment,
    shape: Shape,
    orders: u64,
    runs: usize,
) -> Result<Vec<Run>> {
    let load = Load::send(environment, shape, orders, 4).await?;
    let mut all = Vec::new();
    for _ in 0..runs {
        all.push(Run {
            candidate: RUN.to_owned(),
            ..run_until_end(environment, &load, &[]).await?
        });
        all.extend(parts(environment, &load).await?);
    }
    all.push(together(&all, orders)?);
    for run in &mut all {
        run.part = format!("bound {}", shape.name());
    }
    Ok(all)
}

async fn parts(environment: &Environment, load: &Load) -> Result<Vec<Run>> {
    let database = environment.prepared_database().await?;
    let config = config(environment, &load.topic, Some(&database))?;
    let measure = Measure { environment, orders: load.orders };

    let (fetched, ()) = measure.part(FETCH, fetch(&config)).await?;
    let read = batches(&config).await?;
    let (understood, ()) = measure.part(UNDERSTAND, understand(&config, read)).await?;
    let processed = understood_batches(&config, batches(&config).await?).await?;
    let store = Store::new(&config.database, Uuid::new_v4());
    take_partitions(&store, &processed).await?;
    let (committed, ()) = measure.part(COMMIT, commit(&config, &store, &processed)).await?;
    load.check(&database).await?;
    let mut parts = vec![fetched, understood, committed];
    if load.shape == Shape::Numbered {
        let rows = rows(&processed);
        let other = environment.prepared_database().await?;
        let (copied, ()) = measure.part(COPY, copy(&other, &rows)).await?;
        load.check_sales(&other).await?;
        parts.push(copied);
    }
    Ok(parts)
}

struct Measure<'b> {
    environment: &'b Environment,
    orders: u64,
}

impl Measure<'_> {
    async fn part<T>(&self, name: &str, work: impl Future<Output = Result<T>>) -> Result<(Run, T)> {
        let (own, since) = (usage::own_cpu_seconds(), self.environment.meter());
        let result = work.await?;
        let run = self.environment.cost(&since, self.orders, usage::own_cpu_seconds() - own);
        Ok((Run { candidate: name.to_owned(), ..run }, result))
    }
}

type Read = Vec<(TopicPartition, Vec<Batch>)>;
type Processed = Vec<Vec<ProcessedBatch>>;

/// Reads all partitions at once and keeps nothing: otherwise the first use of memory would be part
/// of the measurement.
async fn fetch(config: &Config) -> Result<()> {
    let size = config.pipeline.batch_size;
    let lanes = partitions(config).await?.into_iter().map(|mut partition| async move {
        tokio::spawn(async move {
            while partition.next_batch(size).await?.is_some() {}
            Ok::<_, testbed::Error>(())
        })
        .await?
    });
    try_join_all(lanes).await.map(drop)
}

/// Parses and validates all records, each in its own task, and keeps nothing.
async fn understand(config: &Config, read: Read) -> Result<()> {
    let lanes = read.into_iter().map(|(partition, batches)| {
        let rules = Arc::clone(config.rules.of(&partition.topic));
        async move {
            tokio::spawn(async move {
                for batch in batches {
                    process(&partition, batch, &rules, Schemas::default()).await;
                }
            })
            .await?;
            Ok(())
        }
    });
    try_join_all(lanes).await.map(drop)
}

async fn understood_batches(config: &Config, read: Read) -> Result<Processed> {
    let mut processed = Vec::with_capacity(read.len());
    for (partition, batches) in read {
        let rules = config.rules.of(&partition.topic);
        let mut lane: Vec<ProcessedBatch> = Vec::new();
        for batch in batches {
            let batch = process(&partition, batch, rules, Schemas::default()).await;
            // As `run` does with a backlog.
            let fits = |last: &&mut ProcessedBatch| {
                last.outcomes().len() + batch.outcomes().len() <= config.pipeline.commit_records
            };
            match lane.last_mut().filter(fits) {
                Some(last) => ensure!(last.append(batch).is_ok(), "a gap between two batches"),
                None => lane.push(batch),
            }
        }
        processed.push(lane);
    }
    Ok(processed)
}

async fn take_partitions(store: &Store, processed: &Processed) -> Result<()> {
    let starts: Vec<_> = processed
        .iter()
        .filter_map(|lane| lane.first())
        .map(|batch| (batch.partition().clone(), batch.span().from()))
        .collect();
    store.start_partitions(&starts).await?;
    Ok(())
}

/// Sends the same statements as `run`, with the same number in flight, and does nothing else.
async fn commit(config: &Config, store: &Store, processed: &Processed) -> Result<()> {
    let depth = config.pipeline.depth;
    let lanes = processed.iter().map(|lane| async move {
        let session = store.session().await?;
        let mut in_flight = FuturesOrdered::new();
        for batch in lane {
            let statement = session.prepare(batch, WriteMode::Insert).await?;
            in_flight.push_back(session.commit(batch, statement));
            if in_flight.len() >= depth {
                in_flight.next().await.transpose()?;
            }
        }
        while in_flight.next().await.transpose()?.is_some() {}
        Ok::<_, testbed::Error>(())
    });
    try_join_all(lanes).await.map(drop)
}

/// The rows of `sales` in COPY's text format (PostgreSQL manual, COPY).
fn rows(processed: &Processed) -> Vec<String> {
    let chunk = |batch: &ProcessedBatch| {
        let meanings = batch.outcomes().iter().filter_map(|outcome| outcome.result.as_ref().ok());
        let orders = meanings.flat_map(Meaning::orders);
        orders
            .filter_map(|order| {
                Some(format!("{}\t{}\t2026-01-01\n", order.number()?, order.total()))
            })
            .collect()
    };
    processed.iter().flatten().map(chunk).collect()
}

async fn copy(database: &Database, rows: &[String]) -> Result<()> {
    let client = database.connect().await?;
    let sink = client.copy_in("COPY sales (order_number, total, processed_at) FROM STDIN").await?;
    let mut sink = std::pin::pin!(sink);
    for chunk in rows {
        sink.send(BytesMut::from(chunk.as_str()).freeze()).await?;
    }
    sink.finish().await?;
    Ok(())
}

/// The bound from all parts, each measured alone.
fn together(runs: &[Run], orders: u64) -> Result<Run> {
    let mut cpu_seconds = Cpu::default();
    for group in groups(runs) {
        let counts = group
            .0
            .first()
            .is_some_and(|run| [FETCH, UNDERSTAND, COMMIT].contains(&run.candidate.as_str()));
        if counts {
            cpu_seconds.candidate += group.median(|run| run.cpu_seconds.candidate);
            cpu_seconds.kafka += group.median(|run| run.cpu_seconds.kafka);
            cpu_seconds.postgres += group.median(|run| run.cpu_seconds.postgres);
        }
    }
    ensure!(sum(cpu_seconds) > 0.0, "nothing was measured");
    #[expect(clippy::cast_precision_loss, reason = "cores")]
    let cores = std::thread::available_parallelism()?.get() as f64;
    let seconds = sum(cpu_seconds) / cores;
    Ok(Run { candidate: BOUND.to_owned(), orders, seconds, cpu_seconds, ..Run::default() })
}

/// The ratio of the whole to the bound, and the idle time of the cores.
pub(crate) fn verdict(runs: &[Run]) -> Option<String> {
    let groups = groups(runs);
    let find = |name: &str| {
        groups.iter().find(|group| group.0.first().is_some_and(|run| run.candidate == name))
    };
    let (bound, run) = (find(BOUND)?, find(RUN)?);
    let share = run.median(Run::rate) / bound.median(Run::rate) * 100.0;
    let busy = run.median(|run| sum(run.cpu_seconds));
    #[expect(clippy::cast_precision_loss, reason = "cores")]
    let cores = std::thread::available_parallelism().ok()?.get() as f64;
    let idle = run.median(|run| run.seconds).mul_add(cores, -busy);
    Some(format!(
        "run --until-end reaches {share:.0} % of the bound: it was busy for {busy:.2} CPU s, and {cores} \
         cores were idle for {idle:.2} CPU s together (other processes of the machine included)\n"
    ))
}

//! The time of an order from the producer's acknowledgement until another session sees the row.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use rskafka::{
    client::partition::{Compression, PartitionClient, UnknownTopicHandling},
    record::Record,
};
use testbed::{Database, Folder, Result, Signal, VendasCommand, bail, ensure, eventually};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    compare::{Peer, tables},
    environment::Environment,
    load::Shape,
    results::{Latency, Run},
    usage,
};

const PARTITIONS: u16 = 4;
/// Per run; the first orders are not representative of a running program.
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(20);
/// The deadline for the last order.
const PATIENCE: Duration = Duration::from_secs(60);

/// vendas and the peers with low latency, at each rate, in turn.
pub(crate) async fn latency(environment: &Environment, runs: usize) -> Result<Vec<Run>> {
    let peers = [Peer::set_up("kafka-python")?, Peer::set_up("psycopg")?];
    let mut all = Vec::new();
    for _ in 0..runs {
        for rate in [200, 1000] {
            all.push(of_vendas(environment, rate).await?);
            for peer in &peers {
                all.push(of_peer(environment, peer, rate).await?);
            }
        }
    }
    Ok(all)
}

async fn of_vendas(environment: &Environment, rate: u64) -> Result<Run> {
    let (topic, database) =
        (environment.servers.topic(PARTITIONS).await?, environment.prepared_database().await?);
    let command = environment.vendas(&[&topic], &database).args(["run"]);
    measure(environment, "vendas", &topic, &database, &command, rate).await
}

async fn of_peer(environment: &Environment, peer: &Peer, rate: u64) -> Result<Run> {
    let (topic, database) =
        (environment.servers.topic(PARTITIONS).await?, environment.database().await?);
    database.execute(tables(Shape::Numbered)).await?;
    let scratch = Folder::new("peer")?;
    let command = peer.command(environment, &topic, Shape::Numbered, &database, &scratch);
    measure(environment, peer.name(), &topic, &database, &command, rate).await
}

/// When each order was acknowledged, and when it was visible.
type Moments = Arc<Mutex<HashMap<i32, Instant>>>;

async fn measure(
    environment: &Environment,
    name: &str,
    topic: &str,
    database: &Database,
    command: &VendasCommand,
    rate: u64,
) -> Result<Run> {
    let process = command.start()?;
    let acknowledged = Moments::default();
    // One order first, which shows when the program has started.
    let lanes = Arc::new(lanes(environment, topic).await?);
    send(&lanes, 1, &acknowledged).await?;
    eventually("first order", PATIENCE, async || {
        ensure!(database.count("sales").await? == 1, "no order");
        Ok(())
    })
    .await?;
    let warm_up = number_of(WARM_UP, rate)?;
    let last = warm_up + number_of(MEASURED, rate)?;
    let looking = tokio::spawn(look(database.connect().await?, last));
    let (own, since) = (usage::cpu_seconds(process.process_id()), environment.meter());
    let mut tick = interval(Duration::from_secs(1) / u32::try_from(rate)?);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sending = Vec::new();
    for number in 2..=last {
        tick.tick().await;
        let (lanes, acknowledged) = (Arc::clone(&lanes), Arc::clone(&acknowledged));
        sending.push(tokio::spawn(async move { send(&lanes, number, &acknowledged).await }));
    }
    for sent in try_join_all(sending).await? {
        sent?;
    }
    let seen = looking.await??;
    let own = usage::cpu_seconds(process.process_id()) - own;
    let run = environment.cost(&since, u64::try_from(last)?, own);
    let peak_rss_bytes = Some(usage::peak_rss_bytes_of_all(process.process_id()));
    process.signal(Signal::TERM)?;
    drop(process.wait_exit(PATIENCE).await);
    let acknowledged = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    let mut waits = Vec::new();
    for (number, moment) in acknowledged.iter().filter(|(number, _)| **number > warm_up) {
        let Some(seen) = seen.get(number) else { bail!("order {number} was never visible") };
        // Some are visible before their acknowledgement arrives: their latency is zero.
        waits.push(seen.saturating_duration_since(*moment).as_secs_f64() * 1e3);
    }
    waits.sort_by(f64::total_cmp);
    let latency = Some(Latency {
        p50_ms: percentile(&waits, 50),
        p99_ms: percentile(&waits, 99),
        max_ms: percentile(&waits, 100),
    });
    Ok(Run {
        part: "latency".to_owned(),
        candidate: name.to_owned(),
        peak_rss_bytes,
        latency,
        ..run
    }
    .with("orders/s", rate))
}

fn number_of(time: Duration, rate: u64) -> Result<i32> {
    Ok(i32::try_from(time.as_secs() * rate)?)
}

/// The value that this percentage of the values does not exceed.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

async fn lanes(environment: &Environment, topic: &str) -> Result<Vec<PartitionClient>> {
    let client = environment.servers.kafka.client().await?;
    let mut lanes = Vec::new();
    for partition in 0..i32::from(PARTITIONS) {
        lanes.push(client.partition_client(topic, partition, UnknownTopicHandling::Retry).await?);
    }
    Ok(lanes)
}

/// Sends one order by itself, as a shop does after a sale.
async fn send(lanes: &[PartitionClient], number: i32, acknowledged: &Moments) -> Result<()> {
    let order = format!(
        r#"{{"order_number": {number}, "order_items": [{{"qty": 3, "value_unit": 12.34}}, {{"qty": 1, "value_unit": 99.90}}]}}"#
    );
    let record = Record {
        key: None,
        value: Some(order.into_bytes()),
        headers: BTreeMap::new(),
        timestamp: chrono::Utc::now(),
    };
    let lane = lanes.get(usize::try_from(number)? % lanes.len());
    let Some(lane) = lane else { bail!("no partitions") };
    lane.produce(vec![record], Compression::NoCompression).await?;
    acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Instant::now());
    Ok(())
}

/// Polls for new rows, and records when each was first visible.
async fn look(client: tokio_postgres::Client, last: i32) -> Result<HashMap<i32, Instant>> {
    let statement =
        client.prepare("SELECT order_number FROM sales WHERE order_number > $1").await?;
    let mut seen = HashMap::new();
    let mut all_up_to = 0;
    let mut changed = Instant::now();
    while seen.len() < usize::try_from(last)? {
        let rows = client.query(&statement, &[&all_up_to]).await?;
        let now = Instant::now();
        for row in rows {
            seen.entry(row.try_get(0)?).or_insert_with(|| {
                changed = now;
                now
            });
        }
        while seen.contains_key(&(all_up_to + 1)) {
            all_up_to += 1;
        }
        ensure!(changed.elapsed() < PATIENCE, "{} of {last} orders were stored", seen.len());
        // Every fifth of a millisecond, so that polling does not use the CPU of the measured
        // processes.
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Ok(seen)
}

//! The effect of the number of partitions on the rate, and whether a thousand of them progress
//! equally.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use testbed::{Database, Result, Vendas, ensure};

use crate::{
    compare::run_until_end,
    environment::{DEADLINE, Environment},
    load::{Load, Shape},
    results::Run,
    usage,
};

const COUNTS: [u16; 5] = [1, 2, 4, 8, 16];
const MANY: u16 = 1000;
/// `kafka.buffer_bytes` in MiB by default.
const BUFFER: u64 = 128;
/// Enough for all of a thousand partitions to hold record batches of 256 KiB at once.
const LARGE_BUFFER: u64 = 512;
/// The number of these orders in 16 KiB, the default size of a record batch of Kafka's own
/// producers (`batch.size`).
const RECORDS_OF_16_KIB: usize = 120;

/// The rate at each number of partitions, in turn.
pub(crate) async fn partitions(
    environment: &Environment,
    orders: u64,
    runs: usize,
) -> Result<Vec<Run>> {
    let mut loads = Vec::new();
    for count in COUNTS {
        loads.push((count, Load::send(environment, Shape::Numbered, orders, count).await?));
    }
    let mut all = Vec::new();
    for _ in 0..runs {
        for (count, load) in &loads {
            let run = run_until_end(environment, load, &[]).await?;
            all.push(
                Run { part: "partitions".to_owned(), ..run }.with("partitions", u64::from(*count)),
            );
        }
    }
    Ok(all)
}

/// The longest wait of any of a thousand partitions with a backlog until it progresses. The first
/// wait counts from the first commit of all.
pub(crate) async fn fairness(
    environment: &Environment,
    orders: u64,
    runs: usize,
) -> Result<Vec<Run>> {
    let large = Load::send(environment, Shape::Numbered, orders, MANY).await?;
    let small = large.in_batches_of(environment, RECORDS_OF_16_KIB).await?;
    let mut all = Vec::new();
    for _ in 0..runs {
        for (load, batches, buffer) in [
            (&small, "16 KiB", BUFFER),
            (&large, "256 KiB", BUFFER),
            (&large, "256 KiB", LARGE_BUFFER),
        ] {
            let run = fairness_with(environment, load, buffer).await?;
            let candidate = format!("vendas, record batches of {batches}");
            all.push(Run { candidate, ..run }.with("MiB of buffer", buffer));
        }
    }
    Ok(all)
}

async fn fairness_with(environment: &Environment, load: &Load, buffer: u64) -> Result<Run> {
    let database = environment.prepared_database().await?;
    let ended = usage::cpu_seconds_of_ended();
    let since = environment.meter();
    let bytes = (buffer << 20).to_string();
    let vendas =
        environment.vendas(&[&load.topic], &database).env("VENDAS_KAFKA__BUFFER_BYTES", bytes);
    let process = vendas.args(["run", "--until-end"]).start()?;
    let (longest_wait, peak) = watch(&database, &process).await?;
    let run = environment.cost(&since, load.orders, usage::cpu_seconds_of_ended() - ended);
    process.wait_exit(DEADLINE).await?.expect_code(0)?;
    load.check(&database).await?;
    Ok(Run {
        part: "fairness".to_owned(),
        peak_rss_bytes: Some(peak),
        longest_wait_seconds: Some(longest_wait.as_secs_f64()),
        ..run
    })
}

/// The longest time without progress of an offset, and the peak memory.
async fn watch(database: &Database, process: &Vendas) -> Result<(Duration, u64)> {
    let client = database.connect().await?;
    let statement = client.prepare("SELECT partition, next_offset FROM partitions").await?;
    let until = Instant::now() + DEADLINE;
    let mut moved: HashMap<i32, (i64, Instant)> = HashMap::new();
    let (mut first, mut longest, mut peak) = (None, Duration::ZERO, 0);
    while process.is_running()? {
        ensure!(Instant::now() < until, "no end: {}", process.state());
        peak = peak.max(usage::peak_rss_bytes(process.process_id()).unwrap_or_default());
        let rows = client.query(&statement, &[]).await?;
        let now = Instant::now();
        for row in rows {
            let (partition, next_offset): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
            if next_offset > 0 {
                first.get_or_insert(now);
            }
            let (known, since) = moved.entry(partition).or_insert((0, now));
            if next_offset > *known {
                longest = longest.max(now - first.unwrap_or(now).max(*since));
                (*known, *since) = (next_offset, now);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok((longest, peak))
}

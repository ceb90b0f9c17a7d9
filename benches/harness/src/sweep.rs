//! The effect of each setting, and of the size of the records, on rate and cost.

use testbed::{Record, Result};

use crate::{
    compare::run_until_end,
    environment::Environment,
    load::{Load, Shape},
    results::Run,
};

const BATCH_SIZES: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const DEPTHS: [u64; 6] = [1, 2, 3, 4, 6, 8];
const RECORD_BYTES: [usize; 7] = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
const PARTITIONS: u16 = 4;

/// Batches of 1 to 1,000 records, in turn.
pub(crate) async fn batch_sizes(
    environment: &Environment,
    orders: u64,
    runs: usize,
) -> Result<Vec<Run>> {
    let variable = "VENDAS_PIPELINE__BATCH_SIZE";
    settings(environment, orders, runs, "batch size", "records a batch", variable, &BATCH_SIZES)
        .await
}

/// 1 to 8 commits of a partition in flight, in turn.
pub(crate) async fn depths(
    environment: &Environment,
    orders: u64,
    runs: usize,
) -> Result<Vec<Run>> {
    settings(
        environment,
        orders,
        runs,
        "depth",
        "batches in flight",
        "VENDAS_PIPELINE__DEPTH",
        &DEPTHS,
    )
    .await
}

async fn settings(
    environment: &Environment,
    orders: u64,
    runs: usize,
    part: &str,
    name: &str,
    variable: &str,
    values: &[u64],
) -> Result<Vec<Run>> {
    let load = Load::send(environment, Shape::Numbered, orders, PARTITIONS).await?;
    let mut all = Vec::new();
    for _ in 0..runs {
        for value in values {
            let run = run_until_end(environment, &load, &[(variable, value.to_string())]).await?;
            all.push(Run { part: part.to_owned(), ..run }.with(name, *value));
        }
    }
    Ok(all)
}

/// Records of 100 B to 100 KB, mostly a field that is not used.
pub(crate) async fn record_sizes(
    environment: &Environment,
    orders: u64,
    runs: usize,
) -> Result<Vec<Run>> {
    /// Of each topic.
    const MOST_BYTES: usize = 1 << 30;
    let mut loads = Vec::new();
    for bytes in RECORD_BYTES {
        let count = usize::try_from(orders)?.min(MOST_BYTES / bytes);
        loads.push((bytes, padded(environment, count, bytes).await?));
    }
    let mut all = Vec::new();
    for _ in 0..runs {
        for (bytes, load) in &loads {
            let run = run_until_end(environment, load, &[]).await?;
            all.push(
                Run { part: "record size".to_owned(), ..run }
                    .with("bytes a record", u64::try_from(*bytes)?),
            );
        }
    }
    Ok(all)
}

async fn padded(environment: &Environment, count: usize, bytes: usize) -> Result<Load> {
    let topic = environment.servers.topic(PARTITIONS).await?;
    let lanes = usize::from(PARTITIONS);
    for lane in 0..lanes {
        // In parts, since all of them would need much memory.
        let numbers: Vec<_> = (1..=count).filter(|number| number % lanes == lane).collect();
        for part in numbers.chunks((64 << 20) / bytes) {
            let records: Vec<_> =
                part.iter().map(|number| Record::new(order(*number, bytes))).collect();
            environment.servers.kafka.produce(&topic, i32::try_from(lane)?, &records).await?;
        }
    }
    Load::read(environment, topic, Shape::Numbered, u64::try_from(count)?).await
}

fn order(number: usize, bytes: usize) -> String {
    let start = format!(
        r#"{{"order_number": {number}, "order_items": [{{"qty": 3, "value_unit": 12.34}}]"#
    );
    let rest = bytes.saturating_sub(start.len() + r#", "note": ""}"#.len());
    format!(r#"{start}, "note": "{}"}}"#, "x".repeat(rest))
}

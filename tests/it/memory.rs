//! Memory stays within the configured bounds, whatever the backlog.

use std::fs;

use futures::{StreamExt, TryStreamExt, stream};
use testbed::{Context, Postgres, Record, Result, Signal, Testbed, Vendas, ensure, eventually};

use crate::shop::{DEADLINE, VENDAS};

const MIB: usize = 1 << 20;

/// A field of `/proc/PID/status`, in bytes: `VmHWM` is the peak resident size.
fn memory(run: &Vendas, field: &str) -> Result<usize> {
    let status = fs::read_to_string(format!("/proc/{}/status", run.process_id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib: usize =
        line.and_then(|l| l.split_whitespace().next()).context(status.clone())?.parse()?;
    Ok(kib * 1024)
}

#[tokio::test]
async fn two_hundred_partitions_that_cannot_commit_stay_within_the_memory_bounds() -> Result<()> {
    const PARTITIONS: u16 = 200;
    const RECORDS: i32 = 50;
    const BUFFER: usize = 16 * MIB;
    // As the README says.
    const MOST: usize = 64 * MIB + 32 * MIB + 3 * BUFFER;
    let servers = Testbed::shared().await?;
    let postgres = Postgres::start().await?;
    let database = postgres.database().await?;
    let topic = servers.topic(PARTITIONS).await?;
    let run = servers
        .vendas(VENDAS, &[&topic], &database)
        .args(["run"])
        .env("VENDAS_KAFKA__BUFFER_BYTES", BUFFER.to_string())
        .start()?;
    eventually("all partitions to be assigned", DEADLINE, async || {
        let log = run.stderr()?;
        let working = log.lines().filter(|line| line.contains("processing partition")).count();
        ensure!(working == usize::from(PARTITIONS), "{working}, {}", run.state());
        Ok(())
    })
    .await?;
    postgres.stop().await?;
    let empty = memory(&run, "VmRSS")?;

    // 200 MB of orders.
    let padding = "x".repeat(20_000);
    let order = |number: i32| {
        Record::new(format!(r#"{{"order_number": {number}, "total": 1, "padding": "{padding}"}}"#))
    };
    let (topic, order) = (&topic, &order);
    let sending = (0..i32::from(PARTITIONS)).map(async |partition| {
        let numbers: Vec<i32> = (partition * RECORDS..(partition + 1) * RECORDS).collect();
        for few in numbers.chunks(4) {
            let records: Vec<_> = few.iter().copied().map(order).collect();
            servers.kafka.produce(topic, partition, &records).await?;
        }
        Ok::<_, testbed::Error>(())
    });
    stream::iter(sending).buffer_unordered(8).try_collect::<()>().await?;
    let (mut before, mut same) = (0, 0);
    eventually("a full buffer and no further growth", DEADLINE, async || {
        let now = memory(&run, "VmRSS")?;
        same = if now == before { same + 1 } else { 0 };
        before = now;
        ensure!(same > 20 && run.stderr()?.contains("paused"), "{now} bytes, {}", run.state());
        // The buffer is used.
        ensure!(now > empty + BUFFER / 2, "{empty}, then {now} bytes");
        Ok(())
    })
    .await?;
    let waiting = memory(&run, "VmHWM")?;
    postgres.restart().await?;
    let expected = i64::from(PARTITIONS) * i64::from(RECORDS);
    eventually("every order", DEADLINE * 3, async || {
        let sales = database.count("sales").await?;
        ensure!(sales == expected, "{sales} of {expected}, {}", run.state());
        Ok(())
    })
    .await?;
    let most = memory(&run, "VmHWM")?;
    eprintln!("{waiting} bytes while waiting, {most} in all, of {MOST}");
    ensure!(most <= MOST, "{most} bytes, not {MOST}; {waiting} of them while waiting");
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

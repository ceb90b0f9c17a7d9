//! The cost of many viewers.

use std::{
    fs,
    time::{Duration, Instant},
};

use testbed::{Context, Result, ensure};
use tokio::{io::AsyncReadExt, net::TcpStream, task::JoinSet, time::sleep};

use super::answers::{ask, served};
use crate::{shop::Shop, wait::until_count};

const VIEWERS: usize = 200;
/// The duration of the measurement.
const SPAN: Duration = Duration::from_secs(20);
/// Thousandths of a core for all viewers together, also in a build without optimization.
const MOST: u128 = 150;
/// Statements in [`SPAN`]. Each reader executes at most two or three a second.
const STATEMENTS: i64 = 200;
/// sysconf(_SC_CLK_TCK) is 100 for programs on Linux.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process (proc_pid_stat(5): utime and stime).
fn cpu_time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may contain any character and ends with the last parenthesis; utime is field 14.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    Ok(TICK * (fields[11].parse::<u32>()? + fields[12].parse::<u32>()?))
}

/// Thousandths of a core, from now on.
async fn cost(process: u32) -> Result<u128> {
    let (begun, before) = (Instant::now(), cpu_time(process)?);
    sleep(SPAN).await;
    let taken = cpu_time(process)? - before;
    Ok(taken.as_micros() * 1_000 / begun.elapsed().as_micros())
}

async fn read_to_end(mut stream: TcpStream) -> usize {
    let mut events = 0;
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        events += buffer[..count].windows(15).filter(|part| part == b"event: snapshot").count();
    }
    events
}

#[tokio::test]
async fn two_hundred_viewers_cost_little_and_share_their_queries() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 1..1_000).await?;
    let served = served(&shop).await?;
    until_count(&shop.database, "sales", 999, &served.vendas).await?;
    let process = served.vendas.process_id();
    let statements = async || -> Result<i64> {
        // PostgreSQL counts the statements of a session when it has been idle for a second.
        sleep(Duration::from_secs(2)).await;
        let count = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
        Ok(shop.rows(count).await?[0].parse()?)
    };
    let alone = cost(process).await?;
    let mut viewers = JoinSet::new();
    for viewer in 0..VIEWERS {
        let period = ["today", "7d"][viewer % 2];
        let (head, stream) = ask(served.port, "GET", &format!("/events?period={period}")).await?;
        ensure!(head.starts_with("http/1.1 200 "), "{head}");
        viewers.spawn(read_to_end(stream));
    }
    let before = statements().await?;
    let watched = cost(process).await?;
    let asked = statements().await? - before;
    println!(
        "of a core: {alone:.3} without, {watched:.3} with {VIEWERS} viewers; {asked} statements"
    );
    ensure!(watched.saturating_sub(alone) < MOST, "{watched} of a core, {alone} without viewers");
    ensure!(asked < STATEMENTS, "{asked} statements");
    served.vendas.kill()?;
    // One a second.
    let least = usize::try_from(SPAN.as_secs())? / 2;
    while let Some(events) = viewers.join_next().await {
        let events = events?;
        ensure!(events >= least, "only {events} snapshots");
    }
    Ok(())
}

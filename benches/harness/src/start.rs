//! The time from the start of the process to the first row.

use std::time::{Duration, Instant};

use testbed::{Result, Signal, ensure, eventually};

use crate::{
    environment::Environment,
    load::{Load, Shape},
    results::Run,
};

const ORDERS: u64 = 10_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// With existing tables, and with a new database.
pub(crate) async fn start(environment: &Environment, runs: usize) -> Result<Vec<Run>> {
    let load = Load::send(environment, Shape::Numbered, ORDERS, 4).await?;
    let mut all = Vec::new();
    for _ in 0..runs {
        for (candidate, prepared) in [("tables are there", true), ("first start ever", false)] {
            let run = first_row(environment, &load, prepared).await?;
            all.push(Run { part: "start".to_owned(), candidate: candidate.to_owned(), ..run });
        }
    }
    Ok(all)
}

async fn first_row(environment: &Environment, load: &Load, prepared: bool) -> Result<Run> {
    let database = if prepared {
        environment.prepared_database().await?
    } else {
        environment.database().await?
    };
    let client = database.connect().await?;
    let since = environment.meter();
    let started = Instant::now();
    let process = environment.vendas(&[&load.topic], &database).args(["run"]).start()?;
    loop {
        // The tables cannot be queried until it has created them.
        let found = client.query_one("SELECT EXISTS (SELECT FROM sales)", &[]).await;
        if found.and_then(|row| row.try_get(0)).unwrap_or(false) {
            break;
        }
        ensure!(started.elapsed() < PATIENCE, "no row within {PATIENCE:?}: {}", process.state());
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    let first_row_seconds = Some(started.elapsed().as_secs_f64());
    eventually("all orders", PATIENCE, async || {
        let sales = database.count("sales").await?;
        ensure!(u64::try_from(sales)? == load.orders, "{sales} sales");
        Ok(())
    })
    .await?;
    let own = crate::usage::cpu_seconds(process.process_id());
    let run = environment.cost(&since, load.orders, own);
    process.signal(Signal::TERM)?;
    process.wait_exit(PATIENCE).await?.expect_code(0)?;
    load.check(&database).await?;
    Ok(Run { first_row_seconds, ..run })
}

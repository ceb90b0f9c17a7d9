//! vendas compared with alternatives: the same topic, in turn, each with its own tables.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use testbed::{Context, Database, Folder, Result, Signal, VendasCommand, bail, ensure};
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::{
    environment::{DEADLINE, Environment},
    load::{Load, Shape},
    results::{Cpu, Run},
    usage,
};

/// The folder of the peers, each with a `setup` and a `start`.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../peers");

/// The polling interval for the first and the last row.
const LOOK: Duration = Duration::from_millis(5);

/// An alternative to vendas.
pub(crate) struct Peer {
    name: &'static str,
    /// The folder of its installation.
    folder: PathBuf,
}

impl Peer {
    /// Installs everything that it needs.
    pub(crate) fn set_up(name: &'static str) -> Result<Self> {
        let folder = env::current_exe()?
            .ancestors()
            .find(|folder| folder.join("CACHEDIR.TAG").exists())
            .context("not in Cargo's target folder")?
            .join("peers")
            .join(name);
        fs::create_dir_all(&folder)?;
        let status = Command::new(Path::new(PEERS).join(name).join("setup")).arg(&folder).status();
        let status = status.with_context(|| format!("cannot set up {name}"))?;
        ensure!(status.success(), "cannot set up {name}: {status}");
        Ok(Self { name, folder })
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn command(
        &self,
        environment: &Environment,
        topic: &str,
        shape: Shape,
        database: &Database,
        scratch: &Folder,
    ) -> VendasCommand {
        VendasCommand::new(Path::new(PEERS).join(self.name).join("start"))
            .args([&self.folder])
            .env("BENCH_BROKERS", environment.servers.kafka.address())
            .env("BENCH_TOPIC", topic)
            .env("BENCH_SHAPE", shape.name())
            .env("BENCH_DATABASE_HOST", database.host())
            .env("BENCH_DATABASE_PORT", database.port().to_string())
            .env("BENCH_DATABASE_USER", database.user())
            .env("BENCH_DATABASE_PASSWORD", database.password())
            .env("BENCH_DATABASE_NAME", database.name())
            .env("BENCH_SCRATCH", scratch.path())
    }

    /// Processes the load, and measures from the first visible row to the last, so that the start
    /// of a JVM does not count. Rows that are there at the first query were written before and do
    /// not count.
    async fn run(&self, environment: &Environment, load: &Load) -> Result<Run> {
        let database = environment.database().await?;
        database.execute(tables(load.shape)).await?;
        let scratch = Folder::new("peer")?;
        let client = database.connect().await?;
        let process =
            self.command(environment, &load.topic, load.shape, &database, &scratch).start()?;
        let started = Instant::now();
        let failed = || format!("{}: {}", self.name, process.state());
        until(|| has_rows(&client, load.shape)).await.with_context(failed)?;
        let first_row_seconds = started.elapsed().as_secs_f64();
        let own = usage::cpu_seconds(process.process_id());
        let since = environment.meter();
        let before = done(&client, load).await?;
        until(|| has_all(&client, load)).await.with_context(failed)?;
        let own = usage::cpu_seconds(process.process_id()) - own;
        let run = environment.cost(&since, load.orders.saturating_sub(before), own);
        let peak_rss_bytes = usage::peak_rss_bytes_of_all(process.process_id());
        // Its exit code does not matter.
        process.signal(Signal::TERM)?;
        drop(process.wait_exit(Duration::from_secs(60)).await);
        match load.shape {
            Shape::Numbered => load.check_sales(&database).await,
            Shape::Ecommerce => load.check_products(&database).await,
        }
        .with_context(|| self.name)?;
        Ok(Run {
            candidate: self.name.to_owned(),
            peak_rss_bytes: Some(peak_rss_bytes),
            first_row_seconds: Some(first_row_seconds),
            ..run
        })
    }
}

/// The tables of a peer.
pub(crate) const fn tables(shape: Shape) -> &'static str {
    match shape {
        Shape::Numbered => {
            "CREATE TABLE sales (order_number INT PRIMARY KEY, total NUMERIC, processed_at TIMESTAMP)"
        }
        Shape::Ecommerce => {
            "CREATE TABLE product_totals (product TEXT PRIMARY KEY, quantity NUMERIC, amount NUMERIC)"
        }
    }
}

async fn until<F: Future<Output = Result<bool>>>(mut condition: impl FnMut() -> F) -> Result<()> {
    let until = Instant::now() + DEADLINE;
    while !condition().await? {
        if Instant::now() > until {
            bail!("it did not finish within {DEADLINE:?}");
        }
        sleep(LOOK).await;
    }
    Ok(())
}

async fn has_rows(client: &Client, shape: Shape) -> Result<bool> {
    let sql = match shape {
        Shape::Numbered => "SELECT EXISTS (SELECT FROM sales)",
        Shape::Ecommerce => "SELECT EXISTS (SELECT FROM product_totals)",
    };
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

/// The number of processed orders: counted, or estimated from the sum of the totals.
async fn done(client: &Client, load: &Load) -> Result<u64> {
    let row = match load.shape {
        Shape::Numbered => client.query_one("SELECT count(*) FROM sales", &[]).await?,
        Shape::Ecommerce => {
            let sql = "SELECT coalesce(div(sum(quantity) * $1::bigint, $2), 0)::bigint FROM product_totals";
            client.query_one(sql, &[&i64::try_from(load.orders)?, &load.quantity()]).await?
        }
    };
    Ok(u64::try_from(row.try_get::<_, i64>(0)?)?)
}

/// Counts only once the last order of every partition is stored, which is cheap to query.
async fn has_all(client: &Client, load: &Load) -> Result<bool> {
    if load.shape == Shape::Ecommerce {
        let sql = "SELECT coalesce(sum(quantity), 0) >= $1 FROM product_totals";
        return Ok(client.query_one(sql, &[&load.quantity()]).await?.try_get(0)?);
    }
    let last = "SELECT count(*) FROM sales WHERE order_number = ANY ($1::bigint[])";
    let found: i64 = client.query_one(last, &[&load.last_numbers]).await?.try_get(0)?;
    if usize::try_from(found)? < load.last_numbers.len() {
        return Ok(false);
    }
    let all: i64 = client.query_one("SELECT count(*) FROM sales", &[]).await?.try_get(0)?;
    Ok(u64::try_from(all)? >= load.orders)
}

/// `run --until-end` for a load: from the start of the process to its exit, with everything
/// durable.
pub(crate) async fn run_until_end(
    environment: &Environment,
    load: &Load,
    settings: &[(&str, String)],
) -> Result<Run> {
    let database = environment.prepared_database().await?;
    let command = settings
        .iter()
        .fold(environment.vendas(&[&load.topic], &database), |command, (name, value)| {
            command.env(name, value)
        })
        .args(["run", "--until-end"]);
    let run = environment.time(&command, load.orders).await?;
    load.check(&database).await?;
    Ok(run)
}

/// All of them in turn, `runs` times. Slow peers get a shorter topic of the same shape.
pub(crate) async fn compare(
    environment: &Environment,
    shape: Shape,
    orders: u64,
    runs: usize,
) -> Result<Vec<Run>> {
    let load = Load::send(environment, shape, orders, 4).await?;
    let fast: &[&str] = match shape {
        Shape::Numbered => &["psycopg", "spark", "connect"],
        Shape::Ecommerce => &["spark"],
    };
    let fast = fast.iter().map(|name| Peer::set_up(name)).collect::<Result<Vec<_>>>()?;
    let slow = match shape {
        Shape::Numbered => {
            let load = Load::send(environment, shape, orders.min(SLOW_ORDERS), 4).await?;
            Some((Peer::set_up("kafka-python")?, load))
        }
        Shape::Ecommerce => None,
    };
    let mut all = Vec::new();
    for _ in 0..runs {
        all.push(run_until_end(environment, &load, &[]).await?);
        for peer in &fast {
            all.push(peer.run(environment, &load).await?);
        }
        if let Some((peer, load)) = &slow {
            all.push(peer.run(environment, load).await?);
        }
    }
    for run in &mut all {
        run.part = shape.name().to_owned();
    }
    Ok(all)
}

/// Enough for half a minute of the first challenge's way.
const SLOW_ORDERS: u64 = 200_000;

/// CPU seconds of all three.
pub(crate) fn sum(cpu: Cpu) -> f64 {
    cpu.candidate + cpu.kafka + cpu.postgres
}

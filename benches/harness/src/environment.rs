//! The servers of a benchmark, and their CPU time.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use testbed::{
    Context, Database, KafkaOptions, PostgresOptions, Result, Testbed, Vendas, VendasCommand,
    ensure,
};
use tokio::{time::sleep, try_join};

use crate::{
    results::{Cpu, Run},
    usage,
};

/// For operations that take minutes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1800);

/// Typical settings for a server with some memory: PostgreSQL's own defaults are for the smallest
/// machines. All others, including fsync and full_page_writes, are the defaults.
const POSTGRES: [(&str, &str); 3] =
    [("shared_buffers", "2GB"), ("max_wal_size", "8GB"), ("checkpoint_timeout", "15min")];

/// A private Kafka and PostgreSQL, and the programs of this build.
pub(crate) struct Environment {
    pub(crate) servers: Testbed,
    program: PathBuf,
}

/// CPU seconds used until a moment.
pub(crate) struct Meter {
    kafka: f64,
    postgres: f64,
    started: Instant,
}

impl Environment {
    pub(crate) async fn start() -> Result<Self> {
        let postgres =
            POSTGRES.iter().fold(PostgresOptions::default(), |options, (name, value)| {
                options.setting(name, value)
            });
        let kafka = KafkaOptions::default().jvm(&["-Xms1g", "-Xmx1g", "-XX:+UseG1GC"]);
        let (kafka, postgres) = try_join!(kafka.start(), postgres.start())?;
        let program = std::env::current_exe()?.with_file_name("vendas");
        ensure!(program.exists(), "{} is not built: ./dev bench builds it", program.display());
        Ok(Self { servers: Testbed { kafka, postgres }, program })
    }

    /// A new database, after a checkpoint of the earlier ones.
    pub(crate) async fn database(&self) -> Result<Database> {
        let database = self.servers.database().await?;
        database.execute("CHECKPOINT").await?;
        Ok(database)
    }

    /// A new database with vendas' tables.
    pub(crate) async fn prepared_database(&self) -> Result<Database> {
        let database = self.database().await?;
        let applied =
            self.vendas(&["unused"], &database).args(["schema", "--apply"]).run(DEADLINE).await?;
        applied.expect_code(0)?;
        Ok(database)
    }

    pub(crate) fn vendas(&self, topics: &[&str], database: &Database) -> VendasCommand {
        self.servers.vendas(&self.program, topics, database)
    }

    /// Without a database.
    pub(crate) fn program(&self) -> VendasCommand {
        VendasCommand::new(&self.program).kafka(&self.servers.kafka, &["unused"])
    }

    /// The versions of the measured programs.
    pub(crate) async fn versions(&self) -> Result<BTreeMap<String, String>> {
        let database = self.servers.database().await?;
        let vendas = self.program().args(["--version"]).run(DEADLINE).await?.stdout;
        Ok(BTreeMap::from([
            ("vendas".to_owned(), vendas.trim().to_owned()),
            ("PostgreSQL".to_owned(), value(&database, "SHOW server_version").await?),
        ]))
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter {
            kafka: self.kafka_seconds(),
            postgres: self.postgres_seconds(),
            started: Instant::now(),
        }
    }

    fn kafka_seconds(&self) -> f64 {
        self.servers.kafka.process_id().map_or(0.0, usage::cpu_seconds)
    }

    fn postgres_seconds(&self) -> f64 {
        self.servers.postgres.process_id().map_or(0.0, usage::cpu_seconds)
    }

    /// The CPU seconds of `orders` orders since the meter was read.
    pub(crate) fn cost(&self, since: &Meter, orders: u64, candidate_cpu_seconds: f64) -> Run {
        Run {
            orders,
            seconds: since.started.elapsed().as_secs_f64(),
            cpu_seconds: Cpu {
                candidate: candidate_cpu_seconds,
                kafka: self.kafka_seconds() - since.kafka,
                postgres: self.postgres_seconds() - since.postgres,
            },
            ..Run::default()
        }
    }

    /// Runs a command until it exits successfully, and returns its duration.
    pub(crate) async fn time(&self, command: &VendasCommand, orders: u64) -> Result<Run> {
        let ended = usage::cpu_seconds_of_ended();
        let since = self.meter();
        let process = command.start()?;
        let peak_rss_bytes = watch_memory(&process).await?;
        let cpu_seconds = usage::cpu_seconds_of_ended() - ended;
        let run = self.cost(&since, orders, cpu_seconds);
        process.wait_exit(DEADLINE).await?.expect_code(0)?;
        Ok(Run { candidate: "vendas".to_owned(), peak_rss_bytes: Some(peak_rss_bytes), ..run })
    }
}

/// Waits for the end of a process. Returns its peak memory, up to some milliseconds before that.
async fn watch_memory(process: &Vendas) -> Result<u64> {
    let until = Instant::now() + DEADLINE;
    let mut peak = 0;
    while process.is_running()? {
        ensure!(Instant::now() < until, "no end within {DEADLINE:?}: {}", process.state());
        peak = peak.max(usage::peak_rss_bytes(process.process_id()).unwrap_or_default());
        // A long interval, so that polling does not use the CPU of the measured processes.
        sleep(Duration::from_millis(20)).await;
    }
    Ok(peak)
}

/// The single value of a query.
pub(crate) async fn value(database: &Database, sql: &str) -> Result<String> {
    let rows = database.table(sql).await?.rows;
    rows.into_iter().flatten().next().flatten().with_context(|| format!("no value: {sql}"))
}

//! `./dev bench`: measures vendas on private servers, compared with alternatives and with the
//! limits of the machine.
//!
//! [`environment`] has the servers, [`load`] fills topics, [`compare`], [`bound`], [`latency`],
//! [`start`], [`partitions`], [`sweep`] and [`growth`] are the parts, [`results`] are their
//! results, and [`usage`] reads the CPU time and memory of processes.
//!
//! **Invariant:** a run after which a table is wrong has no rate.
#![allow(clippy::float_arithmetic, reason = "seconds and rates, no money")]

mod bound;
mod compare;
mod environment;
mod growth;
mod latency;
mod load;
mod partitions;
mod results;
mod start;
mod sweep;
mod usage;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, ValueEnum};
use testbed::{Result, end_everything};

use environment::Environment;
use load::Shape;
use results::{Results, Run};

/// Measures vendas on private servers
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    /// Parts to measure; by default all
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Orders in a topic
    #[arg(long, default_value_t = 1_000_000)]
    orders: u64,
    /// Runs of each candidate; the median is reported
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Existing rows in the tables, in millions, for `growth`
    #[arg(long, value_delimiter = ',', default_value = "0,10,50")]
    millions: Vec<u64>,
    /// A JSON file for every single run; runs of other parts in it are kept
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Numbered orders: vendas and four others
    Numbered,
    /// E-commerce orders with product totals: vendas and Spark
    Ecommerce,
    /// Each part of the work alone, and the ratio of the whole to their sum
    Bound,
    /// From the producer's acknowledgement to the visible row
    Latency,
    /// From the start of the process to the first row
    Start,
    /// 1 to 16 partitions
    Partitions,
    /// A thousand partitions, all with a backlog
    Fairness,
    /// Batches of 1 to 1,000 records
    BatchSize,
    /// 1 to 8 batches of a partition in flight
    Depth,
    /// Records of 100 B to 100 KB
    RecordSize,
    /// Tables with millions of existing rows
    Growth,
}

impl Part {
    async fn measure(self, environment: &Environment, cli: &Cli) -> Result<Vec<Run>> {
        let (orders, runs) = (cli.orders, cli.runs);
        match self {
            Self::Numbered => compare::compare(environment, Shape::Numbered, orders, runs).await,
            Self::Ecommerce => compare::compare(environment, Shape::Ecommerce, orders, runs).await,
            Self::Bound => {
                let mut all = bound::bound(environment, Shape::Numbered, orders, runs).await?;
                all.extend(bound::bound(environment, Shape::Ecommerce, orders, runs).await?);
                Ok(all)
            }
            Self::Latency => latency::latency(environment, runs).await,
            Self::Start => start::start(environment, runs.max(5)).await,
            Self::Partitions => partitions::partitions(environment, orders, runs).await,
            Self::Fairness => partitions::fairness(environment, orders, runs).await,
            Self::BatchSize => sweep::batch_sizes(environment, orders, runs).await,
            Self::Depth => sweep::depths(environment, orders, runs).await,
            Self::RecordSize => sweep::record_sizes(environment, orders, runs).await,
            Self::Growth => growth::growth(environment, orders, &cli.millions).await,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = tokio::runtime::Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run(&cli)));
    match result.and(end_everything()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<()> {
    let mut results = match &cli.json {
        Some(path) => Results::load(path)?,
        None => Results::default(),
    };
    results.machine = usage::machine()?;
    let parts = if cli.parts.is_empty() { Part::value_variants() } else { &cli.parts };
    for part in parts {
        let name =
            part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        say(&format!("\n== {name}"));
        // New servers, so that no part inherits another's files and caches.
        let environment = Environment::start().await?;
        results.versions = environment.versions().await?;
        let runs = part.measure(&environment, cli).await?;
        for name in names(&runs) {
            let of_part: Vec<_> = runs.iter().filter(|run| run.part == name).cloned().collect();
            let verdict = bound::verdict(&of_part).unwrap_or_default();
            print(&format!(
                "\n{name} ({})\n\n{}{verdict}",
                results.machine,
                results::table(&of_part)
            ))?;
        }
        results.put(runs);
        if let Some(path) = &cli.json {
            results.save(path)?;
        }
    }
    Ok(())
}

/// The parts of these runs, each once.
fn names(runs: &[Run]) -> Vec<String> {
    let mut names: Vec<_> = runs.iter().map(|run| run.part.clone()).collect();
    names.dedup();
    names
}

fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Reports the progress.
fn say(text: &str) {
    // A closed standard error is not a failure.
    let _told = writeln!(io::stderr(), "{text}").is_ok();
}

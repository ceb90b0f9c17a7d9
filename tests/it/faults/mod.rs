//! The fault matrix: what can fail fails, again and again, while orders come in at a steady pace,
//! and afterwards every row, total, dead letter and offset is as the records say.
//!
//! Each test prints a line of figures, which docs/reliability.md keeps. `VENDAS_TEST_FAULTS=10`
//! has everything fail ten times as often, `VENDAS_TEST_SEED` chooses other moments for it.

mod database;
mod disk;
mod failover;
mod kafka;
mod load;
mod logs;
mod network;
mod postgres;
mod program;
mod truncated;

use std::{env, time::Duration};

use testbed::{Context, Result};

/// What came of it, after the check that nothing was lost and nothing came twice.
struct Figures {
    what: &'static str,
    times: usize,
    records: usize,
    /// The longest that a partition stood still while records were waiting for it; `None` where it
    /// halts and waits for a person.
    longest: Option<Duration>,
    /// The longest that it stood still after what had failed worked again, where that can be said.
    after: Option<Duration>,
}

impl Figures {
    /// As a row of the table in docs/reliability.md.
    #[expect(clippy::print_stdout, reason = "the harness shows it when it is asked for")]
    fn print(&self) {
        let Self { what, times, records, longest, after } = self;
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        let longest = longest.map_or("halts".to_owned(), seconds);
        let after = after.map_or("–".to_owned(), seconds);
        println!("| {what} | {times} | {records} | 0 | 0 | {longest} | {after} |");
    }
}

/// How often something fails, where `usual` is what a test run has time for.
fn times(usual: usize) -> Result<usize> {
    match env::var("VENDAS_TEST_FAULTS") {
        Ok(factor) => Ok(usual * factor.parse::<usize>().context("VENDAS_TEST_FAULTS")?),
        Err(_) => Ok(usual),
    }
}

/// What the moments are drawn from.
fn seed(usual: u64) -> Result<u64> {
    match env::var("VENDAS_TEST_SEED") {
        Ok(seed) => seed.parse().context("VENDAS_TEST_SEED"),
        Err(_) => Ok(usual),
    }
}

//! The fault tests: every possible fault occurs repeatedly while records are sent at a steady rate,
//! and afterwards every row, total, dead letter and offset must match the records.
//!
//! Each test prints a line of figures for the table in docs/reliability.md. `VENDAS_TEST_FAULTS=10`
//! repeats every fault ten times as often, `VENDAS_TEST_SEED` chooses other moments.

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

/// The results, after the check that nothing was lost or written twice.
struct Figures {
    what: &'static str,
    times: usize,
    records: usize,
    /// The longest time without progress of a partition with waiting records; `None` if it halts
    /// until a decision.
    longest: Option<Duration>,
    /// The longest time without progress after the repair, where there is one.
    after: Option<Duration>,
}

impl Figures {
    /// Prints a row of the table in docs/reliability.md.
    #[expect(clippy::print_stdout, reason = "shown with --show-output")]
    fn print(&self) {
        let Self { what, times, records, longest, after } = self;
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        let longest = longest.map_or("halts".to_owned(), seconds);
        let after = after.map_or("–".to_owned(), seconds);
        println!("| {what} | {times} | {records} | 0 | 0 | {longest} | {after} |");
    }
}

/// The number of repetitions, where `usual` fits into a run of all tests.
fn times(usual: usize) -> Result<usize> {
    match env::var("VENDAS_TEST_FAULTS") {
        Ok(factor) => Ok(usual * factor.parse::<usize>().context("VENDAS_TEST_FAULTS")?),
        Err(_) => Ok(usual),
    }
}

/// The seed of the random moments.
fn seed(usual: u64) -> Result<u64> {
    match env::var("VENDAS_TEST_SEED") {
        Ok(seed) => seed.parse().context("VENDAS_TEST_SEED"),
        Err(_) => Ok(usual),
    }
}

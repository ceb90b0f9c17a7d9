//! The fault matrix: what can fail fails, again and again, while orders come in at a steady pace,
//! and afterwards every row, total, dead letter and offset is as the records say.
//!
//! Each test prints a line of figures, which docs/reliability.md keeps. `VENDAS_TEST_FAULTS=10`
//! has everything fail ten times as often, `VENDAS_TEST_SEED` chooses other moments for it.

mod database;
mod disk;
mod kafka;
mod load;
mod logs;
mod network;
mod postgres;
mod program;

use std::env;

use testbed::{Context, Result};

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

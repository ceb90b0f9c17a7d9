//! PostgreSQL is stopped or killed, and restarted.

use testbed::{Postgres, Result, Signal, Vendas, ensure, eventually};

use super::{load::Load, seed, times};
use crate::{
    scenario::{DEADLINE, LANES, Scenario, count_lines, postgres_with_delayed_wal},
    stream::Dice,
};

/// How it is stopped.
#[derive(Clone, Copy, Debug)]
enum End {
    Fast,
    Immediate,
    /// Only the postmaster: the other processes serve their clients until they notice.
    KilledPostmaster,
    /// All processes at once.
    Killed,
}

impl End {
    async fn of(self, postgres: &Postgres) -> Result<()> {
        match self {
            Self::Fast => postgres.stop().await,
            Self::Immediate => postgres.stop_immediately().await,
            Self::KilledPostmaster => postgres.kill_postmaster().await,
            Self::Killed => postgres.kill(),
        }
    }
}

#[tokio::test]
async fn it_survives_outages_of_postgresql_with_asynchronous_commits() -> Result<()> {
    let mut crashes_that_took_back = 0;
    let postgres = postgres_with_delayed_wal().await?;
    for (end, what) in [
        (End::Fast, "PostgreSQL stopped fast, `synchronous_commit = off`"),
        (End::Immediate, "PostgreSQL stopped immediately, `synchronous_commit = off`"),
        (End::KilledPostmaster, "`kill -9` of the postmaster, `synchronous_commit = off`"),
        (End::Killed, "`kill -9` of all of PostgreSQL, `synchronous_commit = off`"),
    ] {
        let taken_back = survives(&postgres, end, what, "off").await?;
        match end {
            End::Fast => {
                ensure!(taken_back == 0, "an orderly shutdown lost commits {taken_back} times");
            }
            _ => crashes_that_took_back += taken_back,
        }
    }
    // Otherwise this would be no different from the other test.
    ensure!(crashes_that_took_back > 0, "no crash lost commits");
    Ok(())
}

#[tokio::test]
async fn it_survives_outages_of_postgresql_with_synchronous_commits() -> Result<()> {
    let postgres = postgres_with_delayed_wal().await?;
    for (end, what) in [
        (End::Fast, "PostgreSQL stopped fast, `synchronous_commit = on`"),
        (End::Immediate, "PostgreSQL stopped immediately, `synchronous_commit = on`"),
        (End::KilledPostmaster, "`kill -9` of the postmaster, `synchronous_commit = on`"),
        (End::Killed, "`kill -9` of all of PostgreSQL, `synchronous_commit = on`"),
    ] {
        let taken_back = survives(&postgres, end, what, "on").await?;
        ensure!(taken_back == 0, "{end:?} lost synchronous commits {taken_back} times");
    }
    Ok(())
}

#[tokio::test]
async fn commits_lost_by_a_crash_are_repeated_without_new_records() -> Result<()> {
    let postgres = postgres_with_delayed_wal().await?;
    let scenario = Scenario::with(postgres.database().await?, seed(9)?, 20).await?;
    let vendas = scenario.vendas(["run"]).start()?;
    let mut taken_back = 0;
    for _ in 0..2 {
        scenario.send(10).await?;
        scenario.progress().await?.reach(scenario.sent(), &vendas).await?;
        // It repeats lost commits as soon as it can.
        vendas.signal(Signal::STOP)?;
        postgres.kill()?;
        postgres.restart().await?;
        let progress = scenario.progress().await?;
        taken_back += scenario.sent() - progress.records().await?;
        vendas.signal(Signal::CONT)?;
        progress.reach(scenario.sent(), &vendas).await?;
    }
    ensure!(taken_back > 0, "the crash lost no commits");
    scenario.expect_all().await
}

/// Returns how many outages lost commits.
async fn survives(
    postgres: &Postgres,
    end: End,
    what: &'static str,
    synchronous_commit: &str,
) -> Result<usize> {
    let (outages, seed) = (times(2)?, seed(3)?);
    let load = Load::with(what, postgres.database().await?, seed, outages).await?;
    let mut dice = Dice::new(seed);
    let mut taken_back = 0;
    let vendas = load
        .scenario
        .vendas(["run"])
        .env("VENDAS_DATABASE__SYNCHRONOUS_COMMIT", synchronous_commit)
        .start()?;
    let faults = async |vendas: &Vendas| {
        for _ in 0..outages {
            let seen = load.advance(1 + dice.below(10 * LANES), vendas).await?;
            let before = count_lines(&vendas.stderr()?, "paused");
            end.of(postgres).await?;
            load.until_logged(vendas, "paused", before + 1).await?;
            // It repeats lost commits as soon as it can.
            vendas.signal(Signal::STOP)?;
            postgres.restart().await?;
            taken_back += usize::from(load.scenario.progress().await?.records().await? < seen);
            load.repaired();
            vendas.signal(Signal::CONT)?;
            load.caught_up(vendas).await?;
        }
        eventually("the end of each outage", DEADLINE, async || {
            let log = vendas.stderr()?;
            ensure!(count_lines(&log, "paused") == count_lines(&log, "resumed"), "{log}");
            Ok(())
        })
        .await
    };
    let ended = load.run_faults(vendas, faults).await?;
    // While a server ends or starts, one connection may fail after another has succeeded.
    let [paused, resumed] = ["paused", "resumed"].map(|text| count_lines(&ended.stderr, text));
    let few = (outages..=2 * outages).contains(&paused) || matches!(end, End::KilledPostmaster);
    ensure!(few && paused == resumed, "{outages}, {paused}, {resumed}:\n{}", ended.stderr);
    load.check_and_print().await?;
    Ok(taken_back)
}

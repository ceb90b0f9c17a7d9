//! PostgreSQL goes down and comes back.

use testbed::{Postgres, Result, ensure};

use super::{load::Load, seed, times};
use crate::{
    stage::{LANES, Stage, lines, terminate, that_puts_off_what_it_may},
    stream::Dice,
};

/// How it goes down.
#[derive(Clone, Copy, Debug)]
enum End {
    Fast,
    Immediate,
    /// The first process alone: the others serve on until they notice.
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
async fn it_outlives_postgresql_going_down_with_promised_commits_in_flight() -> Result<()> {
    let mut crashes_that_took_back = 0;
    let postgres = that_puts_off_what_it_may().await?;
    for (end, what) in [
        (End::Fast, "PostgreSQL stopped fast, `synchronous_commit = off`"),
        (End::Immediate, "PostgreSQL stopped immediately, `synchronous_commit = off`"),
        (End::KilledPostmaster, "`kill -9` of the postmaster, `synchronous_commit = off`"),
        (End::Killed, "`kill -9` of all of PostgreSQL, `synchronous_commit = off`"),
    ] {
        let taken_back = outlives(&postgres, end, what, "off").await?;
        match end {
            End::Fast => ensure!(taken_back == 0, "an orderly end took {taken_back} times back"),
            _ => crashes_that_took_back += taken_back,
        }
    }
    // Otherwise this was no different from the other test.
    ensure!(crashes_that_took_back > 0, "no crash took anything back");
    Ok(())
}

#[tokio::test]
async fn it_outlives_postgresql_going_down_with_durable_commits_in_flight() -> Result<()> {
    let postgres = that_puts_off_what_it_may().await?;
    for (end, what) in [
        (End::Fast, "PostgreSQL stopped fast, `synchronous_commit = on`"),
        (End::Immediate, "PostgreSQL stopped immediately, `synchronous_commit = on`"),
        (End::KilledPostmaster, "`kill -9` of the postmaster, `synchronous_commit = on`"),
        (End::Killed, "`kill -9` of all of PostgreSQL, `synchronous_commit = on`"),
    ] {
        let taken_back = outlives(&postgres, end, what, "on").await?;
        ensure!(taken_back == 0, "{taken_back} times {end:?} took back what was durable");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_crash_took_back_is_done_again_where_nothing_more_comes() -> Result<()> {
    let postgres = that_puts_off_what_it_may().await?;
    let stage = Stage::with(postgres.database().await?, seed(9)?, 20).await?;
    let vendas = stage.vendas(["run"]).start()?;
    let mut taken_back = 0;
    for _ in 0..2 {
        stage.send(10).await?;
        stage.progress().await?.reach(stage.sent(), &vendas).await?;
        postgres.kill()?;
        postgres.restart().await?;
        let progress = stage.progress().await?;
        taken_back += stage.sent() - progress.records().await?;
        progress.reach(stage.sent(), &vendas).await?;
    }
    ensure!(taken_back > 0, "the crash took nothing back");
    stage.expect_all().await
}

/// Returns how often what had been committed was taken back.
async fn outlives(
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
        .stage
        .vendas(["run"])
        .env("VENDAS_DATABASE__SYNCHRONOUS_COMMIT", synchronous_commit)
        .start()?;
    load.while_it_lasts(async {
        for _ in 0..outages {
            load.round();
            let progress = load.stage.progress().await?;
            let target = progress.records().await? + 1 + dice.below(10 * LANES);
            let seen = progress.reach(target, &vendas).await?;
            let before = lines(&vendas.stderr()?, "paused");
            end.of(postgres).await?;
            load.says(&vendas, "paused", before + 1).await?;
            postgres.restart().await?;
            load.mended();
            taken_back += usize::from(load.stage.progress().await?.records().await? < seen);
            load.caught_up(&vendas).await?;
        }
        Ok(())
    })
    .await?;
    load.caught_up(&vendas).await?;
    let ended = terminate(vendas).await?;
    for (text, said) in ["paused", "resumed"].map(|text| (text, lines(&ended.stderr, text))) {
        // Without a postmaster some connections still serve, and it goes on for a moment.
        let once_each = said == outages || matches!(end, End::KilledPostmaster);
        ensure!(once_each, "{outages} outages, {said} times {text:?}:\n{}", ended.stderr);
    }
    load.settle().await?;
    Ok(taken_back)
}

//! The disk is full.

use testbed::{PostgresOptions, Result, SmallDisk, Vendas, ensure, eventually};

use super::{load::Load, seed, times};
use crate::scenario::{DEADLINE, count_lines};

const PAUSED: &str = "paused, will resume automatically";

/// Enough for the tables at the start, and soon used up.
const MEBIBYTES: u32 = 24;

/// Enough for the write-ahead log of creating a database and the tables.
const WAL_MEBIBYTES: u32 = 64;

#[tokio::test]
async fn a_full_disk_is_waited_for() -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(30)?);
    let Some(disk) = SmallDisk::mount(MEBIBYTES)? else {
        println!("NOT TESTED: a full disk, since only root may mount a small one");
        return Ok(());
    };
    let postgres = PostgresOptions::default().start().await?;
    let tablespace = format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display());
    postgres.postgres().execute(&tablespace).await?;
    let database = postgres.database().await?;
    let load = Load::with("the disk of the tables full", database, seed, rounds + 1).await?;
    let database = &load.scenario.database;
    for table in ["sales", "orders", "dead_letters", "orders_ledger"] {
        database.execute(&format!("ALTER TABLE {table} SET TABLESPACE small")).await?;
    }
    let vendas = load.scenario.vendas(["run"]).start()?;
    let faults = async |vendas: &Vendas| {
        load.round();
        load.scenario.progress().await?.reach(1, vendas).await?;
        for _ in 0..rounds {
            let told = count_lines(&vendas.stderr()?, PAUSED);
            disk.fill()?;
            load.round();
            load.until_logged(vendas, PAUSED, told + 1).await?;
            disk.free()?;
            load.repaired_and_caught_up(vendas).await?;
        }
        Ok(())
    };
    let ended = load.run_faults(vendas, faults).await?;
    ensure!(
        ended.stderr.contains("53100"),
        "the log does not report the full disk: {}",
        ended.stderr
    );
    load.check_and_print().await
}

/// PostgreSQL panics if it cannot write its log, and ends if it cannot do so during recovery either.
#[tokio::test]
async fn a_full_disk_under_the_write_ahead_log_is_waited_for() -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(31)?);
    let Some(disk) = SmallDisk::mount(WAL_MEBIBYTES)? else {
        println!("NOT TESTED: a full disk under the log, since only root may mount a small one");
        return Ok(());
    };
    // Few segments are kept for later use, so that the log soon needs a new one.
    let options = PostgresOptions::default().wal(disk.path());
    let options = options.setting("min_wal_size", "2MB").setting("max_wal_size", "8MB");
    let postgres = options.start().await?;
    let what = "the disk of the write-ahead log full, PostgreSQL started again";
    let load = Load::with(what, postgres.database().await?, seed, rounds + 1).await?;
    let panics = || {
        let log = postgres.log()?;
        let full = |line: &&str| line.contains("PANIC") && line.contains("No space left on device");
        Ok::<_, testbed::Error>(log.lines().filter(full).count())
    };
    let vendas = load.scenario.vendas(["run"]).start()?;
    let faults = async |vendas: &Vendas| {
        load.round();
        load.scenario.progress().await?.reach(1, vendas).await?;
        for _ in 0..rounds {
            let (told, panicked) = (count_lines(&vendas.stderr()?, PAUSED), panics()?);
            load.round();
            eventually("the end of PostgreSQL", DEADLINE, async || {
                disk.fill()?;
                // Uses up the segments that exist. It fails once there is none left.
                let next = "SELECT pg_logical_emit_message(false, 'test', ''), pg_switch_wal()";
                let _ = postgres.postgres().execute(next).await;
                ensure!(postgres.process_id().is_none(), "its log is:\n{}", postgres.log()?);
                Ok(())
            })
            .await?;
            ensure!(panics()? > panicked, "it has not panicked:\n{}", postgres.log()?);
            load.until_logged(vendas, PAUSED, told + 1).await?;
            disk.free()?;
            postgres.restart().await?;
            load.repaired_and_caught_up(vendas).await?;
        }
        Ok(())
    };
    load.run_faults(vendas, faults).await?;
    load.check_and_print().await
}

//! The disk is full.

use testbed::{PostgresOptions, Result, SmallDisk, Vendas, ensure};

use super::{load::Load, seed, times};
use crate::scenario::count_lines;

const PAUSED: &str = "paused, will resume automatically";

/// Enough for the tables at the start, and soon used up.
const MEBIBYTES: u32 = 24;

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

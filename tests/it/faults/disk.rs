//! The disk is full.

use testbed::{PostgresOptions, Result, SmallDisk, ensure};

use super::{load::Load, seed, times};
use crate::stage::{lines, terminate};

const PAUSED: &str = "paused, will resume automatically";

/// What fits besides the tables at their start, and is soon used up.
const MEBIBYTES: u32 = 24;

#[tokio::test]
async fn a_full_disk_is_waited_out() -> Result<()> {
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
    let database = &load.stage.database;
    for table in ["sales", "orders", "dead_letters", "orders_ledger"] {
        database.execute(&format!("ALTER TABLE {table} SET TABLESPACE small")).await?;
    }
    let vendas = load.stage.vendas(["run"]).start()?;
    load.while_it_lasts(async {
        load.round();
        load.stage.progress().await?.reach(1, &vendas).await?;
        for _ in 0..rounds {
            let told = lines(&vendas.stderr()?, PAUSED);
            disk.fill()?;
            load.round();
            load.says(&vendas, PAUSED, told + 1).await?;
            disk.free()?;
            load.mended();
            load.caught_up(&vendas).await?;
        }
        Ok(())
    })
    .await?;
    load.caught_up(&vendas).await?;
    let ended = terminate(vendas).await?;
    ensure!(
        ended.stderr.contains("53100"),
        "it does not say that the disk is full: {}",
        ended.stderr
    );
    load.settle().await
}

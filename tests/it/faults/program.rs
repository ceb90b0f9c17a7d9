//! The program is killed.

use std::time::Duration;

use testbed::{Result, ensure};
use tokio::time::sleep;

use super::{
    load::{Load, SHARE},
    seed, times,
};
use crate::{scenario::LANES, stream::Dice};

#[tokio::test]
async fn killed_at_random_moments_it_loses_and_repeats_nothing() -> Result<()> {
    let (kills, seed) = (times(60)?, seed(2)?);
    let load = Load::shared("`kill -9` of vendas", seed, kills).await?;
    let progress = load.scenario.progress().await?;
    let mut dice = Dice::new(seed);
    let mut in_the_middle = 0;
    load.while_sending(async {
        for _ in 0..kills {
            load.round();
            let before = progress.records().await?;
            let vendas = load.scenario.vendas(["run"]).start()?;
            load.repaired();
            if dice.one_in(2) {
                // At any moment, for example during its start.
                sleep(Duration::from_millis(u64::try_from(dice.below(300))?)).await;
            } else {
                // During commits.
                progress.reach(before + 1 + dice.below(SHARE * LANES / 2), &vendas).await?;
            }
            vendas.kill()?;
            in_the_middle += usize::from(progress.records().await? > before);
        }
        Ok(())
    })
    .await?;
    load.scenario.run_until_end().await?;
    ensure!(in_the_middle >= kills / 3, "only {in_the_middle} of {kills} runs committed anything");
    load.check_and_print().await
}

//! Brokers are killed and restarted.

use testbed::{Context, Kafka, KafkaCluster, Librdkafka, Result, Vendas, ensure, eventually};

use super::{
    load::{Load, SHARE},
    seed, times,
};
use crate::{
    scenario::{DEADLINE, LANES},
    stream::Dice,
};

#[tokio::test]
async fn a_broker_that_is_killed_and_restarted_is_waited_for() -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(40)?);
    let kafka = Kafka::start().await?;
    let what = "`kill -9` of the only broker, restarted";
    let load = Load::on(what, &kafka, seed, rounds).await?;
    let vendas = load.scenario.vendas(["run"]).start()?;
    let mut dice = Dice::new(seed);
    let faults = async |vendas: &Vendas| {
        for _ in 0..rounds {
            load.advance(1 + dice.below(SHARE * LANES / 3), vendas).await?;
            kafka.kill()?;
            kafka.restart().await?;
            load.repaired_and_caught_up(vendas).await?;
        }
        Ok(())
    };
    load.run_faults(vendas, faults).await?;
    load.check_and_print().await
}

#[tokio::test]
async fn killing_leaders_in_turn_loses_no_record_acknowledged_by_all_replicas() -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(41)?);
    let cluster = KafkaCluster::start().await?;
    let what = "`kill -9` of the leader among three brokers, in turn";
    let load = Load::on(what, cluster.kafka(), seed, rounds).await?;
    let topic = &load.scenario.topics[0];
    let observer = Librdkafka::start(cluster.kafka()).await?;
    let vendas = load.scenario.vendas(["run"]).start()?;
    let faults = async |vendas: &Vendas| {
        for round in 0..rounds {
            load.advance(1, vendas).await?;
            // The leader of another partition each time.
            let partition = i32::try_from(round % 3)?;
            let leader = eventually("a leader", DEADLINE, async || {
                let replicas = observer.replicas(topic).await?;
                let (leader, _) = replicas.get(&partition).context("not listed")?;
                ensure!(*leader > 0, "{replicas:?}");
                Ok(*leader)
            })
            .await?;
            cluster.broker(leader)?.kill()?;
            // The two other brokers continue without it.
            load.repaired_and_caught_up(vendas).await?;
            cluster.broker(leader)?.restart().await?;
            eventually("three replicas in sync", DEADLINE, async || {
                for topic in &load.scenario.topics {
                    let replicas = observer.replicas(topic).await?;
                    ensure!(
                        replicas.values().all(|(_, in_sync)| in_sync.len() == 3),
                        "{replicas:?}"
                    );
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    };
    load.run_faults(vendas, faults).await?;
    load.check_and_print().await
}

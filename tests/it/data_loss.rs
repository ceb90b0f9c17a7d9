//! Records that Kafka has lost: never passed over in silence.

use std::fs::File;

use testbed::{Kafka, Result, Testbed, VendasCommand, ensure, eventually};

use crate::{
    shop::{VENDAS, numbered},
    stage::{DEADLINE, lines},
};

const TOPIC: &str = "orders";

async fn send(kafka: &Kafka, partition: i32, numbers: std::ops::Range<i32>) -> Result<()> {
    let records: Vec<_> = numbers.map(|n| testbed::Record::new(numbered(n))).collect();
    kafka.produce(TOPIC, partition, &records).await?;
    Ok(())
}

/// A leader that lacks what was read writes other records at the same offsets. By their number
/// alone nobody could tell (KIP-320).
#[tokio::test]
async fn a_log_that_was_truncated_and_written_anew_halts_its_partition() -> Result<()> {
    let kafka = Kafka::start().await?;
    let database = Testbed::shared().await?.database().await?;
    kafka.create_topic(TOPIC, 2, &[]).await?;
    let vendas = VendasCommand::new(VENDAS).kafka(&kafka, &[TOPIC]).database(&database);
    for first in [0, 10, 20] {
        send(&kafka, 0, first..first + 10).await?;
        send(&kafka, 1, 1000 + first..1010 + first).await?;
    }
    let until_end = vendas.clone().args(["run", "--until-end"]);
    until_end.run(DEADLINE).await?.expect_code(0)?;
    ensure!(database.count("sales").await? == 60, "orders are missing");

    // The broker comes back with less than it had acknowledged, as after a loss of power.
    let log = kafka.log_file(TOPIC, 0)?;
    kafka.kill()?;
    let log = File::options().write(true).open(log)?;
    let length = log.metadata()?.len();
    log.set_len(length - length / 6)?;
    kafka.restart().await?;
    let truncated = kafka.log_end(TOPIC, 0).await?;
    ensure!((10..30).contains(&truncated), "{truncated}");
    // More than was lost, so that the old next offset lies within the log again.
    send(&kafka, 0, 500..530).await?;
    send(&kafka, 1, 1500..1505).await?;

    let run = vendas.clone().args(["run"]).start()?;
    eventually("the partition that lost nothing", DEADLINE, async || {
        let sql = "SELECT next_offset FROM partitions WHERE partition = 1";
        let rows = database.table(sql).await?.rows;
        ensure!(rows[0][0].as_deref() == Some("35"), "{rows:?}: {}", run.state());
        Ok(())
    })
    .await?;
    eventually("word of the truncation", DEADLINE, async || {
        let span = format!("truncated at {truncated}: what was read in [{truncated}, 30)");
        ensure!(lines(&run.stderr()?, &span) == 1, "{}", run.state());
        Ok(())
    })
    .await?;
    ensure!(database.count("sales WHERE order_number BETWEEN 500 AND 999").await? == 0, "read on");
    Ok(())
}

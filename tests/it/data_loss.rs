//! Records that Kafka has lost: never passed over in silence.

use std::fs::File;

use testbed::{Kafka, Result, Testbed, Vendas, VendasCommand, ensure, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    shop::{Shop, VENDAS, numbered},
    stage::{DEADLINE, lines, terminate},
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
        let span = format!("truncated at {truncated}: the records read in [{truncated}, 30)");
        ensure!(lines(&run.stderr()?, &span) == 1, "{}", run.state());
        Ok(())
    })
    .await?;
    ensure!(database.count("sales WHERE order_number BETWEEN 500 AND 999").await? == 0, "read on");
    Ok(())
}

const RESETS: &str = "SELECT partition, from_offset, to_offset, from_topic_id = to_topic_id,
                             because, reset_by LIKE 'instance %', role
                      FROM offset_resets ORDER BY id";

/// A shop whose first partition loses `[50, 70)` before vendas reads it.
pub(crate) async fn robbed() -> Result<Shop> {
    let shop = Shop::open(2).await?;
    shop.send_numbers(0, 0..50).await?;
    shop.work().await?;
    shop.send_numbers(0, 50..80).await?;
    shop.send_numbers(1, 100..130).await?;
    shop.bed.kafka.delete_records(&shop.topic, 0, 70).await?;
    Ok(shop)
}

async fn eventually_sales(shop: &Shop, count: i64, by: &Vendas) -> Result<()> {
    eventually(&format!("{count} sales"), DEADLINE, async || {
        let sales = shop.database.count("sales").await?;
        ensure!(sales == count, "{sales}: {}", by.state());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_halted_partition_goes_on_when_a_person_has_decided() -> Result<()> {
    let shop = robbed().await?;
    let run = shop.vendas(&["run"]).start()?;
    eventually_sales(&shop, 80, &run).await?;
    eventually("the span that is missing", DEADLINE, async || {
        let halts = lines(&run.stderr()?, "[50, 70) was deleted before it was read");
        ensure!(halts == 1, "{}", run.state());
        Ok(())
    })
    .await?;
    ensure!(shop.rows(RESETS).await?.is_empty(), "noted before it was decided");

    let reset = ["offsets", "reset", "--partition", "0", "--to", "70"];
    let usage = shop.vendas(&reset).args(["--yes"]).run(DEADLINE).await?.expect_code(2)?;
    ensure!(usage.stderr.contains("--because"), "{}", usage.stderr);
    let because = ["--because", "retention was too short", "--yes"];
    let reset = shop.vendas(&reset).args(because).env("USER", "maria");
    reset.run(DEADLINE).await?.expect_code(0)?;
    eventually_sales(&shop, 90, &run).await?;
    let noted = shop.rows(RESETS).await?;
    ensure!(noted == ["0|50|70|t|retention was too short|f|postgres"], "{noted:?}");
    let by = shop.rows("SELECT reset_by FROM offset_resets").await?;
    ensure!(by[0].starts_with("maria@"), "{by:?}");
    shop.send_numbers(0, 80..90).await?;
    eventually_sales(&shop, 100, &run).await?;
    terminate(run).await.map(drop)
}

#[tokio::test]
async fn whoever_says_so_goes_on_behind_a_loss_and_it_is_noted() -> Result<()> {
    let shop = robbed().await?;
    let vendas = |args: &[&str]| shop.vendas(args).env("VENDAS_PIPELINE__ON_DATA_LOSS", "continue");
    vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.database.count("sales").await? == 90, "orders are missing");
    let noted = shop.rows(RESETS).await?;
    ensure!(noted.len() == 1 && noted[0].starts_with("0|50|70|t|next offset 50 of"), "{noted:?}");
    ensure!(noted[0].ends_with("|t|postgres"), "{noted:?}");

    // A topic that is created anew while it is worked.
    let run = vendas(&["run"]).start()?;
    shop.send_numbers(1, 130..140).await?;
    eventually_sales(&shop, 100, &run).await?;
    shop.bed.kafka.delete_topic(&shop.topic).await?;
    eventually("the topic again", DEADLINE, async || {
        shop.bed.kafka.create_topic(&shop.topic, 2, &[]).await
    })
    .await?;
    shop.send_numbers(0, 200..210).await?;
    shop.send_numbers(1, 300..310).await?;
    eventually_sales(&shop, 120, &run).await?;
    terminate(run).await?;
    let noted = shop.rows(RESETS).await?;
    let mut others: Vec<Vec<&str>> =
        noted[1..].iter().map(|row| row.split('|').take(4).collect()).collect();
    others.sort();
    let expected: [Vec<&str>; 2] = [vec!["0", "80", "0", "f"], vec!["1", "40", "0", "f"]];
    ensure!(others == expected, "{noted:?}");
    Ok(())
}

/// What `offsets reset` says on a terminal to somebody who types `answer`.
async fn reset_on_a_terminal(shop: &Shop, answer: &str) -> Result<String> {
    let (mut pty, pts) = pty_process::open()?;
    pty.resize(pty_process::Size::new(24, 120))?;
    let mut child = pty_process::Command::new(VENDAS)
        .args(["offsets", "reset", "--partition", "0", "--to", "3", "--because", "a look back"])
        .envs(shop.database.settings())
        .env("VENDAS_KAFKA__BROKERS", shop.bed.kafka.address())
        .env("VENDAS_KAFKA__TOPICS", &shop.topic)
        .current_dir(std::env::temp_dir())
        .kill_on_drop(true)
        .spawn(pts)?;
    let (mut output, mut buffer) = (Vec::new(), [0; 4096]);
    let mut answered = false;
    // An error is what the end of all writers looks like.
    while let Ok(count @ 1..) = timeout(DEADLINE, pty.read(&mut buffer)).await? {
        output.extend(&buffer[..count]);
        if !answered && String::from_utf8_lossy(&output).contains("[y/N]") {
            pty.write_all(format!("{answer}\n").as_bytes()).await?;
            answered = true;
        }
    }
    child.wait().await?;
    Ok(String::from_utf8(output)?)
}

#[tokio::test]
async fn a_person_is_asked_before_an_offset_is_set() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..5).await?;
    shop.work().await?;
    let next = "SELECT next_offset FROM partitions";
    for (answer, then) in [("", "5"), ("no", "5"), ("y", "3")] {
        let said = reset_on_a_terminal(&shop, answer).await?;
        ensure!(said.contains("next offset 5 -> 3"), "{said}");
        ensure!(shop.rows(next).await? == [then], "{answer:?}: {said}");
        let noted = shop.database.count("offset_resets").await?;
        ensure!(noted == i64::from(answer == "y"), "{answer:?}: {noted} are noted");
    }
    Ok(())
}

//! Lost records in Kafka are never skipped silently.

use std::fs::File;

use testbed::{Kafka, Result, Testbed, VendasCommand, ensure, eventually};

use crate::{
    scenario::{DEADLINE, count_lines, terminate},
    shop::{Shop, VENDAS, numbered},
    terminal::Terminal,
    wait::until_count,
};

const TOPIC: &str = "orders";

async fn send(kafka: &Kafka, partition: i32, numbers: std::ops::Range<i32>) -> Result<()> {
    let records: Vec<_> = numbers.map(|n| testbed::Record::new(numbered(n))).collect();
    kafka.produce(TOPIC, partition, &records).await?;
    Ok(())
}

/// A leader that lacks records which were read writes other records at the same offsets. Offsets
/// alone cannot show this (KIP-320).
#[tokio::test]
async fn a_log_that_was_truncated_and_has_grown_again_halts_its_partition() -> Result<()> {
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

    // The broker returns with fewer records than it had acknowledged, as after a power loss.
    let log = kafka.log_file(TOPIC, 0)?;
    kafka.kill()?;
    let log = File::options().write(true).open(log)?;
    let length = log.metadata()?.len();
    log.set_len(length - length / 6)?;
    kafka.restart().await?;
    let truncated = kafka.log_end(TOPIC, 0).await?;
    ensure!((10..30).contains(&truncated), "{truncated}");
    // More than was lost, so that the stored next offset lies within the log again.
    send(&kafka, 0, 500..530).await?;
    send(&kafka, 1, 1500..1505).await?;

    let run = vendas.clone().args(["run"]).start()?;
    eventually("the partition without losses", DEADLINE, async || {
        let sql = "SELECT next_offset FROM partitions WHERE partition = 1";
        let rows = database.table(sql).await?.rows;
        ensure!(rows[0][0].as_deref() == Some("35"), "{rows:?}: {}", run.state());
        Ok(())
    })
    .await?;
    eventually("a log line about the truncation", DEADLINE, async || {
        let span = format!("truncated at {truncated}: the records read in [{truncated}, 30)");
        ensure!(count_lines(&run.stderr()?, &span) == 1, "{}", run.state());
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
pub(crate) async fn with_deleted_records() -> Result<Shop> {
    let shop = Shop::open(2).await?;
    shop.send_numbers(0, 0..50).await?;
    shop.process_backlog().await?;
    shop.send_numbers(0, 50..80).await?;
    shop.send_numbers(1, 100..130).await?;
    shop.servers.kafka.delete_records(&shop.topic, 0, 70).await?;
    Ok(shop)
}

#[tokio::test]
async fn a_halted_partition_continues_after_offsets_reset() -> Result<()> {
    let shop = with_deleted_records().await?;
    let run = shop.vendas(&["run"]).start()?;
    until_count(&shop.database, "sales", 80, &run).await?;
    eventually("a log line with the missing span", DEADLINE, async || {
        let halts = count_lines(&run.stderr()?, "[50, 70) was deleted before it was read");
        ensure!(halts == 1, "{}", run.state());
        Ok(())
    })
    .await?;
    ensure!(shop.rows(RESETS).await?.is_empty(), "recorded before the reset");

    let reset = ["offsets", "reset", "--partition", "0", "--to", "70"];
    let usage = shop.vendas(&reset).args(["--yes"]).run(DEADLINE).await?.expect_code(2)?;
    ensure!(usage.stderr.contains("--because"), "{}", usage.stderr);
    let because = ["--because", "retention was too short", "--yes"];
    let reset = shop.vendas(&reset).args(because).env("USER", "maria");
    reset.run(DEADLINE).await?.expect_code(0)?;
    until_count(&shop.database, "sales", 90, &run).await?;
    let noted = shop.rows(RESETS).await?;
    ensure!(noted == ["0|50|70|t|retention was too short|f|postgres"], "{noted:?}");
    let by = shop.rows("SELECT reset_by FROM offset_resets").await?;
    ensure!(by[0].starts_with("maria@"), "{by:?}");
    shop.send_numbers(0, 80..90).await?;
    until_count(&shop.database, "sales", 100, &run).await?;
    terminate(run).await.map(drop)
}

#[tokio::test]
async fn on_data_loss_continue_skips_the_loss_and_records_it() -> Result<()> {
    let shop = with_deleted_records().await?;
    let vendas = |args: &[&str]| shop.vendas(args).env("VENDAS_PIPELINE__ON_DATA_LOSS", "continue");
    vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.database.count("sales").await? == 90, "orders are missing");
    let noted = shop.rows(RESETS).await?;
    ensure!(noted.len() == 1 && noted[0].starts_with("0|50|70|t|next offset 50 of"), "{noted:?}");
    ensure!(noted[0].ends_with("|t|postgres"), "{noted:?}");

    // The topic is recreated while it is processed.
    let run = vendas(&["run"]).start()?;
    shop.send_numbers(1, 130..140).await?;
    until_count(&shop.database, "sales", 100, &run).await?;
    shop.servers.kafka.recreate_topic(&shop.topic).await?;
    shop.send_numbers(0, 200..210).await?;
    shop.send_numbers(1, 300..310).await?;
    until_count(&shop.database, "sales", 120, &run).await?;
    terminate(run).await?;
    let noted = shop.rows(RESETS).await?;
    let mut others: Vec<Vec<&str>> =
        noted[1..].iter().map(|row| row.split('|').take(4).collect()).collect();
    others.sort();
    let expected: [Vec<&str>; 2] = [vec!["0", "80", "0", "f"], vec!["1", "40", "0", "f"]];
    ensure!(others == expected, "{noted:?}");
    Ok(())
}

/// The output of `offsets reset` on a terminal if the user types `answer`.
async fn reset_on_a_terminal(shop: &Shop, answer: &str) -> Result<String> {
    let command = pty_process::Command::new(VENDAS)
        .args(["offsets", "reset", "--partition", "0", "--to", "3", "--because", "a look back"])
        .envs(shop.database.settings())
        .env("VENDAS_KAFKA__BROKERS", shop.servers.kafka.address())
        .env("VENDAS_KAFKA__TOPICS", &shop.topic);
    let mut terminal = Terminal::start(command, 24, 120)?;
    terminal.shows_text("[y/N]").await?;
    terminal.type_text(&format!("{answer}\n")).await?;
    terminal.wait_output().await
}

#[tokio::test]
async fn offsets_reset_asks_for_confirmation_on_a_terminal() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..5).await?;
    shop.process_backlog().await?;
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

//! `on_dead_letter = "halt"`: a partition halts at a record that is not a valid order.

use testbed::{Result, ensure, eventually};

use super::numbered;
use crate::shop::{DEADLINE, Shop, numbered as good};

const RUN: [&str; 4] = ["run", "--until-end", "--on-dead-letter", "halt"];

#[tokio::test]
async fn a_partition_halts_before_an_invalid_record_and_the_others_continue() -> Result<()> {
    let shop = Shop::open(2).await?;
    let mut records: Vec<_> = (0..150).map(good).collect();
    records.insert(130, numbered(900, "amount", 1));
    records.insert(140, "rubbish".to_owned());
    shop.send(0, &records.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    shop.send_numbers(1, 200..350).await?;
    let state = "SELECT (SELECT string_agg(next_offset::text, ',' ORDER BY partition) \
                 FROM partitions), (SELECT count(*) FROM sales), \
                 (SELECT count(*) FROM dead_letters)";
    // Restarts do not change this: the offset moves only after a decision.
    for _ in 0..2 {
        let halted = shop.vendas(&RUN).run(DEADLINE).await?.expect_code(1)?;
        let reset = format!(
            "`vendas offsets reset --topics {} --partition 0 --to 131 --because …`",
            shop.topic
        );
        for text in [
            "1 partition halted: ",
            &format!(
                "the record of {}-0 at offset 130 is not a valid order (missing_quantity: \
                 order_items[0] must have a quantity)",
                shop.topic
            ),
            &reset,
            "on_dead_letter to \"record\"",
        ] {
            ensure!(halted.stderr.contains(text), "no {text:?} in {}", halted.stderr);
        }
        ensure!(shop.rows(state).await? == ["130,150|280|0"], "{:?}", shop.rows(state).await?);
    }
    // One record is made valid by a setting, one is skipped by the command in the message.
    let corrected = ["--set", super::CORRECTED];
    let halted = shop.vendas(&RUN).args(corrected).run(DEADLINE).await?.expect_code(1)?;
    ensure!(
        halted.stderr.contains(
            "at offset 140 is not a valid order (not_json: \
                                    "
        ),
        "{}",
        halted.stderr
    );
    ensure!(!halted.stderr.contains("rubbish"), "{}", halted.stderr);
    ensure!(shop.rows(state).await? == ["140,150|290|0"], "{:?}", shop.rows(state).await?);
    let skip = [
        "offsets",
        "reset",
        "--topics",
        &shop.topic,
        "--partition",
        "0",
        "--to",
        "141",
        "--because",
        "it is broken",
        "--yes",
    ];
    shop.vendas(&skip).run(DEADLINE).await?.expect_code(0)?;
    shop.vendas(&RUN).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.rows(state).await? == ["152,150|301|0"], "{:?}", shop.rows(state).await?);

    // The setting decides, and the default records.
    shop.send(0, &["rubbish", &good(151)]).await?;
    let file = shop.vendas(&["run", "--until-end"]).env("VENDAS_PIPELINE__ON_DEAD_LETTER", "halt");
    file.run(DEADLINE).await?.expect_code(1)?;
    let flag = file.args(["--on-dead-letter", "record"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(flag.stderr.contains("record became a dead letter"), "{}", flag.stderr);
    ensure!(shop.rows(state).await? == ["154,150|302|1"], "{:?}", shop.rows(state).await?);
    let wrong =
        shop.vendas(&["run", "--on-dead-letter", "stop"]).run(DEADLINE).await?.expect_code(2)?;
    ensure!(
        wrong.stderr.contains("--on-dead-letter: pipeline.on_dead_letter is \"stop\""),
        "{}",
        wrong.stderr
    );
    Ok(())
}

#[tokio::test]
async fn an_order_that_the_database_rejects_also_halts_its_partition() -> Result<()> {
    let shop = Shop::open(2).await?;
    shop.apply_schema().await?;
    shop.database
        .execute("ALTER TABLE sales ADD CONSTRAINT lucky CHECK (order_number NOT IN (57, 71))")
        .await?;
    shop.send_numbers(0, 0..100).await?;
    shop.send_numbers(1, 100..200).await?;
    let run = shop.vendas(&["run", "--on-dead-letter", "halt"]).start()?;
    eventually("the records before it, and the other partition", DEADLINE, async || {
        let next = shop.rows("SELECT next_offset FROM partitions ORDER BY partition").await?;
        ensure!(next == ["57", "100"], "{next:?} {}", run.state());
        ensure!(run.stderr()?.contains("partition halted"), "{}", run.state());
        Ok(())
    })
    .await?;
    let log = run.stderr()?;
    let text = format!(
        "the record of {}-0 at offset 57 is not a valid order (rejected_by_database: \
                 ",
        shop.topic
    );
    ensure!(log.contains(&text) && log.contains("lucky"), "{log}");
    run.kill()?;
    ensure!(shop.database.count("dead_letters").await? == 0, "a dead letter");
    let sales = "SELECT count(*), max(order_number) FILTER (WHERE order_number < 100) FROM sales";
    ensure!(shop.rows(sales).await? == ["157|56"], "{:?}", shop.rows(sales).await?);
    shop.database.execute("ALTER TABLE sales DROP CONSTRAINT lucky").await?;
    shop.vendas(&RUN).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.database.count("sales").await? == 200, "not all");
    Ok(())
}

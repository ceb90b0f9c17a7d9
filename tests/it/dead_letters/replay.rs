//! Replays: results, rejected orders, and concurrency with runs.

use std::time::Duration;

use testbed::{Record, Result, Vendas, ensure, eventually};
use tokio::try_join;

use super::{
    CANCELLED, dead_letters, id, numbered, printed, replay, verify,
    versions::{Model, Version, tally_of},
};
use crate::{
    scenario::terminate,
    shop::{DEADLINE, Shop},
    stream::Dice,
};

#[tokio::test]
async fn after_the_mapping_was_corrected_dead_letters_become_orders_once() -> Result<()> {
    let shop = Shop::open(2).await?;
    let listed =
        r#"{"order_number": 2, "items": [{"amount": 2, "unit_price": "1.25", "product": "tea"}]}"#;
    let split = r#"{"id_ordem": "a", "valor_total": 10, "produtos_comprados": [
        {"amount": 1, "nome_produto": "tea"}, {"amount": 2, "nome_produto": "cup"}]}"#;
    shop.send(0, &[&numbered(1, "amount", 5), listed, "rubbish"]).await?;
    shop.send(1, &[split]).await?;
    shop.process_backlog().await?;
    // Not corrected yet.
    let early = dead_letters(&shop, &["replay", "--all"]).await?.expect_code(1)?;
    ensure!(
        early.stdout.ends_with("0 dead letters replayed, 4 still rejected\n"),
        "{}",
        early.stdout
    );
    ensure!(shop.database.count("sales").await? == 0, "an order");

    let topic = replay(&shop, &["--reason", "missing_quantity", "--topic", &shop.topic]).await?;
    let topic = topic.expect_code(0)?;
    ensure!(topic.stdout == "3 dead letters replayed\n", "{}", topic.stdout);
    verify(&shop).await?;
    let sales = shop.rows("SELECT order_number, total FROM sales ORDER BY 1").await?;
    ensure!(sales == ["1|5.00", "2|2.50"], "{sales:?}");
    let totals = shop.rows("SELECT * FROM product_totals ORDER BY 1").await?;
    ensure!(totals == ["cup|2|6.67", "tea|3|5.83"], "{totals:?}");
    let marks = "SELECT order_id, numbered, replayed_at BETWEEN failed_at AND now() \
                 FROM dead_letters WHERE replayed_at IS NOT NULL ORDER BY 1";
    ensure!(
        shop.rows(marks).await? == ["1|t|t", "2|t|t", "a|f|t"],
        "{:?}",
        shop.rows(marks).await?
    );

    // A second replay is harmless, also with an id.
    let everything = "SELECT to_jsonb(sales)::text FROM sales \
                      UNION ALL SELECT to_jsonb(orders)::text FROM orders \
                      UNION ALL SELECT to_jsonb(dead_letters)::text FROM dead_letters ORDER BY 1";
    let before = shop.rows(everything).await?;
    let again = replay(&shop, &["--reason", "missing_quantity"]).await?.expect_code(0)?;
    ensure!(again.stdout == "0 dead letters replayed\n", "{}", again.stdout);
    let first = id(&shop, 1).await?;
    let again = replay(&shop, &[&first, "--force"]).await?.expect_code(0)?;
    ensure!(
        again.stdout.starts_with(&format!("dead letter {first}: already replayed at ")),
        "{}",
        again.stdout
    );
    ensure!(again.stdout.contains(" as order number 2\n"), "{}", again.stdout);
    ensure!(before == shop.rows(everything).await?, "it was written again");

    let missing = replay(&shop, &[&first, "4711"]).await?.expect_code(1)?;
    ensure!(missing.stderr.contains("there is no dead letter 4711"), "{}", missing.stderr);
    replay(&shop, &[]).await?.expect_code(2)?;
    replay(&shop, &["--all", "--reason", "not_json"]).await?.expect_code(2).map(drop)
}

#[tokio::test]
async fn a_later_version_stays_unless_force_is_given() -> Result<()> {
    let shop = Shop::open(1).await?;
    // A numbered order whose later version names no product and therefore has no row in `orders`;
    // an order with an id; and an order number with the same digits as that id, which is another
    // order.
    let listed =
        r#"{"order_number": 1, "items": [{"amount": 1, "unit_price": 5, "product": "p"}]}"#;
    let with_id = r#"{"order_id": "2", "items": [{"amount": 1, "unit_price": 6, "product": "q"}]}"#;
    let later = r#"{"order_id": "2", "items": [{"qty": 1, "unit_price": 60, "product": "q"}]}"#;
    shop.send(0, &[listed, with_id, &numbered(2, "amount", 7)]).await?;
    shop.process_backlog().await?;
    shop.send(0, &[&numbered(1, "qty", 50), later]).await?;
    shop.process_backlog().await?;
    let stored = "SELECT order_number::text, total FROM sales \
                  UNION ALL SELECT order_id || numbered, total FROM orders ORDER BY 1";
    // A failed replay does not change the age of a dead letter.
    dead_letters(&shop, &["replay", "--all"]).await?.expect_code(1)?;
    let ended = replay(&shop, &["--all"]).await?.expect_code(1)?;
    for offset in [0, 1] {
        let line = format!(
            "dead letter {}: superseded: another version of its order was processed after this record was rejected\n",
            id(&shop, offset).await?
        );
        ensure!(ended.stdout.contains(&line), "{}", ended.stdout);
    }
    ensure!(ended.stdout.contains("\n1 dead letter replayed, 2 superseded ("), "{}", ended.stdout);
    let found = shop.rows(stored).await?;
    ensure!(found == ["1|50.00", "2|7.00", "2false|60.00"], "{found:?}");
    let open = "dead_letters WHERE replayed_at IS NULL AND reason = 'missing_quantity'";
    ensure!(shop.database.count(open).await? == 2, "a superseded dead letter is marked");

    let forced = replay(&shop, &["--all", "--force"]).await?.expect_code(0)?;
    ensure!(forced.stdout == "2 dead letters replayed\n", "{}", forced.stdout);
    let found = shop.rows(stored).await?;
    ensure!(found == ["1|5.00", "1true|5.00", "2|7.00", "2false|6.00"], "{found:?}");
    verify(&shop).await
}

#[tokio::test]
async fn orders_that_the_database_rejects_stay_dead_letters_and_others_are_replayed() -> Result<()>
{
    let shop = Shop::open(1).await?;
    let records: Vec<_> = (0..30).map(|number| numbered(number, "amount", 1)).collect();
    shop.send(0, &records.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    shop.process_backlog().await?;
    shop.database
        .execute("ALTER TABLE sales ADD CONSTRAINT lucky CHECK (order_number NOT IN (7, 13))")
        .await?;
    let ended = replay(&shop, &["--all"]).await?.expect_code(1)?;
    ensure!(
        ended.stdout.ends_with("28 dead letters replayed, 2 still rejected\n"),
        "{}",
        ended.stdout
    );
    let left = "SELECT record_offset, reason, detail LIKE '%lucky%' FROM dead_letters \
                WHERE replayed_at IS NULL ORDER BY 1";
    let left = shop.rows(left).await?;
    ensure!(left == ["7|rejected_by_database|t", "13|rejected_by_database|t"], "{left:?}");
    shop.database.execute("ALTER TABLE sales DROP CONSTRAINT lucky").await?;
    replay(&shop, &["--reason", "rejected_by_database"]).await?.expect_code(0)?;
    ensure!(shop.database.count("sales").await? == 30, "one is missing");
    Ok(())
}

#[tokio::test]
async fn in_a_batch_with_a_rejected_order_the_later_version_wins() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database.execute("ALTER TABLE sales ADD CONSTRAINT cheap CHECK (total < 100)").await?;
    // Each part of the batch is written by a separate statement.
    let versions = [(1, 500), (2, 6), (1, 5), (2, 600)];
    let records = versions.map(|(number, price)| numbered(number, "qty", price));
    shop.send(0, &records.each_ref().map(String::as_str)).await?;
    shop.process_backlog().await?;
    let letters = "SELECT record_offset, reason FROM dead_letters ORDER BY 1";
    let letters = shop.rows(letters).await?;
    ensure!(letters == ["0|rejected_by_database", "3|rejected_by_database"], "{letters:?}");
    shop.database.execute("ALTER TABLE sales DROP CONSTRAINT cheap").await?;
    replay(&shop, &["--all"]).await?.expect_code(1)?;
    let sold = shop.rows("SELECT order_number, total FROM sales ORDER BY 1").await?;
    ensure!(sold == ["1|5.00", "2|600.00"], "{sold:?}");
    Ok(())
}

/// Records the order in which the tables are written and their rows locked.
const NOTES: &str = "
    CREATE TABLE notes (n BIGSERIAL, written TEXT);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO notes (written) VALUES (TG_TABLE_NAME); RETURN NEW;
    END $$;
    CREATE TRIGGER note BEFORE INSERT ON sales FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER note BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER note BEFORE INSERT ON dead_letters FOR EACH ROW EXECUTE FUNCTION note()";

#[tokio::test]
async fn run_and_replay_lock_tables_in_the_same_order_and_cannot_deadlock() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database.execute(NOTES).await?;
    let listed = |number: i32, quantity: &str| {
        format!(
            r#"{{"order_number": {number}, "items": [{{"{quantity}": 1, "unit_price": 5, "product": "p"}}]}}"#
        )
    };
    let written = "SELECT string_agg(written, ' ' ORDER BY n) FROM notes";
    shop.send(0, &[&listed(1, "qty"), &listed(2, "amount"), &listed(3, "qty")]).await?;
    shop.process_backlog().await?;
    let run = shop.rows(written).await?;
    ensure!(run == ["dead_letters sales sales orders orders"], "{run:?}");
    shop.database.execute("TRUNCATE notes").await?;
    replay(&shop, &["--all"]).await?.expect_code(0)?;
    let replayed = shop.rows(written).await?;
    ensure!(replayed == ["sales orders"], "{replayed:?}");
    Ok(())
}

#[tokio::test]
async fn two_concurrent_replays_and_a_run_give_the_sequential_result() -> Result<()> {
    const ROUNDS: usize = 4;
    const RECORDS: usize = 500;
    const BEFORE: usize = 300;
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let mut dice = Dice::new(43);
    let mut model = Model::default();
    let mut told_as_replayed = 0;
    let run = shop
        .vendas(&["run", "--set", "pipeline.batch_size=20", "--set", "pipeline.commit_records=20"])
        .args(CANCELLED)
        .start()?;
    for _ in 0..ROUNDS {
        // Few orders, so that all three need the same rows.
        let versions: Vec<_> = (0..RECORDS).map(|_| Version::draw(&mut dice, 60)).collect();
        let first = model.versions.len();
        let records: Vec<Record> =
            (first..).zip(&versions).map(|(offset, version)| version.record(offset)).collect();
        model.run(versions);
        // Some for both replays, the others while they run.
        let (before, meanwhile) = records.split_at(BEFORE);
        shop.servers.kafka.produce(&shop.topic, 0, before).await?;
        ran(&shop, &run, first + BEFORE).await?;
        let send = async {
            for records in meanwhile.chunks(20) {
                shop.servers.kafka.produce(&shop.topic, 0, records).await?;
            }
            Ok(())
        };
        let replay = || async {
            let ended = replay(&shop, &["--all"]).await?;
            // 1: superseded or invalid; but each was decided.
            ensure!(!ended.stderr.contains("deadlock"), "{}", ended.state());
            Ok(tally_of(&ended.stdout)?.replayed)
        };
        let ((), one, other) = try_join!(send, replay(), replay())?;
        told_as_replayed += one + other;
    }
    ran(&shop, &run, model.versions.len()).await?;
    let ended = terminate(run).await?;
    ensure!(!ended.stderr.contains("paused"), "{}", ended.stderr);
    told_as_replayed +=
        tally_of(&replay(&shop, &["--all"]).await?.expect_code(1)?.stdout)?.replayed;
    // Which replay wrote an order depends on timing; the stored rows do not.
    let replayed =
        shop.rows("SELECT record_offset FROM dead_letters WHERE replayed_at IS NOT NULL");
    let replayed = replayed.await?;
    ensure!(told_as_replayed == replayed.len() as u64, "{told_as_replayed}: {replayed:?}");
    for offset in replayed {
        model.letters.insert(offset.parse()?, true);
    }
    model.settle()?;
    model.expect(&shop).await
}

async fn ran(shop: &Shop, run: &Vendas, records: usize) -> Result<()> {
    eventually("all records", DEADLINE, async || {
        let next = shop.rows("SELECT next_offset FROM partitions").await?;
        ensure!(next == [records.to_string()], "{next:?} {}", run.state());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_replay_that_cannot_reach_postgresql_reports_it_in_time() -> Result<()> {
    let shop = Shop::open(1).await?;
    let away = shop
        .vendas(&["dead-letters", "replay", "--all", "--set", "database.port=1"])
        .run(Duration::from_secs(20))
        .await?
        .expect_code(1)?;
    ensure!(away.stderr.contains("Connection refused"), "{}", away.stderr);
    let early = dead_letters(&shop, &["list"]).await?.expect_code(1)?;
    ensure!(early.stderr.contains("vendas schema --apply"), "{}", early.stderr);
    shop.apply_schema().await?;
    ensure!(printed(&shop, &["list", "--format", "json"]).await? == "[]\n", "letters");
    Ok(())
}

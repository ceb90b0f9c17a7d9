//! Dead letters of records with several orders, of ignored records, and of records with keys,
//! headers and timestamps.

use testbed::{Record, Result, ensure};

use super::{dead_letters, id, listed, printed, replay, verify};
use crate::shop::{DEADLINE, Shop};

/// An order of one product.
fn order(name: &str, key: &str, quantity: &str, price: usize) -> String {
    format!(
        r#"{{"{name}": "{key}", "items": [{{"{quantity}": 1, "unit_price": {price}, "product": "p"}}]}}"#
    )
}

fn list(orders: &[String]) -> String {
    format!("[{}]", orders.join(","))
}

const STORED: &str = "SELECT order_number::text, total FROM sales \
                      UNION ALL SELECT order_id || numbered, total FROM orders ORDER BY 1";

#[tokio::test]
async fn a_record_of_several_orders_is_one_dead_letter_and_is_replayed_as_a_whole() -> Result<()> {
    let shop = Shop::open(1).await?;
    let good = order("order_id", "a", "qty", 1);
    let records = [
        // Older than the record with both of its orders; of two versions in a record the last one
        // wins.
        list(&[order("order_id", "x", "amount", 1)]),
        list(&[
            good.clone(),
            order("order_id", "x", "amount", 8),
            order("order_number", "1", "amount", 3),
            order("order_id", "x", "amount", 2),
        ]),
        order("order_number", "1", "amount", 4),
    ];
    shop.send(0, &records.each_ref().map(String::as_str)).await?;
    shop.process_backlog().await?;
    ensure!(shop.rows(STORED).await?.is_empty(), "{:?}", shop.rows(STORED).await?);
    ensure!(shop.database.count("dead_letters").await? == 3, "not one for each record");

    let several = id(&shop, 1).await?;
    let ended = replay(&shop, &[&several]).await?.expect_code(0)?;
    ensure!(ended.stdout == "1 dead letter replayed\n", "{}", ended.stdout);
    let found = shop.rows(STORED).await?;
    ensure!(found == ["1|3.00", "1true|3.00", "afalse|1.00", "xfalse|2.00"], "{found:?}");
    let shown = printed(&shop, &["show", &several]).await?;
    ensure!(shown.contains("status      replayed at "), "{shown}");
    ensure!(shown.contains(" as several orders\n"), "{shown}");
    let letters = listed(&shop, &["--all"]).await?;
    let nothing = letters.iter().all(|letter| letter["order_id"].is_null());
    ensure!(nothing && letters.len() == 3, "{letters:?}");

    // Its orders have its age: newer than the first record, older than the last.
    let ended = replay(&shop, &["--all"]).await?.expect_code(1)?;
    ensure!(ended.stdout.contains("1 dead letter replayed, 1 superseded ("), "{}", ended.stdout);
    let found = shop.rows(STORED).await?;
    ensure!(found == ["1|4.00", "1true|4.00", "afalse|1.00", "xfalse|2.00"], "{found:?}");
    verify(&shop).await
}

#[tokio::test]
async fn newer_versions_of_some_of_its_orders_stay_and_those_of_all_supersede_it() -> Result<()> {
    let shop = Shop::open(1).await?;
    let record = list(&[
        order("order_id", "a", "amount", 1),
        order("order_number", "1", "amount", 1),
        order("order_number", "2", "amount", 1),
    ]);
    shop.send(0, &[&record]).await?;
    shop.process_backlog().await?;
    let newer = r#"{"order_number": 1, "state": "gone"}"#;
    shop.send(0, &[newer, &order("order_id", "a", "qty", 9)]).await?;
    let run = || shop.vendas(&["run", "--until-end"]).args(super::CANCELLED);
    run().run(DEADLINE).await?.expect_code(0)?;
    replay(&shop, &["--all"]).await?.expect_code(0)?;
    let found = shop.rows(STORED).await?;
    ensure!(found == ["1true|0", "2|1.00", "2true|1.00", "afalse|9.00"], "{found:?}");
    verify(&shop).await?;

    shop.send(
        0,
        &[&list(&[order("order_id", "a", "amount", 2), order("order_id", "b", "amount", 2)])],
    )
    .await?;
    run().run(DEADLINE).await?.expect_code(0)?;
    shop.send(0, &[&order("order_id", "a", "qty", 3), &order("order_id", "b", "qty", 3)]).await?;
    run().run(DEADLINE).await?.expect_code(0)?;
    let superseded = replay(&shop, &["--all"]).await?.expect_code(1)?;
    ensure!(
        superseded.stdout.contains("\n0 dead letters replayed, 1 superseded ("),
        "{}",
        superseded.stdout
    );
    replay(&shop, &["--all", "--force"]).await?.expect_code(0)?;
    let found =
        shop.rows("SELECT order_id, total FROM orders WHERE NOT numbered ORDER BY 1").await?;
    ensure!(found == ["a|2.00", "b|2.00"], "{found:?}");
    verify(&shop).await
}

#[tokio::test]
async fn a_record_of_several_orders_is_stored_completely_or_not_at_all() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database
        .execute("ALTER TABLE sales ADD CONSTRAINT lucky CHECK (order_number <> 13)")
        .await?;
    let number = |key: &str| order("order_number", key, "qty", 1);
    let records = [
        list(&[number("1"), number("2")]),
        list(&[number("12"), number("13"), number("14")]),
        list(&[number("3")]),
    ];
    shop.send(0, &records.each_ref().map(String::as_str)).await?;
    let ended = shop.process_backlog().await?;
    let line = "records=3 orders=3 cancelled=0 ignored=0 dead_letters=1";
    ensure!(ended.stderr.contains(line), "{}", ended.state());
    let sold = shop.rows("SELECT order_number FROM sales ORDER BY 1").await?;
    ensure!(sold == ["1", "2", "3"], "{sold:?}");
    let letters = shop.rows("SELECT record_offset, reason FROM dead_letters").await?;
    ensure!(letters == ["1|rejected_by_database"], "{letters:?}");
    replay(&shop, &["--all"]).await?.expect_code(1)?;
    let sold = shop.rows("SELECT order_number FROM sales ORDER BY 1").await?;
    ensure!(sold == ["1", "2", "3"], "{sold:?}");
    shop.database.execute("ALTER TABLE sales DROP CONSTRAINT lucky").await?;
    replay(&shop, &["--all"]).await?.expect_code(0)?;
    ensure!(shop.database.count("sales").await? == 6, "one is missing");
    verify(&shop).await
}

#[tokio::test]
async fn a_record_that_is_ignored_by_now_is_discarded() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &[r#"{"type": "ping"}"#, r#"{"type": "order", "order_id": "a", "total": 1}"#])
        .await?;
    shop.process_backlog().await?;
    let only = ["--set", "mapping.only.at=type", "--set", "mapping.only.is=order"];
    let ended = dead_letters(&shop, &[&["replay", "--all"], &only[..]].concat()).await?;
    let ended = ended.expect_code(0)?;
    ensure!(ended.stdout.starts_with("0 dead letters replayed, 1 discarded"), "{}", ended.stdout);
    let shown = printed(&shop, &["show", &id(&shop, 0).await?]).await?;
    ensure!(shown.contains(" because: ignored by mapping.only or mapping.tombstones\n"), "{shown}");

    shop.send(0, &[r#"{"type": "ping"}"#]).await?;
    let ended = shop.vendas(&["run", "--until-end"]).args(only).run(DEADLINE).await?;
    let line = "records=1 orders=0 cancelled=0 ignored=1 dead_letters=0";
    ensure!(ended.stderr.contains(line), "{}", ended.state());
    Ok(())
}

#[tokio::test]
async fn a_replay_uses_the_headers_and_the_timestamp_of_the_record() -> Result<()> {
    let shop = Shop::open(1).await?;
    let record = Record::new(r#"{"items": [{"amount": 1, "unit_price": 5, "product": "p"}]}"#)
        .with_header("id", "first")
        .with_header("other", "x")
        .with_timestamp(1_767_323_045_006);
    let bare = Record::new("rubbish").with_timestamp(1_767_323_045_007);
    shop.servers.kafka.produce(&shop.topic, 0, &[record, bare]).await?;
    let mapping = [
        "--set",
        "mapping.order_id=header:id",
        "--set",
        "mapping.sold_at=timestamp",
        "--set",
        "orders.shop_timezone=UTC",
    ];
    let run = shop.vendas(&["run", "--until-end"]).args(mapping);
    run.run(DEADLINE).await?.expect_code(0)?;
    let kept = "SELECT record_timestamp, headers FROM dead_letters ORDER BY record_offset";
    let kept = shop.rows(kept).await?;
    let encoded = "\\x04046964 0a6669727374 0a6f74686572 0278".replace(' ', "");
    let expected = [format!("1767323045006|{encoded}"), "1767323045007|".to_owned()];
    ensure!(kept == expected, "{kept:?}");
    let args = [&["--reason", "missing_quantity"], &mapping[..]].concat();
    replay(&shop, &args).await?.expect_code(0)?;
    let orders = shop.rows("SELECT order_id, total, sold_at FROM orders").await?;
    ensure!(orders == ["first|5.00|2026-01-02 03:04:05.006"], "{orders:?}");
    Ok(())
}

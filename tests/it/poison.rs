use testbed::{Record, Result, ensure};

use crate::shop::{DEADLINE, Shop, numbered};

/// Processes `poison` between valid records, and returns the reasons of the dead letters.
async fn reasons_of(poison: Vec<Record>) -> Result<Vec<String>> {
    let shop = Shop::open(1).await?;
    let expected = i64::try_from(poison.len() + 1)?;
    let mut records = vec![Record::new(numbered(0))];
    for (number, record) in (1..).zip(poison) {
        records.push(record);
        records.push(Record::new(numbered(number)));
    }
    shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
    let ended = shop.process_backlog().await?;
    let sales = shop.database.count("sales").await?;
    ensure!(sales == expected, "{sales} of {expected} neighbours, {}", ended.state());
    let next = shop.rows("SELECT next_offset FROM partitions").await?;
    ensure!(next == [records.len().to_string()], "{next:?}");

    let letters = shop
        .database
        .query("SELECT record_offset, key, payload, reason FROM dead_letters ORDER BY id", &[])
        .await?;
    for letter in &letters {
        let offset: i64 = letter.get("record_offset");
        let record = &records[usize::try_from(offset)?];
        ensure!(letter.get::<_, Option<Vec<u8>>>("key") == record.key, "another key");
        ensure!(letter.get::<_, Option<Vec<u8>>>("payload") == record.payload, "other bytes");
        let line = format!("partition=0 offset={offset} ");
        let lines = ended.stderr.lines().filter(|log| log.contains(&line)).count();
        ensure!(lines == 1, "{lines} log lines about {offset}: {}", ended.stderr);
    }
    Ok(letters.iter().map(|letter| letter.get("reason")).collect())
}

#[tokio::test]
async fn each_invalid_record_becomes_a_dead_letter_and_does_not_block_its_neighbours() -> Result<()>
{
    let nested = format!(r#"{{"x": {}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let cases: Vec<(&str, Record)> = vec![
        ("tombstone", Record::tombstone("k")),
        ("not_json", Record::new(vec![b'x'; 1_000_000])),
        ("too_deep", Record::new(nested)),
        (
            "duplicate_field",
            Record::new(r#"{"order_number": 1, "order_number": 1, "total": 1}"#).with_key("k"),
        ),
        ("not_utf8", Record::new(*b"{\"order_number\": 1, \"total\": 1, \"x\": \"\xff\"}")),
        ("nul_character", Record::new(r#"{"order_id": "a\u0000b", "total": 1}"#)),
        ("invalid_order_number", Record::new(r#"{"order_number": 1e0, "total": 1}"#)),
        ("out_of_range", Record::new(r#"{"order_number": 2147483648, "total": 1}"#)),
        ("out_of_range", Record::new(r#"{"order_number": 1, "total": 1e400}"#)),
        ("invalid_number", Record::new(r#"{"order_number": 1, "total": "12,30"}"#)),
        ("not_an_object", Record::new("[]")),
        ("not_json", Record::new("")),
    ];
    let (expected, poison): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let found = reasons_of(poison).await?;
    ensure!(found == expected, "{found:?}");
    Ok(())
}

#[tokio::test]
async fn no_byte_of_a_record_is_logged() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database
        .execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'no: %', NEW; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON orders \
             FOR EACH ROW WHEN (NEW.order_id LIKE '%123.456%') EXECUTE FUNCTION refuse()",
        )
        .await?;
    let cpf = "123.456.789-09";
    let mut records = [
        format!(r#"{{"order_number": "{cpf}", "total": 1}}"#),
        format!(r#"{{"order_number": 1, "total": "{cpf}"}}"#),
        format!(r#"{{"order_number": 1, "total": 1, "{cpf}": {{"{cpf}" 1}}}}"#),
        format!(r#"{{"order_number": 1, "total": 1, "sold_at": "{cpf}"}}"#),
        format!(r#"{{"order_number": 1, "total": {{"{cpf}": "{cpf}"}}}}"#),
        format!("\"{cpf}\""),
        // The database's error message quotes this one.
        format!(r#"{{"order_id": "{cpf}", "total": 1}}"#),
    ]
    .map(Record::new)
    .to_vec();
    records.push(Record::new(numbered(7)));
    shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
    let ended = shop
        .vendas(&["run", "--until-end"])
        .env("VENDAS_LOG__LEVEL", "trace")
        .run(DEADLINE)
        .await?
        .expect_code(0)?;
    let letters = shop.database.count("dead_letters").await?;
    ensure!(letters == 7, "{letters} dead letters");
    let told = ended.stderr.lines().find(|line| line.contains("123.456"));
    ensure!(told.is_none(), "{told:?}");
    let details =
        shop.rows("SELECT detail FROM dead_letters WHERE reason <> 'rejected_by_database'").await?;
    ensure!(!details.concat().contains("123.456"), "{details:?}");
    Ok(())
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_panic_makes_its_record_a_dead_letter_and_neighbours_are_kept() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..300).await?;
    let ended = shop
        .vendas(&["run", "--until-end"])
        .env("FAILPOINTS", "understand=150*off->1*panic->off")
        .run(DEADLINE)
        .await?
        .expect_code(0)?;
    let letters = "SELECT reason, convert_from(payload, 'UTF8')::json ->> 'order_number' \
                   FROM dead_letters";
    let letters = shop.rows(letters).await?;
    let Some(number) = letters.first().and_then(|letter| letter.strip_prefix("panicked|")) else {
        testbed::bail!("{letters:?} {}", ended.state());
    };
    let missing = "SELECT n FROM generate_series(0, 299) AS n \
                   WHERE n NOT IN (SELECT order_number FROM sales)";
    let missing = shop.rows(missing).await?;
    ensure!(missing == [number] && letters.len() == 1, "{missing:?} {letters:?}");
    Ok(())
}

#[tokio::test]
async fn orders_that_the_database_rejects_become_dead_letters_and_others_are_stored() -> Result<()>
{
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database
        .execute(
            "ALTER TABLE sales ADD CHECK (order_number NOT BETWEEN 120 AND 122), \
             ADD CONSTRAINT one_of_a_kind UNIQUE (total) DEFERRABLE INITIALLY DEFERRED",
        )
        .await?;
    // Valid alone, but not together with order 7.
    let twin = r#"{"order_number": 9007, "order_items": [{"qty": 1, "value_unit": 7.10}]}"#;
    let mut records: Vec<_> = (0..300).map(|number| Record::new(numbered(number))).collect();
    records.insert(250, Record::new(twin));
    shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
    shop.process_backlog().await?;
    let sales = shop.database.count("sales").await?;
    ensure!(sales == 297, "{sales} of 297");
    let letters =
        shop.rows("SELECT record_offset, reason FROM dead_letters ORDER BY record_offset").await?;
    let expected = [120, 121, 122, 250].map(|offset| format!("{offset}|rejected_by_database"));
    ensure!(letters == expected, "{letters:?}");
    Ok(())
}

#[tokio::test]
async fn the_earliest_and_latest_times_are_stored() -> Result<()> {
    let shop = Shop::open(1).await?;
    let sold = |id: &str, time: &str| {
        format!(r#"{{"id": 0, "order_id": "{id}", "total": 1, "sold_at": "{time}"}}"#)
    };
    let (first, last) = (sold("a", "01/01/0001 00:00:00"), sold("b", "9999-12-31T23:59:59.999999"));
    shop.send(0, &[&first, &last]).await?;
    shop.process_backlog().await?;
    let rows = shop
        .rows("SELECT to_char(sold_at, 'YYYY-MM-DD HH24:MI:SS.US') FROM orders ORDER BY 1")
        .await?;
    ensure!(rows == ["0001-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999"], "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn a_hundred_records_of_a_megabyte_are_processed() -> Result<()> {
    let shop = Shop::open(1).await?;
    let records = vec![Record::new(vec![b'x'; 1_000_000]); 100];
    shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
    shop.process_backlog().await?;
    let rows = shop.rows("SELECT count(*), sum(length(payload)) FROM dead_letters").await?;
    ensure!(rows == ["100|100000000"], "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn the_last_version_of_an_order_wins_within_and_across_batches() -> Result<()> {
    let shop = Shop::open(1).await?;
    let version = |total: i32| format!(r#"{{"order_number": 5, "total": {total}}}"#);
    let listed = r#"{"order_number": 5, "total": 3, "items": [{"product": "a", "qty": 1}]}"#;
    let steps: [(Vec<String>, &str, &[&str]); 3] = [
        (vec![version(1), listed.to_owned(), version(2)], "2.00", &[]),
        (vec![listed.to_owned()], "3.00", &["5|t"]),
        (vec![version(4)], "4.00", &[]),
    ];
    for (records, total, orders) in steps {
        shop.send(0, &records.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        shop.process_backlog().await?;
        let found = shop.rows("SELECT total FROM sales").await?;
        ensure!(found == [total], "{found:?}, not {total}");
        let found = shop.rows("SELECT order_id, numbered FROM orders").await?;
        ensure!(found == orders, "{found:?}, not {orders:?}");
    }
    Ok(())
}

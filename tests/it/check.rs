use testbed::{Ended, Result, ensure};

use crate::shop::{DEADLINE, Shop};

/// The shop's database as a new role that may log in and has no other privilege.
async fn role(shop: &Shop, name: &str) -> Result<testbed::Database> {
    // Roles belong to the server, which all tests share.
    let name = format!("{name} of {}", shop.database.name());
    shop.database.execute(&format!("CREATE ROLE \"{name}\" LOGIN PASSWORD 'pa55word'")).await?;
    Ok(shop.database.as_user(&name, "pa55word"))
}

fn expect(ended: &Ended, lines: &[&str]) -> Result<()> {
    for line in lines {
        ensure!(ended.stdout.contains(line), "no {line:?} in {}", ended.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn check_reports_a_working_setup() -> Result<()> {
    let shop = Shop::open(3).await?;
    shop.apply_schema().await?;
    let ended = shop.vendas(&["check"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(!ended.stdout.contains("FAIL"), "{}", ended.stdout);
    expect(&ended, &[&format!("ok    topic {}: 3 partitions can be read", shop.topic)])
}

#[tokio::test]
async fn start_from_group_needs_committed_offsets_unless_offsets_are_stored() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let checked = async |code| {
        let from_group = shop.vendas(&["check"]).env("VENDAS_KAFKA__START_FROM", "group:nobody");
        from_group.run(DEADLINE).await?.expect_code(code)
    };
    let told = "FAIL  start: the consumer group nobody has no committed offsets for these topics";
    expect(&checked(1).await?, &[told])?;
    shop.process_backlog().await?;
    checked(0).await.map(drop)
}

#[tokio::test]
async fn each_problem_is_reported_with_its_remedy() -> Result<()> {
    let shop = Shop::open(1).await?;
    let missing = ["check", "--topics", "no-such-topic", "--set", "database.apply_schema=false"];
    let missing = shop.vendas(&missing).run(DEADLINE).await?;
    expect(
        &missing.expect_code(1)?,
        &[
            "FAIL  topic no-such-topic: does not exist: create it (kafka-topics.sh",
            "FAIL  \"public\".sales, \"public\".orders, \"public\".shop_clock",
            "missing: run `vendas schema --apply` as the tables' owner",
        ],
    )?;

    shop.apply_schema().await?;
    shop.database
        .execute(
            "ALTER TABLE sales ALTER total TYPE DOUBLE PRECISION, ADD seller TEXT NOT NULL; \
             ALTER TABLE orders DROP CONSTRAINT orders_pkey; \
             ALTER TABLE dead_letters DROP detail; ALTER TABLE product_sums SET UNLOGGED; \
             ALTER TABLE schema_version RENAME TO versions; \
             CREATE VIEW schema_version AS SELECT * FROM versions",
        )
        .await?;
    let altered = shop.vendas(&["check"]).run(DEADLINE).await?.expect_code(1)?;
    expect(
        &altered,
        &[
            "FAIL  \"public\".sales: column total is double precision, must be numeric",
            "FAIL  \"public\".sales: column seller is NOT NULL and has no default",
            "FAIL  \"public\".orders: has no primary key or unique constraint on exactly (order_id, numbered)",
            "FAIL  \"public\".dead_letters: has no column detail of type text",
            "FAIL  \"public\".product_sums: is unlogged: a crash would empty it",
            "FAIL  \"public\".schema_version: is not a table",
        ],
    )?;

    let away = ["--brokers", "127.0.0.1:1", "--set", "database.port=1"];
    let away = shop.vendas(&["check"]).args(away).run(DEADLINE).await?.expect_code(1)?;
    expect(&away, &["FAIL  kafka: Kafka at 127.0.0.1:1", "FAIL  database \"", "Connection refused"])
}

#[tokio::test]
async fn an_older_schema_is_upgraded_and_keeps_its_rows() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &[r#"{"id_ordem": "a", "valor_total": 2}"#]).await?;
    shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(0)?;
    // As the first upgrade step leaves it.
    shop.database
        .execute("DELETE FROM schema_version WHERE version > 1; DROP TYPE order_row")
        .await?;
    let older = shop.vendas(&["check"]).run(DEADLINE).await?.expect_code(1)?;
    expect(
        &older,
        &["FAIL  \"public\".schema_version: version 1 is too old: this vendas needs version 5: \
           run `vendas schema --apply`"],
    )?;
    let refused = ["--set", "database.apply_schema=false"];
    shop.vendas(&["run"]).args(refused).run(DEADLINE).await?.expect_code(1)?;

    shop.send(0, &[r#"{"id_ordem": "b", "valor_total": 3}"#]).await?;
    shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(0)?;
    let rows = shop.rows("SELECT order_id, total FROM orders ORDER BY order_id").await?;
    ensure!(rows == ["a|2.00", "b|3.00"], "{rows:?}");
    let version = shop.rows("SELECT max(version) FROM schema_version").await?;
    ensure!(version == ["5"], "{version:?}");
    Ok(())
}

#[tokio::test]
async fn settings_of_a_topic_that_is_not_read_cause_a_warning() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let set = ["--set", "topics.no-such.mapping.total=t"];
    let told = "[topics.no-such] has no effect, because kafka.topics";
    let checked = shop.vendas(&["check"]).args(set).run(DEADLINE).await?.expect_code(0)?;
    expect(&checked, &[&format!("WARN  configuration: {told}")])?;
    let run = shop.vendas(&["run", "--until-end"]).args(set).run(DEADLINE).await?.expect_code(0)?;
    ensure!(run.stderr.contains("WARN") && run.stderr.contains(told), "{}", run.stderr);
    Ok(())
}

#[tokio::test]
async fn a_time_zone_other_than_that_of_the_tables_is_reported_with_its_remedy() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database.execute("INSERT INTO sales VALUES (1, 2, '2026-01-02 01:04:05')").await?;
    let check = || shop.vendas(&["check"]).env("VENDAS_ORDERS__SHOP_TIMEZONE", "Asia/Tokyo");
    let told = check().run(DEADLINE).await?.expect_code(1)?;
    expect(
        &told,
        &["FAIL  shop_clock: the tables use the time zone America/Sao_Paulo, but \
           orders.shop_timezone is Asia/Tokyo: "],
    )?;
    let remedy = told.stdout.split('`').nth(1).unwrap_or_default();
    shop.database.execute(remedy).await?;
    check().run(DEADLINE).await?.expect_code(0)?;
    let hours = shop.rows("SELECT hour, orders, total FROM order_hours").await?;
    ensure!(hours == ["2026-01-02 10:00:00|1|2"], "{hours:?}");
    Ok(())
}

#[tokio::test]
async fn check_changes_nothing() -> Result<()> {
    let shop = Shop::open(1).await?;
    let fresh = shop.vendas(&["check"]).run(DEADLINE).await?.expect_code(0)?;
    expect(&fresh, &["ok    tables: missing, `vendas run` will create them"])?;
    // A role that may not create tables, and a setting that keeps `run` from creating them.
    let guest = role(&shop, "guest without tables").await?;
    let told = "missing: run `vendas schema --apply` as the tables' owner";
    let guest = shop.vendas(&["check"]).database(&guest).run(DEADLINE).await?.expect_code(1)?;
    expect(&guest, &[told])?;
    let off = ["check", "--set", "database.apply_schema=false"];
    expect(&shop.vendas(&off).run(DEADLINE).await?.expect_code(1)?, &[told])?;
    let tables = shop.rows("SELECT * FROM pg_tables WHERE schemaname = 'public'").await?;
    ensure!(tables.is_empty(), "{tables:?}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_ends_the_start_with_the_remedy_and_without_the_password() -> Result<()> {
    let shop = Shop::open(1).await?;
    let guest = role(&shop, "guest").await?;
    let wrong = shop.database.as_user(guest.user(), "wr0ng-one");
    let ended = shop.vendas(&["run"]).database(&wrong).run(DEADLINE).await?.expect_code(1)?;
    ensure!(ended.stderr.contains("check database.user and database.password"), "{}", ended.stderr);
    ensure!(!ended.stderr.contains("wr0ng-one"), "{}", ended.stderr);
    Ok(())
}

#[tokio::test]
async fn with_database_schema_existing_tables_of_a_shop_stay_untouched() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &[r#"{"id_ordem": "a", "valor_total": 2}"#]).await?;
    shop.database.execute("CREATE TABLE orders (id INT)").await?;
    let taken = shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(1)?;
    ensure!(taken.stderr.contains("\"public\".orders"), "{}", taken.stderr);
    let own = ["--set", "database.schema=ven\"das"];
    shop.vendas(&["run", "--until-end"]).args(own).run(DEADLINE).await?.expect_code(0)?;
    let rows = shop.rows("SELECT order_id, total FROM \"ven\"\"das\".orders").await?;
    ensure!(rows == ["a|2.00"], "{rows:?}");
    Ok(())
}

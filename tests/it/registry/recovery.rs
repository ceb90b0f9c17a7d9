//! A real registry that is killed and frozen, and a run that is killed while it waits and while it
//! processes.

use serde_json::json;
use testbed::{Registry, Result, ensure};

use super::{avro_orders, avro_schema, send_avro, serializers_of, with_registry};
use crate::{
    brake::Brake,
    shop::{DEADLINE, Shop},
    wait::{until_at_least, until_line},
};

/// Orders in each step.
const COUNT: i32 = 3_000;
const PARTITIONS: u16 = 3;

/// Each write of an order adds a row to `writes`, unless it is rolled back.
const WRITE_LOG: &str = "
    CREATE TABLE writes (order_number INT);
    CREATE FUNCTION write_log() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO writes VALUES (NEW.order_number); RETURN NULL; END $$;
    CREATE TRIGGER write_log AFTER INSERT OR UPDATE ON sales
    FOR EACH ROW EXECUTE FUNCTION write_log()";

#[tokio::test]
async fn with_registry_and_run_killed_repeatedly_each_order_counts_once() -> Result<()> {
    let (shop, registry) = (Shop::open(PARTITIONS).await?, Registry::start().await?);
    shop.apply_schema().await?;
    shop.database.execute(WRITE_LOG).await?;
    let by = serializers_of(&shop.servers.kafka, &registry).await?;
    send_avro(&by, &shop.topic, PARTITIONS, 0..COUNT).await?;
    registry.kill()?;
    let vendas = with_registry(&shop, registry.url(), &["run"])
        .env("VENDAS_REGISTRY__TIMEOUT", "500ms")
        .env("VENDAS_PIPELINE__BATCH_SIZE", "10")
        .env("VENDAS_PIPELINE__COMMIT_RECORDS", "10");
    let waiting = vendas.start()?;
    until_line(&waiting, &["paused", "registry"]).await?;
    ensure!(shop.database.count("sales").await? == 0, "an order was stored without its schema");
    waiting.kill()?;

    let first = vendas.start()?;
    until_line(&first, &["paused", "registry"]).await?;
    let brake = Brake::at(&shop.database, 500).await?;
    registry.restart().await?;
    until_at_least(&shop.database, "sales", 300, &first).await?;
    first.kill()?;
    drop(brake);

    // The schema is cached: an outage of the registry has no effect.
    let brake = Brake::at(&shop.database, 900).await?;
    let second = vendas.start()?;
    until_at_least(&shop.database, "sales", 1_600, &second).await?;
    registry.kill()?;
    drop(brake);
    until_at_least(&shop.database, "sales", i64::from(COUNT), &second).await?;
    ensure!(!second.stderr()?.contains("paused"), "{}", second.state());
    second.kill()?;

    registry.restart().await?;
    let other = json!({
        "topic": shop.topic, "partitions": PARTITIONS, "subject": "other",
        "schema": {"type": "record", "name": "Other", "fields": avro_schema()["fields"]},
        "values": avro_orders(COUNT..2 * COUNT),
    });
    by.run("plain.avro", other).await?;
    registry.pause()?;
    let third = vendas.start()?;
    until_line(&third, &["paused", "registry"]).await?;
    let brake = Brake::at(&shop.database, 1_500).await?;
    registry.resume()?;
    until_at_least(&shop.database, "sales", i64::from(COUNT) + 300, &third).await?;
    third.kill()?;
    drop(brake);

    let last = with_registry(&shop, registry.url(), &["run", "--until-end"]);
    last.run(DEADLINE).await?.expect_code(0)?;
    let sums = shop.rows("SELECT count(*), sum(total - order_number) FROM sales").await?;
    ensure!(sums == [format!("{}|{}.00", 2 * COUNT, COUNT / 5)], "{sums:?}");
    let twice = "SELECT order_number FROM writes GROUP BY 1 HAVING count(*) > 1";
    ensure!(shop.rows(twice).await?.is_empty(), "{:?}", shop.rows(twice).await);
    ensure!(shop.database.count("dead_letters").await? == 0, "a record became a dead letter");
    with_registry(&shop, registry.url(), &["verify"]).run(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

//! A broker with a quota on the consumer's byte rate.

use std::time::{Duration, Instant};

use testbed::{Record, Result, ensure};

use crate::shop::{DEADLINE, Shop};

const CONFIG_COMMAND: &str = "kafka.admin.ConfigCommand";

#[tokio::test]
async fn under_a_quota_records_are_processed_slowly_and_nothing_is_reported() -> Result<()> {
    const RECORDS: i32 = 80;
    const BYTES: usize = 20_000;
    let shop = Shop::open(1).await?;
    let client = format!("throttled-{}", shop.topic);
    // Brokers count over 11 seconds: so many times the rate may come at once, here 1.1 of 1.6 MB.
    let rate = 100_000;
    let config = format!("consumer_byte_rate={rate}");
    let alter = ["--alter", "--add-config", &config, "--entity-type", "clients"];
    let args = [&alter[..], &["--entity-name", &client]].concat();
    shop.servers.kafka.tool(CONFIG_COMMAND, &args, b"").await?;
    shop.servers.kafka.settled().await?;
    let padding = "x".repeat(BYTES);
    let order = |number| {
        Record::new(format!(r#"{{"order_number": {number}, "total": 1, "padding": "{padding}"}}"#))
    };
    let records: Vec<_> = (0..RECORDS).map(order).collect();
    for few in records.chunks(4) {
        shop.servers.kafka.produce(&shop.topic, 0, few).await?;
    }
    let started = Instant::now();
    let ended = shop
        .vendas(&["run", "--until-end"])
        .env("VENDAS_KAFKA__CLIENT_ID", &client)
        .run(DEADLINE)
        .await?
        .expect_code(0)?;
    let took = started.elapsed();
    ensure!(took > Duration::from_secs(3), "not throttled: {took:?}");
    let sales = shop.database.count("sales").await?;
    ensure!(sales == i64::from(RECORDS), "{sales} of {RECORDS}");
    for word in ["WARN", "ERROR", "paused"] {
        ensure!(!ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    Ok(())
}

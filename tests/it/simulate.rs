use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use rskafka::client::partition::UnknownTopicHandling;
use testbed::{Context, Record, Result, Signal, ensure, eventually, samples::Sample};

use crate::shop::{DEADLINE, Shop};

/// All records of a partition, read with another client.
async fn partition(shop: &Shop, topic: &str, partition: i32) -> Result<Vec<Record>> {
    let kafka = &shop.servers.kafka;
    let end = kafka.log_end(topic, partition).await?;
    let client = kafka.client().await?;
    let client = client.partition_client(topic, partition, UnknownTopicHandling::Retry).await?;
    let mut records = Vec::new();
    let mut next = 0;
    while next < end {
        let (fetched, _) = client.fetch_records(next, 1..50_000_000, 1_000).await?;
        for fetched in fetched {
            next = fetched.offset + 1;
            let (key, payload) = (fetched.record.key, fetched.record.value);
            records.push(Record { key, payload, ..Record::default() });
        }
    }
    Ok(records)
}

async fn partitions(shop: &Shop, topic: &str) -> Result<Vec<Vec<Record>>> {
    let mut all = Vec::new();
    for number in shop.servers.kafka.partitions(topic).await? {
        all.push(partition(shop, topic, number).await?);
    }
    Ok(all)
}

/// The number before these words in the program's output.
fn reported(text: &str, words: &str) -> Result<usize> {
    let before = text.split(words).next().context("the output is empty")?;
    let number = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    number.parse().with_context(|| format!("no number before {words:?} in {text}"))
}

#[tokio::test]
async fn the_same_seed_sends_the_same_records_to_the_same_partitions() -> Result<()> {
    let shop = Shop::open(1).await?;
    let mut sent = Vec::new();
    for run in ["first", "second"] {
        let topic = format!("{}-{run}", shop.topic);
        let args = ["simulate", "--topic", &topic, "--seed", "11", "--count", "3000"];
        let mixed = ["--invalid", "5%", "--corrections", "5%", "--partitions", "3"];
        let ended = shop.vendas(&args).args(mixed).run(DEADLINE).await?.expect_code(0)?;
        ensure!(ended.stdout.contains("created with 3 partitions"), "{}", ended.stdout);
        ensure!(reported(&ended.stdout, " records sent")? == 3_000, "{}", ended.stdout);
        sent.push(partitions(&shop, &topic).await?);
    }
    ensure!(sent[0].iter().map(Vec::len).sum::<usize>() == 3_000, "not as many as reported");
    ensure!(sent[0].iter().all(|partition| partition.len() > 500), "one partition has too few");
    ensure!(sent[0] == sent[1], "the same seed sent other records");
    Ok(())
}

#[tokio::test]
async fn a_rate_is_kept_within_two_percent_over_ten_seconds() -> Result<()> {
    let shop = Shop::open(4).await?;
    let args = ["simulate", "--rate", "500/s", "--shape", "numbered"];
    let simulate = shop.vendas(&args).start()?;
    let count = async || {
        let mut sum = 0;
        for number in 0..4 {
            sum += shop.servers.kafka.log_end(&shop.topic, number).await?;
        }
        Ok::<_, testbed::Error>(sum)
    };
    eventually("the first records", DEADLINE, async || {
        ensure!(count().await? > 0, "none yet: {}", simulate.state());
        Ok(())
    })
    .await?;
    // Counting takes time too.
    let (first, before, second) = (Instant::now(), count().await?, Instant::now());
    // The time itself is tested here.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (third, sent, fourth) = (Instant::now(), count().await? - before, Instant::now());
    let due = |elapsed: Duration| i64::try_from(elapsed.as_millis() / 2);
    let (least, most) = (due(third - second)?, due(fourth - first)?);
    let due = least * 49 / 50..=most * 51 / 50;
    ensure!(due.contains(&sent), "{sent} sent, {due:?} were due");

    simulate.signal(Signal::TERM)?;
    let ended = simulate.wait_exit(DEADLINE).await?.expect_code(0)?;
    let told = reported(&ended.stdout, " records sent")?;
    ensure!(i64::try_from(told)? == count().await?, "{}", ended.stdout);
    Ok(())
}

#[tokio::test]
async fn invalid_records_have_the_requested_share_and_all_become_dead_letters() -> Result<()> {
    for shape in ["ecommerce", "ecommerce-stated-total", "numbered"] {
        let shop = Shop::open(2).await?;
        let args = ["simulate", "--shape", shape, "--invalid", "5%", "--count", "4000", "--hard"];
        let ended = shop.vendas(&args).run(DEADLINE).await?.expect_code(0)?;
        let invalid = reported(&ended.stdout, " invalid")?;
        // Four standard deviations.
        ensure!((145..=255).contains(&invalid), "{}", ended.stdout);
        shop.process_backlog().await?;
        let dead = shop.rows("SELECT count(*) FROM dead_letters").await?;
        ensure!(dead == [invalid.to_string()], "{shape}: {invalid} invalid, {dead:?} dead letters");
        let table = if shape == "numbered" { "sales" } else { "orders" };
        let orders = shop.database.count(table).await?;
        ensure!(orders == i64::try_from(4_000 - invalid)?, "{shape}: {orders} rows in {table}");
    }
    Ok(())
}

#[tokio::test]
async fn corrections_follow_their_orders_and_the_last_version_counts() -> Result<()> {
    let shop = Shop::open(3).await?;
    let args = ["simulate", "--corrections", "20%", "--count", "3000", "--seed", "5", "--hard"];
    let ended = shop.vendas(&args).run(DEADLINE).await?.expect_code(0)?;
    let corrections = reported(&ended.stdout, " corrections")?;
    ensure!((500..=700).contains(&corrections), "{}", ended.stdout);

    let mut last = BTreeMap::new();
    let mut partitions_of: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
    for (number, records) in partitions(&shop, &shop.topic).await?.into_iter().enumerate() {
        for record in records {
            let key = record.key.context("a record without a key")?;
            partitions_of.entry(key.clone()).or_default().insert(number);
            last.insert(key, record.payload.context("a tombstone")?);
        }
    }
    ensure!(
        partitions_of.values().all(|of| of.len() == 1),
        "an order has records in two partitions"
    );
    ensure!(last.len() == 3_000 - corrections, "{} orders", last.len());
    shop.process_backlog().await?;
    let mut expected = Vec::new();
    for payload in last.values() {
        let order: serde_json::Value = serde_json::from_slice(payload)?;
        let items = order["produtos_comprados"].as_array().context("no items")?.len();
        expected.push(format!("{}|{items}", order["id_ordem"].as_str().context("no id")?));
    }
    let sql = "SELECT order_id, cardinality(items) FROM orders ORDER BY order_id COLLATE \"C\"";
    ensure!(shop.rows(sql).await? == expected, "another version of an order is stored");
    // Amounts with many decimals, tiny and huge ones, are summed exactly.
    let amounts =
        "SELECT max(scale(amount)) > 6, min(amount) < 0.001, max(amount) > 1e10 FROM order_items";
    ensure!(shop.rows(amounts).await? == ["t|t|t"], "{:?}", shop.rows(amounts).await?);
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

#[tokio::test]
async fn past_orders_fill_the_days_of_a_report_with_whole_cents() -> Result<()> {
    let shop = Shop::open(3).await?;
    let args = ["simulate", "--past", "10d", "--count", "5000", "--corrections", "2%"];
    shop.vendas(&args).run(DEADLINE).await?.expect_code(0)?;
    shop.process_backlog().await?;
    let args = ["report", "--by", "day", "--last", "10d", "--format", "json"];
    let report = shop.vendas(&args).run(DEADLINE).await?.expect_code(0)?.stdout;
    let report: serde_json::Value = serde_json::from_str(&report)?;
    let days = report["days"].as_array().context("no days")?;
    // Today has no orders yet if it has just begun.
    ensure!((9..=10).contains(&days.len()), "{report:#}");
    for day in &days[..9] {
        let orders = day["orders"].as_i64().context("no orders")?;
        ensure!((200..=1000).contains(&orders), "{day}");
    }
    let orders = shop.database.count("orders").await?;
    ensure!(report["total"]["orders"] == orders && orders > 4_800, "{orders}: {report:#}");
    let odd = "SELECT count(*) FROM order_items WHERE amount <> round(amount, 2) OR amount > 10000";
    ensure!(shop.rows(odd).await? == ["0"], "{:?}", shop.rows(odd).await?);
    let future =
        "SELECT count(*) FROM orders WHERE sold_at > now() AT TIME ZONE 'America/Sao_Paulo'";
    ensure!(shop.rows(future).await? == ["0"], "sold before the requested period");
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0)?;

    for (args, says) in [
        (&["--past", "10d", "--shape", "numbered"][..], "--shape numbered has none"),
        (&["--past", "2w"], "such as 30d"),
    ] {
        let ended = shop.vendas(&["simulate"]).args(args).run(DEADLINE).await?.expect_code(2)?;
        ensure!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn after_past_orders_it_continues_at_its_rate() -> Result<()> {
    let shop = Shop::open(1).await?;
    let simulate = shop.vendas(&["simulate", "--past", "1d", "--rate", "5/s"]).start()?;
    eventually("the past and some more records", DEADLINE, async || {
        let end = shop.servers.kafka.log_end(&shop.topic, 0).await?;
        ensure!(end > 2_003, "{end}: {}", simulate.state());
        Ok(())
    })
    .await?;
    simulate.signal(Signal::TERM)?;
    let ended = simulate.wait_exit(DEADLINE).await?.expect_code(0)?;
    let sent = reported(&ended.stdout, " records sent")?;
    // Past orders are sent at once, and do not count for the rate.
    ensure!((2_004..2_100).contains(&sent), "{}", ended.stdout);
    shop.process_backlog().await?;
    let now = "SELECT count(*) FROM orders
               WHERE now() AT TIME ZONE 'America/Sao_Paulo' - sold_at < interval '10 minutes'";
    let now: usize = shop.rows(now).await?[0].parse()?;
    ensure!(now >= sent - 2_000, "{now} of {sent} have current times");
    Ok(())
}

#[tokio::test]
async fn twenty_thousand_simulated_orders_become_twenty_thousand_orders() -> Result<()> {
    let shop = Shop::open(1).await?;
    // In a topic's first moments, batches in flight can fail one by one.
    let topic = format!("{}-new", shop.topic);
    let simulate = shop.vendas(&["simulate", "--topic", &topic, "--count", "20000"]);
    simulate.run(DEADLINE).await?.expect_code(0)?;
    let run = shop.vendas(&["run", "--until-end", "--topics", &topic]);
    let ended = run.run(DEADLINE).await?.expect_code(0)?;
    ensure!(
        ended.stderr.contains("orders=20000 cancelled=0 ignored=0 dead_letters=0"),
        "{}",
        ended.state()
    );
    ensure!(shop.database.count("orders").await? == 20_000, "orders are missing");
    let off = "SELECT count(*) FROM orders
               WHERE abs(extract(epoch FROM now() AT TIME ZONE 'America/Sao_Paulo' - sold_at)) > 3600";
    ensure!(shop.rows(off).await? == ["0"], "without a seed orders have current times");
    Ok(())
}

#[tokio::test]
async fn a_signal_stops_it_and_it_reports_the_acknowledged_records() -> Result<()> {
    let shop = Shop::open(2).await?;
    let simulate = shop.vendas(&["simulate"]).start()?;
    eventually("records", DEADLINE, async || {
        ensure!(shop.servers.kafka.log_end(&shop.topic, 1).await? > 2_000, "{}", simulate.state());
        Ok(())
    })
    .await?;
    simulate.signal(Signal::INT)?;
    let ended = simulate.wait_exit(DEADLINE).await?.expect_code(0)?;
    for number in 0..2 {
        let end = shop.servers.kafka.log_end(&shop.topic, number).await?;
        let line = format!("partition {number}: {end}\n");
        ensure!(ended.stdout.contains(&line), "{line:?} is not in {}", ended.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn an_array_and_its_lines_are_sent_alike_and_each_order_unchanged() -> Result<()> {
    let shop = Shop::open(1).await?;
    let orders = Sample::Hard.orders();
    let mut sent = Vec::new();
    for (name, content) in [("array", Sample::Hard.file()), ("lines", orders.join("\n"))] {
        let topic = format!("{}-{name}", shop.topic);
        let produce = shop.vendas(&["produce", "-", "--topic", &topic, "--partitions", "1"]);
        let ended = produce.input(content).run(DEADLINE).await?.expect_code(0)?;
        ensure!(reported(&ended.stdout, " records sent")? == orders.len(), "{}", ended.stdout);
        sent.push(partition(&shop, &topic, 0).await?);
    }
    ensure!(sent[0] == sent[1], "the array and the lines differ");
    let texts: Vec<_> = sent[0].iter().filter_map(|record| record.payload.clone()).collect();
    let expected: Vec<_> = orders.iter().map(|order| order.clone().into_bytes()).collect();
    ensure!(texts == expected, "an order differs from the file");
    ensure!(sent[0][0].key.as_deref() == Some(b"1004"), "the key isn't the order's number");
    Ok(())
}

#[tokio::test]
async fn an_invalid_file_is_refused_with_the_position_and_nothing_is_sent() -> Result<()> {
    let shop = Shop::open(1).await?;
    let lines =
        format!("{}\n{}", Sample::Hard.orders()[..3].join("\n"), r#"{"order_number": 12,}"#);
    let array = "[{\"order_number\": 1, \"total\": 1},\n {\"order_number\": 2 \"total\": 1}]";
    for (content, place) in
        [(lines.as_str(), "line 4, column 21: "), (array, "line 2, column 21: ")]
    {
        let ended = shop.vendas(&["produce", "-"]).input(content).run(DEADLINE).await?;
        let ended = ended.expect_code(1)?;
        ensure!(ended.stderr.contains(place), "{place} is not in {}", ended.stderr);
        ensure!(ended.stderr.contains("nothing was sent"), "{}", ended.stderr);
    }
    ensure!(shop.servers.kafka.log_end(&shop.topic, 0).await? == 0, "something was sent");

    let as_is = shop.vendas(&["produce", "--as-is", "-"]).input(lines.as_str());
    as_is.run(DEADLINE).await?.expect_code(0)?;
    let sent = partition(&shop, &shop.topic, 0).await?;
    let sent: Vec<_> = sent.into_iter().filter_map(|record| record.payload).collect();
    ensure!(
        sent == lines.lines().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>(),
        "lines"
    );
    Ok(())
}

/// Bytes in the kernel's queue for the server at `address` (proc_net_tcp in the kernel's
/// documentation: the local address is the second field, then the peer's, the state, and
/// `tx_queue:rx_queue`).
fn queued_bytes(address: &str) -> Result<u64> {
    let port: u16 = address.rsplit(':').next().unwrap_or_default().parse()?;
    let local = format!(":{port:04X}");
    let mut unread = 0;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in std::fs::read_to_string(table).unwrap_or_default().lines() {
            let fields: Vec<_> = line.split_whitespace().collect();
            if let (Some(at), Some(queues)) = (fields.get(1), fields.get(4))
                && at.ends_with(&local)
                && let Some((_, received)) = queues.split_once(':')
            {
                unread += u64::from_str_radix(received, 16)?;
            }
        }
    }
    Ok(unread)
}

#[tokio::test]
async fn a_broker_that_is_frozen_and_killed_receives_every_record_once() -> Result<()> {
    let kafka = testbed::Kafka::start().await?;
    let topic = "outage";
    kafka.create_topic(topic, 2, &[]).await?;
    let simulate = testbed::VendasCommand::new(crate::shop::VENDAS)
        .kafka(&kafka, &[topic])
        .args(["simulate", "--shape", "numbered", "--rate", "4000/s"])
        .start()?;
    eventually("the first records", DEADLINE, async || {
        ensure!(kafka.log_end(topic, 0).await? > 500, "too few: {}", simulate.state());
        Ok(())
    })
    .await?;
    kafka.pause()?;
    eventually("records that the frozen broker has not read", DEADLINE, async || {
        ensure!(queued_bytes(kafka.address())? > 0, "none: {}", simulate.state());
        Ok(())
    })
    .await?;
    kafka.resume()?;
    kafka.restart().await?;
    let stored = async || -> Result<i64> {
        Ok(kafka.log_end(topic, 0).await? + kafka.log_end(topic, 1).await?)
    };
    let before = stored().await?;
    eventually("further records", DEADLINE, async || {
        ensure!(stored().await? > before + 4_000, "{before}: {}", simulate.state());
        Ok(())
    })
    .await?;
    simulate.signal(Signal::TERM)?;
    let ended = simulate.wait_exit(DEADLINE).await?.expect_code(0)?;
    let (told, stored) = (reported(&ended.stdout, " records sent")?, stored().await?);
    ensure!(i64::try_from(told)? == stored, "{stored} records are stored: {}", ended.stdout);
    Ok(())
}

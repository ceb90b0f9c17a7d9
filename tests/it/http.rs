//! The HTTP server of a run: metrics and health.

mod access;
mod alerts;
pub(crate) mod client;
pub(crate) mod prometheus;
pub(crate) mod scrape;

use std::{fs, net::TcpListener, ops::RangeInclusive};

use openmetrics_parser::prometheus::parse_prometheus;
use testbed::{
    Error, Record, Result, Signal, Testbed, VendasCommand, ensure, eventually, free_port,
};

use crate::{
    data_loss::with_deleted_records,
    shop::{DEADLINE, Shop, VENDAS, numbered},
    wait::until_count,
};
use client::{Answer, get};
use scrape::Scrape;

/// A free address for the HTTP server of a run.
pub(crate) fn listen() -> Result<String> {
    Ok(format!("127.0.0.1:{}", free_port()?))
}

pub(crate) async fn scrape(listen: &str) -> Result<Scrape> {
    let Answer { status, content_type, body } =
        get(listen, "/metrics", "application/openmetrics-text; version=1.0.0").await?;
    ensure!(status == 200 && content_type.starts_with("application/openmetrics-text"), "{body}");
    Scrape::of(&body)
}

pub(crate) async fn until_ready(listen: &str, code: u16, says: &str) -> Result<String> {
    eventually(&format!("/readyz answers {code} with {says}"), DEADLINE, async || {
        let Answer { status, body, .. } = get(listen, "/readyz", "*/*").await?;
        ensure!(status == code && body.contains(says), "{status}: {body}");
        Ok(body)
    })
    .await
}

#[tokio::test]
async fn metrics_and_health_show_processed_records_and_unavailable_servers() -> Result<()> {
    let servers = Testbed::private().await?;
    let (topic, database, listen) = (servers.topic(1).await?, servers.database().await?, listen()?);
    let vendas = servers.vendas(VENDAS, &[&topic], &database).env("VENDAS_HTTP__LISTEN", &listen);
    let send = async |payloads: Vec<String>| -> Result<()> {
        let records: Vec<_> = payloads.into_iter().map(Record::new).collect();
        servers.kafka.produce(&topic, 0, &records).await?;
        Ok(())
    };
    send((0..300).map(numbered).collect()).await?;
    send(vec!["{".to_owned(), "[]".to_owned(), "{".to_owned()]).await?;
    let run = vendas.clone().args(["run"]).start()?;
    until_ready(&listen, 200, r#""reasons":[]"#).await?;
    let partition = [("topic", &*topic), ("partition", "0")];
    eventually("a scrape after all records", DEADLINE, async || {
        let scrape = scrape(&listen).await?;
        for (name, labels, value) in [
            ("vendas_records", &[("outcome", "order")][..], 300.0),
            ("vendas_records", &[("outcome", "dead_letter")], 3.0),
            ("vendas_dead_letters", &[("reason", "not_json")], 2.0),
            ("vendas_dead_letters", &[("reason", "not_an_object")], 1.0),
            ("vendas_dead_letters", &[("reason", "tombstone")], 0.0),
            ("vendas_lag_offsets", &partition, 0.0),
            ("vendas_partitions", &[("state", "working")], 1.0),
            ("vendas_partitions", &[("state", "halted")], 0.0),
            ("vendas_paused", &[("server", "kafka")], 0.0),
            ("vendas_paused", &[("server", "postgresql")], 0.0),
            ("vendas_data_losses", &[], 0.0),
            ("vendas_build", &[("version", env!("CARGO_PKG_VERSION"))], 1.0),
        ] {
            scrape.expect(name, labels, value)?;
        }
        let (batches, records) = scrape.histogram("vendas_batch_records")?;
        let (commits, seconds) = scrape.histogram("vendas_commit_duration_seconds")?;
        ensure!(batches == commits && (1..=303).contains(&batches), "{batches} {commits}");
        ensure!(records == 303.0 && seconds > 0.0 && seconds < 60.0, "{records} {seconds}");
        for server in ["kafka", "postgresql"] {
            let opened = scrape.value("vendas_connections_opened", &[("server", server)])?;
            ensure!((1.0..100.0).contains(&opened), "{opened} connections to {server}");
        }
        ensure!(
            scrape.value("process_resident_memory_bytes", &[])? > 1e6,
            "its memory is implausibly small"
        );
        ensure!(scrape.value("process_cpu_seconds", &[])? > 0.0, "it has used no CPU time");
        Ok(())
    })
    .await?;

    // No records arrive, so that only a query can show that the server is back.
    servers.postgres.stop().await?;
    let body = until_ready(&listen, 503, r#""what":"postgresql","since":"20"#).await?;
    ensure!(body.contains(r#""ready":false"#), "{body}");
    until_ready(&listen, 503, r#""error":"PostgreSQL at "#).await?;
    scrape(&listen).await?.expect("vendas_paused", &[("server", "postgresql")], 1.0)?;
    send((300..350).map(numbered).collect()).await?;
    eventually("what waits", DEADLINE, async || {
        let scrape = scrape(&listen).await?;
        scrape.expect("vendas_lag_offsets", &partition, 50.0)?;
        scrape.expect("vendas_paused", &[("server", "kafka")], 0.0)
    })
    .await?;
    let check = vendas.clone().args(["healthcheck"]);
    let unready = check.run(DEADLINE).await?.expect_code(1)?;
    ensure!(unready.stdout.contains(r#""what":"postgresql""#), "{}", unready.stdout);
    check.clone().args(["--alive"]).run(DEADLINE).await?.expect_code(0)?;

    servers.postgres.restart().await?;
    until_ready(&listen, 200, r#""working":1"#).await?;
    check.run(DEADLINE).await?.expect_code(0)?;
    eventually("the rest", DEADLINE, async || {
        let scrape = scrape(&listen).await?;
        scrape.expect("vendas_records", &[("outcome", "order")], 350.0)?;
        scrape.expect("vendas_lag_offsets", &partition, 0.0)?;
        scrape.expect("vendas_paused", &[("server", "postgresql")], 0.0)
    })
    .await?;

    servers.kafka.stop().await?;
    let body = until_ready(&listen, 503, r#""what":"kafka""#).await?;
    ensure!(!body.contains("postgresql"), "{body}");
    servers.kafka.restart().await?;
    until_ready(&listen, 200, r#""reasons":[]"#).await?;

    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    check.run(DEADLINE).await?.expect_code(1)?;
    Ok(())
}

#[tokio::test]
async fn the_end_of_an_outage_is_noticed_without_new_records() -> Result<()> {
    let servers = Testbed::private().await?;
    let (topic, database, listen) = (servers.topic(1).await?, servers.database().await?, listen()?);
    let vendas = servers.vendas(VENDAS, &[&topic], &database).env("VENDAS_HTTP__LISTEN", &listen);
    let run = vendas.args(["run"]).start()?;
    until_ready(&listen, 200, r#""working":1"#).await?;
    servers.postgres.stop().await?;
    // Idle partitions query once a minute.
    eventually("a worker that has noticed the outage", DEADLINE * 2, async || {
        ensure!(run.stderr()?.contains("paused, will resume automatically"), "{}", run.state());
        Ok(())
    })
    .await?;
    servers.postgres.restart().await?;
    until_ready(&listen, 200, r#""reasons":[]"#).await?;
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

/// The reader that reports the missing topic ends when it finds another topic of that name.
#[tokio::test]
async fn after_a_reset_of_a_recreated_topic_the_run_is_ready() -> Result<()> {
    let (shop, listen) = (Shop::open(1).await?, listen()?);
    let kafka = &shop.servers.kafka;
    let run = shop.vendas(&["run"]).env("VENDAS_HTTP__LISTEN", &listen).start()?;
    until_ready(&listen, 200, r#""working":1"#).await?;
    kafka.delete_topic(&shop.topic).await?;
    until_ready(&listen, 503, r#""what":"kafka""#).await?;
    eventually("a new topic", DEADLINE, async || kafka.create_topic(&shop.topic, 1, &[]).await)
        .await?;
    until_ready(&listen, 503, r#""halted":1"#).await?;
    let reset = ["offsets", "reset", "--to", "earliest", "--because", "a new topic", "--yes"];
    shop.vendas(&reset).run(DEADLINE).await?.expect_code(0)?;
    shop.send_numbers(0, [1]).await?;
    until_count(&shop.database, "sales", 1, &run).await?;
    until_ready(&listen, 200, r#""reasons":[]"#).await?;
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn a_halted_partition_is_reported_and_another_one_keeps_the_run_ready() -> Result<()> {
    let (shop, listen) = (with_deleted_records().await?, listen()?);
    let vendas = shop.vendas(&["run"]).env("VENDAS_HTTP__LISTEN", &listen);
    let run = vendas.clone().start()?;
    until_ready(&listen, 200, r#""working":1,"paused":0,"halted":1"#).await?;
    let halted = [("state", "halted")];
    scrape(&listen).await?.expect("vendas_partitions", &halted, 1.0)?;
    eventually("the lag of both", DEADLINE, async || {
        let scrape = scrape(&listen).await?;
        for (partition, lag) in [("0", 30.0), ("1", 0.0)] {
            let labels = [("topic", &*shop.topic), ("partition", partition)];
            scrape.expect("vendas_lag_offsets", &labels, lag)?;
        }
        Ok(())
    })
    .await?;
    run.kill()?;

    let only = format!("{}:0", shop.topic);
    let alone = vendas.clone().env("VENDAS_KAFKA__PARTITIONS", &only).start()?;
    until_ready(&listen, 503, "[50, 70) was deleted before it was read").await?;
    alone.kill()?;

    let _going_on = vendas.env("VENDAS_PIPELINE__ON_DATA_LOSS", "continue").start()?;
    eventually("the skipped records", DEADLINE, async || {
        let scrape = scrape(&listen).await?;
        scrape.expect("vendas_data_losses", &[], 1.0)?;
        scrape.expect("vendas_partitions", &halted, 0.0)
    })
    .await
}

#[tokio::test]
async fn without_servers_it_is_live_and_not_ready() -> Result<()> {
    let listen = listen()?;
    let nowhere = VendasCommand::new(VENDAS)
        .env("VENDAS_HTTP__LISTEN", &listen)
        .env("VENDAS_KAFKA__BROKERS", "127.0.0.1:1")
        .env("VENDAS_DATABASE__HOST", "127.0.0.1")
        .env("VENDAS_DATABASE__PORT", "1")
        .env("VENDAS_DATABASE__PASSWORD", "s3cret");
    let run = nowhere.clone().args(["run"]).start()?;
    let body = until_ready(&listen, 503, r#""what":"kafka""#).await?;
    ensure!(
        body.contains("waiting for the partition assignment") && !body.contains("s3cret"),
        "{body}"
    );
    until_ready(&listen, 503, r#""what":"postgresql""#).await?;
    let Answer { status, body, .. } = get(&listen, "/healthz", "*/*").await?;
    ensure!((status, &*body) == (200, "ok\n"), "{status}: {body}");
    let Answer { status, .. } = get(&listen, "/no-such-page", "*/*").await?;
    ensure!(status == 404, "{status}");
    // Clients that accept nothing else get the older format, which every scraper reads.
    let Answer { content_type, body, .. } = get(&listen, "/metrics", "*/*").await?;
    ensure!(content_type == "text/plain; version=0.0.4; charset=utf-8", "{content_type}");
    parse_prometheus(&body).map_err(|error| Error::msg(format!("{error:?}: {body}")))?;
    nowhere.args(["healthcheck"]).run(DEADLINE).await?.expect_code(1)?;
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

#[tokio::test]
async fn an_address_in_use_is_reported_at_once_and_by_default_there_is_no_server() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let listen = taken.local_addr()?.to_string();
    let vendas = VendasCommand::new(VENDAS).args(["run", "--brokers", "127.0.0.1:1"]);
    let ended = vendas.env("VENDAS_HTTP__LISTEN", &listen).run(DEADLINE).await?.expect_code(1)?;
    let says = format!("cannot listen at {listen}: Address already in use");
    let remedy = "choose another address for http.listen";
    ensure!(ended.stderr.contains(&says) && ended.stderr.contains(remedy), "{}", ended.stderr);

    let check = VendasCommand::new(VENDAS).args(["healthcheck"]);
    let unset = check.run(DEADLINE).await?.expect_code(1)?;
    ensure!(unset.stderr.contains("http.listen is not set"), "{}", unset.stderr);

    let shop = Shop::open(1).await?;
    let silent = shop.process_backlog().await?;
    ensure!(!silent.stderr.contains("HTTP"), "{}", silent.stderr);
    Ok(())
}

#[tokio::test]
async fn silent_clients_neither_exhaust_files_nor_block_other_clients() -> Result<()> {
    // Those beyond 256 wait in the kernel's queue, which may be as short as 128.
    const CLIENTS: usize = 350;
    // 256 for clients, as docs/monitoring.md says, and those that the program needs itself.
    const FILES: RangeInclusive<usize> = 256..=320;
    let (shop, listen) = (Shop::open(1).await?, listen()?);
    let run = shop.vendas(&["run"]).env("VENDAS_HTTP__LISTEN", &listen).start()?;
    until_ready(&listen, 200, r#""reasons":[]"#).await?;
    let mut silent = Vec::new();
    for _ in 0..CLIENTS {
        silent.push(tokio::net::TcpStream::connect(&listen).await?);
    }
    let mut most = 0;
    // Idle clients are disconnected after a while, and then those that waited in the queue.
    eventually("an answer for a client that sends a request", DEADLINE, async || {
        most = most.max(fs::read_dir(format!("/proc/{}/fd", run.process_id()))?.count());
        let Answer { status, body, .. } = get(&listen, "/healthz", "*/*").await?;
        ensure!(status == 200, "{status}: {body}");
        Ok(())
    })
    .await?;
    ensure!(FILES.contains(&most), "{most} files");
    drop(silent);
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

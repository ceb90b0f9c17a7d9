//! A registry that fails in all ways of registries and proxies: the partition that needs it waits
//! and is reported, others continue, and it recovers automatically.

use serde_json::json;
use testbed::{
    Authority, Fault, FaultyRegistry, Registry, Result, SchemaKind, Signal, Vendas, VendasCommand,
    ensure, eventually,
};

use super::{avro_orders, avro_schema, of_topics, send_avro, serializers, with_registry};
use crate::{
    http::{client::get, listen, scrape, until_ready},
    scenario::count_lines,
    shop::{DEADLINE, Shop},
    wait::until_count,
};

const PAUSED: [(&str, &str); 1] = [("server", "registry")];

/// The number of log lines about the registry that contain `text`.
fn logged(run: &Vendas, text: &str) -> Result<usize> {
    let log = run.stderr()?;
    let of_registry = log.lines().filter(|line| line.contains("schema registry"));
    Ok(of_registry.filter(|line| line.contains(text)).count())
}

/// Waits until a pause is logged, after `before` earlier ones, and is visible in `/readyz` and in
/// the metrics. Returns the cause in `/readyz`.
async fn until_paused(run: &Vendas, listen: &str, before: usize) -> Result<String> {
    let body = until_ready(listen, 503, r#""what":"registry""#).await?;
    scrape(listen).await?.expect("vendas_paused", &PAUSED, 1.0)?;
    eventually("a log line about it", DEADLINE, async || {
        let paused = logged(run, "paused")?;
        ensure!(paused == before + 1, "said {paused} times: {}", run.state());
        Ok(())
    })
    .await?;
    Ok(body)
}

async fn until_going_on(run: &Vendas, listen: &str) -> Result<()> {
    until_ready(listen, 200, r#""reasons":[]"#).await?;
    scrape(listen).await?.expect("vendas_paused", &PAUSED, 0.0)?;
    eventually("a log line about the end of each pause", DEADLINE, async || {
        ensure!(logged(run, "resumed")? == logged(run, "paused")?, "{}", run.state());
        Ok(())
    })
    .await
}

/// Sends `count` orders from `first` on, with a new schema.
async fn send_by_new_schema(topic: &str, first: i32, count: i32) -> Result<u32> {
    let mut schema = avro_schema();
    schema["name"] = json!(format!("Order{first}"));
    let plan = json!({
        "topic": topic, "partitions": 1, "schema": schema, "subject": format!("{topic}-{first}"),
        "values": avro_orders(first..first + count),
    });
    Ok(serde_json::from_value(serializers().await?.run("plain.avro", plan).await?)?)
}

async fn end(run: Vendas) -> Result<()> {
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn with_any_registry_fault_the_partition_waits_and_another_topic_continues() -> Result<()> {
    // Orders per topic and fault.
    const COUNT: i32 = 40;
    let faulty = FaultyRegistry::before(Registry::shared().await?).await?;
    let (shop, listen) = (Shop::open(1).await?, listen()?);
    let plain = shop.servers.topic(1).await?;
    let run = of_topics(&shop, faulty.url(), &[&shop.topic, &plain], &["run"])
        .env("VENDAS_HTTP__LISTEN", &listen)
        .env("VENDAS_REGISTRY__TIMEOUT", "500ms")
        .start()?;
    until_ready(&listen, 200, r#""reasons":[]"#).await?;
    let faults = [
        (Fault::Close, "paused, will resume automatically"),
        (Fault::Silent, "paused, will resume automatically"),
        (Fault::Status(500), "paused, will resume automatically"),
        (Fault::Status(503), "paused, will resume automatically"),
        // Not an error of the API: a wrong path or a proxy.
        (Fault::Status(404), "paused, needs attention"),
        (Fault::Status(401), "paused, needs attention"),
        (Fault::Status(403), "paused, needs attention"),
        (Fault::Redirect, "paused"),
        // A proxy may answer so during a deployment.
        (Fault::Rubbish, "paused, will resume automatically"),
        (Fault::NoSchema, "paused"),
        (Fault::Endless, "paused"),
    ];
    let mut sent = 0;
    for (before, (fault, says)) in faults.into_iter().enumerate() {
        let context = |error: testbed::Error| error.context(format!("{fault:?}"));
        let said = logged(&run, says)?;
        faulty.fail(Some(fault));
        let id = send_by_new_schema(&shop.topic, sent, COUNT).await?;
        // JSON after it in its partition waits too.
        shop.send_numbers(0, sent + COUNT..sent + 2 * COUNT).await?;
        let body = until_paused(&run, &listen, before).await.map_err(context)?;
        ensure!(body.contains("localhost:"), "{fault:?}: no address in {body}");
        ensure!(logged(&run, says)? > said, "{fault:?}: {}", run.state());
        let plainly = (sent + 2 * COUNT..sent + 3 * COUNT).map(crate::shop::numbered);
        let records: Vec<_> = plainly.map(testbed::Record::new).collect();
        shop.servers.kafka.produce(&plain, 0, &records).await?;
        until_count(&shop.database, "sales", i64::from(sent + COUNT), &run)
            .await
            .map_err(context)?;
        get(&listen, "/readyz", "*/*").await.and_then(|it| {
            ensure!(it.status == 503, "{fault:?}: {}", it.body);
            Ok(())
        })?;
        faulty.fail(None);
        sent += 3 * COUNT;
        until_count(&shop.database, "sales", i64::from(sent), &run).await.map_err(context)?;
        until_going_on(&run, &listen).await.map_err(context)?;
        let asked = faulty.requests().get(&format!("GET /schemas/ids/{id}")).copied();
        ensure!(asked > Some(1), "{fault:?}: {asked:?} requests for schema {id}");
    }
    end(run).await?;
    let sums = shop.rows("SELECT count(*), sum(total - order_number) FROM sales").await?;
    ensure!(sums == [format!("{sent}|{}.{}0", sent / 10, sent % 10)], "{sums:?}");
    ensure!(shop.database.count("dead_letters").await? == 0, "a record became a dead letter");
    Ok(())
}

#[tokio::test]
async fn a_schema_is_fetched_once_for_all_partitions_and_the_first_url_may_be_unreachable()
-> Result<()> {
    const PARTITIONS: u16 = 12;
    let faulty = FaultyRegistry::before(Registry::shared().await?).await?;
    let shop = Shop::open(PARTITIONS).await?;
    let id = send_avro(serializers().await?, &shop.topic, PARTITIONS, 0..3_000).await?;
    let urls = format!("http://127.0.0.1:1,{}", faulty.url());
    let run = ["run", "--until-end"];
    let ended = with_registry(&shop, &urls, &run).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.database.count("sales").await? == 3_000, "{}", ended.state());
    ensure!(count_lines(&ended.stderr, "paused") == 0, "{}", ended.state());
    let requests = faulty.requests();
    let asked = requests.get(&format!("GET /schemas/ids/{id}"));
    ensure!(asked == Some(&1), "{requests:?}");
    let checked = with_registry(&shop, &urls, &["check"]).run(DEADLINE).await?.expect_code(0)?;
    let line =
        format!("ok    schema registry: {} answers, but not http://127.0.0.1:1\n", faulty.url());
    ensure!(checked.stdout.contains(&line), "{}", checked.stdout);
    Ok(())
}

#[tokio::test]
async fn registry_passwords_and_private_authorities_are_used_and_waited_for() -> Result<()> {
    let authority = Authority::new("registry")?;
    let certificate = authority.server("localhost")?;
    let faulty = FaultyRegistry::before_over_tls(Registry::shared().await?, &certificate).await?;
    faulty.require_password("alice", "the old one");
    let (shop, listen) = (Shop::open(1).await?, listen()?);
    shop.apply_schema().await?;
    send_by_new_schema(&shop.topic, 0, 50).await?;
    let ca_file = authority.file();
    let known = |command: VendasCommand| {
        command
            .env("VENDAS_REGISTRY__CA_FILE", &ca_file)
            .env("VENDAS_REGISTRY__USER", "alice")
            .env("VENDAS_REGISTRY__PASSWORD", "the new one")
    };
    let check = known(with_registry(&shop, faulty.url(), &["check"]));
    let refused = check.run(DEADLINE).await?.expect_code(1)?;
    ensure!(refused.stdout.contains("FAIL  schema registry"), "{}", refused.stdout);
    ensure!(refused.stdout.contains("401"), "{}", refused.stdout);
    let stranger = with_registry(&shop, faulty.url(), &["check"]);
    let stranger = stranger.run(DEADLINE).await?.expect_code(1)?;
    ensure!(stranger.stdout.contains("registry.ca_file"), "{}", stranger.stdout);

    let run = known(with_registry(&shop, faulty.url(), &["run"]));
    let run = run.env("VENDAS_HTTP__LISTEN", &listen).start()?;
    let body = until_paused(&run, &listen, 0).await?;
    ensure!(body.contains("401"), "{body}");
    ensure!(logged(&run, "paused, needs attention")? == 1, "{}", run.state());
    faulty.require_password("alice", "the new one");
    until_count(&shop.database, "sales", 50, &run).await?;
    until_going_on(&run, &listen).await?;
    for secret in ["the new one", "the old one", "YWxpY2U6"] {
        ensure!(!run.stderr()?.contains(secret), "{secret:?} is logged");
    }
    end(run).await?;
    let accepted = known(with_registry(&shop, faulty.url(), &["check"]));
    let accepted = accepted.run(DEADLINE).await?.expect_code(0)?;
    ensure!(accepted.stdout.contains("ok    schema registry"), "{}", accepted.stdout);
    Ok(())
}

#[tokio::test]
async fn json_schema_needs_no_schema_if_the_format_is_set() -> Result<()> {
    let faulty = FaultyRegistry::before(Registry::shared().await?).await?;
    faulty.fail(Some(Fault::Close));
    let shop = Shop::open(1).await?;
    let text = r#"{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}"#;
    let subject = format!("{}-value", shop.topic);
    let id = serializers().await?.register(&subject, SchemaKind::Json, text).await?;
    let payload = [&[0][..], &id.to_be_bytes(), crate::shop::numbered(1).as_bytes()].concat();
    shop.servers.kafka.produce(&shop.topic, 0, &[testbed::Record::new(payload)]).await?;
    let run = ["run", "--until-end", "--set", "mapping.format=json_schema"];
    let ended = with_registry(&shop, faulty.url(), &run).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.database.count("sales").await? == 1, "{}", ended.state());
    Ok(())
}

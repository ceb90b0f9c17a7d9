use std::{
    path::Path,
    time::{Duration, Instant},
};

use testbed::{Certificate, Result, Signal, VendasCommand, ensure, eventually};

use super::{Doors, PASSWORD, WRONG_PASSWORD, run, sell, set_password, silence, with};
use crate::shop::{DEADLINE, VENDAS, numbered};

type Settings = Vec<(&'static str, String)>;

fn at(doors: &Doors, door: &str) -> Settings {
    vec![("kafka.brokers", doors.kafka_at(door)), ("kafka.timeout", "20s".to_owned())]
}

fn tls(authorities: &Path) -> Settings {
    vec![
        ("kafka.tls.enabled", "true".to_owned()),
        ("kafka.tls.ca_file", authorities.display().to_string()),
    ]
}

fn certificate(certificate: &Certificate) -> Settings {
    vec![
        ("kafka.tls.cert_file", certificate.certificate_file.display().to_string()),
        ("kafka.tls.key_file", certificate.key_file.display().to_string()),
    ]
}

fn sasl(mechanism: &str, user: &str, password: &str) -> Settings {
    vec![
        ("kafka.sasl.mechanism", mechanism.to_owned()),
        ("kafka.sasl.user", user.to_owned()),
        ("kafka.sasl.password", password.to_owned()),
    ]
}

#[tokio::test]
async fn whoever_has_the_key_to_kafka_reads_and_sends() -> Result<()> {
    let doors = Doors::open().await?;
    doors.kafka.create_topic("keys", 2, &[]).await?;
    let vendas = doors.vendas("keys").await?;
    let ours = || tls(&doors.authority.file());
    let cases = [
        ("SEALED", ours(), "over TLS\n"),
        (
            "MUTUAL",
            [ours(), certificate(&doors.client)].concat(),
            "over TLS with a client certificate\n",
        ),
        (
            "SECURED",
            [ours(), sasl("SCRAM-SHA-256", "bob", PASSWORD)].concat(),
            "over TLS, as \"bob\" by SCRAM-SHA-256\n",
        ),
        (
            "SECURED",
            [ours(), sasl("SCRAM-SHA-512", "alice", PASSWORD)].concat(),
            "over TLS, as \"alice\" by SCRAM-SHA-512\n",
        ),
        (
            "SECURED",
            [ours(), sasl("PLAIN", "carol", PASSWORD)].concat(),
            "over TLS, as \"carol\" by PLAIN\n",
        ),
        (
            "GUARDED",
            sasl("SCRAM-SHA-512", "alice", PASSWORD),
            "without TLS, as \"alice\" by SCRAM-SHA-512\n",
        ),
    ];
    for (number, (door, settings, told)) in (1..).zip(cases) {
        let vendas = with(&vendas, &[at(doors, door), settings].concat());
        let order = vendas.clone().input(numbered(number));
        run(&order, &["produce", "-"], 0).await?;
        run(&vendas, &["run", "--until-end"], 0).await?;
        let checked = run(&vendas, &["check"], 0).await?;
        let line = format!("kafka: {} answers {told}", doors.kafka_at(door));
        ensure!(checked.stdout.contains(&line), "no {line:?} in {}", checked.stdout);
        let shown = run(&vendas, &["offsets", "show", "--format", "json"], 0).await?;
        let lag = shown.stdout.matches("\"lag\": 0").count();
        ensure!(lag == 2, "{door}: {}", shown.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_key_to_kafka_ends_the_start_with_its_cause_and_the_remedy() -> Result<()> {
    let doors = Doors::open().await?;
    doors.kafka.create_topic("no-keys", 1, &[]).await?;
    let vendas = doors.vendas("no-keys").await?;
    let ours = || tls(&doors.authority.file());
    let by_address =
        vec![("kafka.brokers", doors.kafka_at("SEALED").replace("localhost", "127.0.0.1"))];
    let untrusted =
        "has a certificate from an authority that is not trusted: set kafka.tls.ca_file";
    let refused =
        |user: &str| format!("rejects kafka.sasl.user \"{user}\": check it, kafka.sasl.password");
    let cases: [(&str, Settings, String); 14] = [
        ("SEALED", tls(&doors.stranger.file()), untrusted.to_owned()),
        ("SEALED", vec![("kafka.tls.enabled", "true".to_owned())], untrusted.to_owned()),
        ("EXPIRED", ours(), "has an expired certificate: renew it".to_owned()),
        (
            "ELSEWHERE",
            ours(),
            "has a certificate for elsewhere.example and not for localhost: set kafka.brokers"
                .to_owned(),
        ),
        (
            "SEALED",
            [ours(), by_address].concat(),
            "has a certificate for localhost and not for 127.0.0.1: set kafka.brokers".to_owned(),
        ),
        ("MUTUAL", ours(), "requires a client certificate: set kafka.tls.cert_file".to_owned()),
        (
            "MUTUAL",
            [ours(), certificate(&doors.strangers_client)].concat(),
            "rejects the client certificate".to_owned(),
        ),
        (
            "SECURED",
            [ours(), sasl("SCRAM-SHA-256", "bob", WRONG_PASSWORD)].concat(),
            refused("bob"),
        ),
        (
            "SECURED",
            [ours(), sasl("SCRAM-SHA-512", "alice", WRONG_PASSWORD)].concat(),
            refused("alice"),
        ),
        (
            "SECURED",
            [ours(), sasl("SCRAM-SHA-512", "nobody", PASSWORD)].concat(),
            refused("nobody"),
        ),
        ("SECURED", [ours(), sasl("PLAIN", "carol", WRONG_PASSWORD)].concat(), refused("carol")),
        ("GUARDED", sasl("SCRAM-SHA-512", "alice", WRONG_PASSWORD), refused("alice")),
        (
            "GUARDED",
            sasl("PLAIN", "carol", PASSWORD),
            "supports SASL SCRAM-SHA-512, but not PLAIN: set kafka.sasl.mechanism".to_owned(),
        ),
        (
            "SEALED",
            [ours(), sasl("PLAIN", "carol", PASSWORD)].concat(),
            "does not support SASL at this port".to_owned(),
        ),
    ];
    for (door, settings, told) in cases {
        let vendas = with(&vendas, &[at(doors, door), settings].concat());
        let checked = run(&vendas, &["check"], 1).await?;
        ensure!(checked.stdout.contains("FAIL  kafka: Kafka broker "), "{}", checked.stdout);
        ensure!(checked.stdout.contains(&told), "{door}: no {told:?} in {}", checked.stdout);
        let ended = run(&vendas, &["run"], 1).await?;
        ensure!(ended.stderr.contains(&told), "{door}: no {told:?} in {}", ended.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn the_wrong_port_of_kafka_is_named_as_what_it_may_be() -> Result<()> {
    let doors = Doors::open().await?;
    doors.kafka.create_topic("no-doors", 1, &[]).await?;
    let vendas = doors.vendas("no-doors").await?;
    let ours = || tls(&doors.authority.file());
    let plain = vec![("kafka.brokers", doors.kafka.address().replace("127.0.0.1", "localhost"))];
    let (silent, _) = silence().await?;
    let silent = || vec![("kafka.brokers", silent.clone()), ("kafka.timeout", "500ms".to_owned())];
    let cases: [(Settings, &str); 5] = [
        ([ours(), plain].concat(), "if that port has no TLS, set kafka.tls.enabled = false"),
        (at(doors, "SEALED"), "if that port expects TLS, set kafka.tls.enabled = true"),
        (at(doors, "GUARDED"), "if it expects SASL, set kafka.sasl.mechanism"),
        ([ours(), silent()].concat(), "timed out (connecting)"),
        (silent(), "timed out (connecting)"),
    ];
    for (settings, told) in cases {
        let vendas = with(&vendas, &settings);
        let checked = run(&vendas, &["check"], 1).await?;
        ensure!(checked.stdout.contains(told), "no {told:?} in {}", checked.stdout);
        // A broker that is just starting may do the same, so that it is waited for.
        let waiting = vendas.args(["run"]).start()?;
        eventually("a word about it", DEADLINE, async || {
            let log = waiting.stderr()?;
            let line = log.lines().find(|line| line.contains("paused, will resume automatically"));
            ensure!(line.is_some_and(|line| line.contains(told)), "{log}");
            Ok(())
        })
        .await?;
        waiting.signal(Signal::TERM)?;
        waiting.wait_exit(DEADLINE).await?.expect_code(0)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_password_that_is_changed_amid_the_work_is_waited_for() -> Result<()> {
    let doors = Doors::open().await?;
    doors.kafka.create_topic("changed", 1, &[]).await?;
    let set =
        async |password: &str| set_password(&doors.kafka, "SCRAM-SHA-512", "dora", password).await;
    set(PASSWORD).await?;
    let database = doors.postgres.database().await?;
    let settings = [at(doors, "FORGETFUL"), sasl("SCRAM-SHA-512", "dora", PASSWORD)].concat();
    let vendas = VendasCommand::new(VENDAS).kafka(&doors.kafka, &["changed"]).database(&database);
    let work = with(&vendas, &settings).args(["run"]).start()?;
    let sent = |number| sell(doors, ("changed", 0), number, &database, &work);
    let started = Instant::now();
    let mut number = 0;
    // The door forgets us twice meanwhile, and nobody has to hear of it.
    while started.elapsed() < Duration::from_millis(2500) {
        number += 1;
        sent(number).await?;
    }
    let log = work.stderr()?;
    ensure!(!log.contains("paused"), "{log}");
    set(WRONG_PASSWORD).await?;
    eventually("a word about it", DEADLINE, async || {
        let log = work.stderr()?;
        let line = log.lines().find(|line| line.contains("paused, needs attention"));
        ensure!(line.is_some_and(|line| line.contains("kafka.sasl.password")), "{log}");
        Ok(())
    })
    .await?;
    set(PASSWORD).await?;
    sent(number + 1).await
}

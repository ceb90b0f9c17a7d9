use std::{path::Path, time::Instant};

use testbed::{Certificate, Result, Signal, VendasCommand, ensure};

use super::{
    PASSWORD, SecureServers, WRONG_PASSWORD, run_traced, sell, set_password, silent_server,
    with_settings,
};
use crate::{
    http::{listen, scrape},
    shop::{DEADLINE, VENDAS, numbered},
    wait::until_paused,
};

type Settings = Vec<(&'static str, String)>;

fn at(servers: &SecureServers, listener: &str) -> Settings {
    vec![("kafka.brokers", servers.kafka_at(listener)), ("kafka.timeout", "20s".to_owned())]
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
async fn valid_credentials_for_kafka_can_read_and_produce() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("keys", 2, &[]).await?;
    let vendas = servers.vendas("keys").await?;
    let ours = || tls(&servers.authority.file());
    let cases = [
        ("SEALED", ours(), "over TLS\n"),
        (
            "MUTUAL",
            [ours(), certificate(&servers.client)].concat(),
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
    for (number, (listener, settings, told)) in (1..).zip(cases) {
        let vendas = with_settings(&vendas, &[at(servers, listener), settings].concat());
        let order = vendas.clone().input(numbered(number));
        run_traced(&order, &["produce", "-"], 0).await?;
        run_traced(&vendas, &["run", "--until-end"], 0).await?;
        let checked = run_traced(&vendas, &["check"], 0).await?;
        let line = format!("kafka: the cluster at {} answers {told}", servers.kafka_at(listener));
        ensure!(checked.stdout.contains(&line), "no {line:?} in {}", checked.stdout);
        let shown = run_traced(&vendas, &["offsets", "show", "--format", "json"], 0).await?;
        let lag = shown.stdout.matches("\"lag\": 0").count();
        ensure!(lag == 2, "{listener}: {}", shown.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn wrong_credentials_for_kafka_end_the_start_with_cause_and_remedy() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("no-keys", 1, &[]).await?;
    let vendas = servers.vendas("no-keys").await?;
    let ours = || tls(&servers.authority.file());
    let by_address =
        vec![("kafka.brokers", servers.kafka_at("SEALED").replace("localhost", "127.0.0.1"))];
    let untrusted =
        "has a certificate from an authority that is not trusted: set kafka.tls.ca_file";
    let refused =
        |user: &str| format!("rejects kafka.sasl.user \"{user}\": check it, kafka.sasl.password");
    let cases: [(&str, Settings, String); 14] = [
        ("SEALED", tls(&servers.stranger.file()), untrusted.to_owned()),
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
            [ours(), certificate(&servers.strangers_client)].concat(),
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
    for (listener, settings, told) in cases {
        let vendas = with_settings(&vendas, &[at(servers, listener), settings].concat());
        let checked = run_traced(&vendas, &["check"], 1).await?;
        ensure!(checked.stdout.contains("FAIL  kafka: Kafka broker "), "{}", checked.stdout);
        ensure!(checked.stdout.contains(&told), "{listener}: no {told:?} in {}", checked.stdout);
        let ended = run_traced(&vendas, &["run"], 1).await?;
        ensure!(ended.stderr.contains(&told), "{listener}: no {told:?} in {}", ended.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_port_of_kafka_is_reported_with_possible_causes() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("no-servers", 1, &[]).await?;
    let vendas = servers.vendas("no-servers").await?;
    let ours = || tls(&servers.authority.file());
    let plain = vec![("kafka.brokers", servers.kafka.address().replace("127.0.0.1", "localhost"))];
    let (silent, _) = silent_server().await?;
    let silent = || vec![("kafka.brokers", silent.clone()), ("kafka.timeout", "500ms".to_owned())];
    let cases: [(Settings, &str); 5] = [
        ([ours(), plain].concat(), "if that port does not use TLS, set kafka.tls.enabled = false"),
        (at(servers, "SEALED"), "if that port expects TLS, set kafka.tls.enabled = true"),
        (at(servers, "GUARDED"), "if it expects SASL, set kafka.sasl.mechanism"),
        ([ours(), silent()].concat(), "timed out (connecting)"),
        (silent(), "timed out (connecting)"),
    ];
    for (settings, told) in cases {
        let vendas = with_settings(&vendas, &settings);
        let checked = run_traced(&vendas, &["check"], 1).await?;
        ensure!(checked.stdout.contains(told), "no {told:?} in {}", checked.stdout);
        // A starting broker may answer in the same way, so it is waited for.
        let waiting = vendas.args(["run"]).start()?;
        until_paused(&waiting, "paused, will resume automatically", told).await?;
        waiting.signal(Signal::TERM)?;
        waiting.wait_exit(DEADLINE).await?.expect_code(0)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_password_changed_while_running_is_waited_for() -> Result<()> {
    let servers = SecureServers::shared().await?;
    let set = async |password: &str| {
        set_password(&servers.kafka, "SCRAM-SHA-512", "dora", password).await
    };
    set(PASSWORD).await?;
    servers.kafka.create_topic("changed", 1, &[]).await?;
    let database = servers.postgres.database().await?;
    let settings = [at(servers, "FORGETFUL"), sasl("SCRAM-SHA-512", "dora", PASSWORD)].concat();
    let vendas = VendasCommand::new(VENDAS).kafka(&servers.kafka, &["changed"]).database(&database);
    let listen = listen()?;
    let vendas = with_settings(&vendas, &settings).env("VENDAS_HTTP__LISTEN", &listen);
    let work = vendas.args(["run"]).start()?;
    let sent = |number| sell(servers, ("changed", 0), number, &database, &work);
    let opened =
        async || scrape(&listen).await?.value("vendas_connections_opened", &[("server", "kafka")]);
    let mut number = 1;
    sent(number).await?;
    let (started, before) = (Instant::now(), opened().await?);
    // The listener forces reauthentication twice, without a log line.
    while opened().await? < before + 2.0 {
        ensure!(started.elapsed() < DEADLINE, "{}", work.state());
        number += 1;
        sent(number).await?;
    }
    let log = work.stderr()?;
    ensure!(!log.contains("paused"), "{log}");
    set(WRONG_PASSWORD).await?;
    until_paused(&work, "paused, needs attention", "kafka.sasl.password").await?;
    set(PASSWORD).await?;
    sent(number + 1).await
}

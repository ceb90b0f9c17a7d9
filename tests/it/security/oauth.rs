//! OAUTHBEARER: brokers that validate signed tokens by the issuer's key, and Kafka's validator for
//! unsigned tokens.

use std::{fs, path::Path, time::Duration};

use testbed::{Result, Signal, TokenFault, Vendas, ensure, eventually, unsigned_token};

use super::{
    PASSWORD, SecureServers, WRONG_PASSWORD, run_traced, sell, silent_server, with_settings,
};
use crate::shop::DEADLINE;

type Settings = Vec<(&'static str, String)>;

const SCOPE: &str = "kafka read";
/// Long enough to connect on a busy machine, short enough to be renewed several times.
const SHORT: Duration = Duration::from_secs(6);
const LONG: Duration = Duration::from_secs(600);

/// Settings for the listener that validates signed tokens.
fn signed(servers: &SecureServers, client: &str) -> Settings {
    vec![
        ("kafka.brokers", servers.kafka_at("SIGNED")),
        ("kafka.tls.enabled", "true".to_owned()),
        ("kafka.tls.ca_file", servers.authority.file().display().to_string()),
        ("kafka.sasl.mechanism", "OAUTHBEARER".to_owned()),
        ("kafka.sasl.oauth.token_url", servers.issuer.token_url()),
        ("kafka.sasl.oauth.client_id", client.to_owned()),
        ("kafka.sasl.oauth.client_secret", PASSWORD.to_owned()),
        ("kafka.sasl.oauth.scope", SCOPE.to_owned()),
    ]
}

/// Settings for the listener that accepts unsigned tokens.
fn unsigned(servers: &SecureServers, file: &Path) -> Settings {
    vec![
        ("kafka.brokers", servers.kafka_at("UNSIGNED")),
        ("kafka.sasl.mechanism", "OAUTHBEARER".to_owned()),
        ("kafka.sasl.oauth.token_file", file.display().to_string()),
    ]
}

async fn logged(work: &Vendas, after: usize, words: &[&str]) -> Result<()> {
    eventually(words[0], DEADLINE, async || {
        let log = work.stderr()?;
        let line = log[after..].lines().find(|line| words.iter().all(|word| line.contains(word)));
        ensure!(line.is_some(), "no {words:?} in {log}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn tokens_are_renewed_while_a_group_processes_and_no_order_is_lost() -> Result<()> {
    let servers = SecureServers::shared().await?;
    let (topic, client) = ("tokens", "renewed");
    servers.issuer.register(client, PASSWORD, SCOPE, SHORT);
    servers.kafka.create_topic(topic, 2, &[]).await?;
    let database = servers.postgres.database().await?;
    let settings = [signed(servers, client), vec![("kafka.group", "tokens".to_owned())]].concat();
    let vendas = with_settings(&servers.vendas_with(&database, topic), &settings);
    let work = vendas.clone().args(["run"]).start()?;
    let mut number = 0;
    let mut sent = async || -> Result<()> {
        number += 1;
        sell(servers, (topic, number % 2), number, &database, &work).await
    };
    sent().await?;
    // Kafka needs some time for the first group.
    let started = work.stderr()?.len();
    while servers.issuer.issued(client) < 4 {
        sent().await?;
    }
    let log = work.stderr()?;
    let news = &log[started..];
    ensure!(!news.contains("paused") && !news.contains("fenced"), "{log}");

    // The endpoint is unavailable for longer than a token is valid.
    servers.issuer.fail(client, TokenFault::Unavailable);
    logged(&work, log.len(), &["cannot renew the token", "503"]).await?;
    logged(&work, log.len(), &["paused, will resume automatically", "answers 503"]).await?;
    servers.issuer.fail(client, TokenFault::None);
    sent().await?;
    for (fault, words) in [
        (TokenFault::Audience, "rejects the token for kafka.sasl.oauth.client_id"),
        (TokenFault::Silent, "timed out"),
    ] {
        let before = work.stderr()?.len();
        servers.issuer.fail(client, fault);
        logged(&work, before, &["paused", words]).await?;
        servers.issuer.fail(client, TokenFault::None);
        sent().await?;
    }
    work.signal(Signal::TERM)?;
    let ended = work.wait_exit(DEADLINE).await?.expect_code(0)?;
    ensure!(!ended.stderr.contains("eyJ") && !ended.stderr.contains(PASSWORD), "{}", ended.stderr);
    run_traced(&vendas, &["verify"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_reported_with_its_cause() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("no-tokens", 1, &[]).await?;
    let vendas = servers.vendas("no-tokens").await?;
    for (client, fault) in [
        ("known", TokenFault::None),
        ("for-others", TokenFault::Audience),
        ("forged", TokenFault::Signature),
    ] {
        servers.issuer.register(client, PASSWORD, SCOPE, LONG);
        servers.issuer.fail(client, fault);
    }
    let known = |more: Settings| [signed(servers, "known"), more].concat();
    let one = |key, value: &str| known(vec![(key, value.to_owned())]);
    let folder = tempfile::tempdir()?;
    let [expired, valid] = ["expired", "valid"].map(|name| folder.path().join(name));
    fs::write(&expired, unsigned_token("gina", Duration::ZERO))?;
    fs::write(&valid, unsigned_token("gina", LONG))?;
    let endpoint = servers.issuer.token_url();
    let refused = "rejects the token for kafka.sasl.oauth.client_id: check kafka.sasl.oauth.scope";
    let cases: Vec<(Settings, String)> = vec![
        (
            one("kafka.sasl.oauth.client_secret", WRONG_PASSWORD),
            format!(
                "needs a token, but the token endpoint {endpoint} rejects \
                 kafka.sasl.oauth.client_id \"known\" (invalid_client): check it"
            ),
        ),
        (signed(servers, "nobody"), "\"nobody\" (invalid_client)".to_owned()),
        (
            one("kafka.sasl.oauth.scope", "other"),
            "(invalid_scope): check kafka.sasl.oauth.scope".to_owned(),
        ),
        (signed(servers, "for-others"), refused.to_owned()),
        (signed(servers, "forged"), refused.to_owned()),
        (
            unsigned(servers, &expired),
            "rejects the token in kafka.sasl.oauth.token_file: it has expired".to_owned(),
        ),
        (
            [unsigned(servers, &valid), vec![("kafka.brokers", servers.kafka_at("GUARDED"))]]
                .concat(),
            "supports SASL SCRAM-SHA-512, but not OAUTHBEARER: set kafka.sasl.mechanism".to_owned(),
        ),
    ];
    for (settings, told) in cases {
        let vendas = with_settings(&vendas, &settings);
        let checked = run_traced(&vendas, &["check"], 1).await?;
        ensure!(checked.stdout.contains(&told), "no {told:?} in {}", checked.stdout);
        let ended = run_traced(&vendas, &["run"], 1).await?;
        ensure!(ended.stderr.contains(&told), "no {told:?} in {}", ended.stderr);
    }

    // Temporary errors are waited for.
    let (silent, _) = silent_server().await?;
    for (url, told) in [
        ("http://localhost:1/token".to_owned(), "http://localhost:1/token is unreachable"),
        (format!("http://{silent}/token"), "timed out"),
    ] {
        let settings =
            known(vec![("kafka.sasl.oauth.token_url", url), ("kafka.timeout", "2s".to_owned())]);
        let waiting = with_settings(&vendas, &settings).args(["run"]).start()?;
        logged(&waiting, 0, &["paused, will resume automatically", told]).await?;
        waiting.signal(Signal::TERM)?;
        waiting.wait_exit(DEADLINE).await?.expect_code(0)?;
    }

    let checked = run_traced(&with_settings(&vendas, &known(Vec::new())), &["check"], 0).await?;
    let told = format!("answers over TLS, with a token from {endpoint} by OAUTHBEARER\n");
    ensure!(checked.stdout.contains(&told), "{}", checked.stdout);
    Ok(())
}

#[tokio::test]
async fn a_replaced_token_file_is_read_again() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("token-file", 1, &[]).await?;
    let database = servers.postgres.database().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    // Replaced atomically, as Kubernetes does.
    let write = |life| -> Result<()> {
        let next = folder.path().join("next");
        fs::write(&next, unsigned_token("gina", life) + "\n")?;
        Ok(fs::rename(&next, &file)?)
    };
    write(LONG)?;
    let extensions =
        vec![("kafka.sasl.oauth.extensions", "logicalCluster=lkc-1,pool=p".to_owned())];
    let settings = [unsigned(servers, &file), extensions].concat();
    let vendas = with_settings(&servers.vendas_with(&database, "token-file"), &settings);
    let work = vendas.clone().args(["run"]).start()?;
    let sent = |number| sell(servers, ("token-file", 0), number, &database, &work);
    sent(1).await?;
    let checked = run_traced(&vendas, &["check"], 0).await?;
    let told = "answers without TLS, with the token in kafka.sasl.oauth.token_file by OAUTHBEARER, \
                which sends the token unencrypted\n";
    ensure!(checked.stdout.contains(told), "{}", checked.stdout);
    write(Duration::ZERO)?;
    logged(&work, 0, &["paused, needs attention", "it has expired"]).await?;
    write(LONG)?;
    sent(2).await?;
    work.signal(Signal::TERM)?;
    work.wait_exit(DEADLINE).await?.expect_code(0)?;
    run_traced(&vendas, &["verify"], 0).await?;
    Ok(())
}

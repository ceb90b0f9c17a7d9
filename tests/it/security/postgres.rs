use std::time::Duration;

use testbed::{PostgresOptions, Result, Signal, ensure, eventually};

use super::{PASSWORD, SecureServers, WRONG_PASSWORD, run_traced, silent_server, with_settings};
use crate::{
    shop::{DEADLINE, numbered},
    wait::until_lock_waits,
};

type Settings = Vec<(&'static str, String)>;

/// Settings for `user` with this sslmode.
fn settings_for(user: &str, sslmode: &str) -> Settings {
    vec![
        ("database.host", "localhost".to_owned()),
        ("database.user", user.to_owned()),
        ("database.password", PASSWORD.to_owned()),
        ("database.sslmode", sslmode.to_owned()),
    ]
}

fn trusting(authority: &testbed::Authority) -> Settings {
    vec![("database.sslrootcert", authority.file().display().to_string())]
}

fn certificate(certificate: &testbed::Certificate) -> Settings {
    vec![
        ("database.sslcert", certificate.certificate_file.display().to_string()),
        ("database.sslkey", certificate.key_file.display().to_string()),
    ]
}

fn by_address() -> Settings {
    vec![("database.host", "127.0.0.1".to_owned())]
}

#[tokio::test]
async fn each_sslmode_behaves_as_in_libpq() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("sslmodes", 1, &[]).await?;
    let vendas = servers.vendas("sslmodes").await?;
    let (ours, theirs) = (|| trusting(&servers.authority), || trusting(&servers.stranger));
    let (sealed, plain) = ("over TLSv1.3\n", "without TLS\n");
    let cases = [
        (settings_for("plain", "disable"), plain),
        (settings_for("plain", "allow"), plain),
        (settings_for("sealed", "allow"), sealed),
        (settings_for("sealed", "prefer"), sealed),
        (settings_for("plain", "prefer"), plain),
        (settings_for("sealed", "require"), sealed),
        ([settings_for("sealed", "require"), by_address(), ours()].concat(), sealed),
        ([settings_for("sealed", "verify-ca"), by_address(), ours()].concat(), sealed),
        ([settings_for("sealed", "verify-full"), ours()].concat(), sealed),
        (
            [settings_for("certified", "verify-full"), ours(), certificate(&servers.client)]
                .concat(),
            sealed,
        ),
    ];
    run_traced(&vendas, &["schema", "--apply"], 0).await?;
    for (number, (settings, told)) in (1..).zip(cases) {
        let vendas = with_settings(&vendas, &settings);
        let checked = run_traced(&vendas, &["check"], 0).await?;
        let line = format!("answers {told}");
        ensure!(checked.stdout.contains(&line), "{settings:?}: no {line:?} in {}", checked.stdout);
        run_traced(&vendas.clone().input(numbered(number)), &["produce", "-"], 0).await?;
        run_traced(&vendas, &["run", "--until-end"], 0).await?;
        let shown = run_traced(&vendas, &["offsets", "show", "--format", "json"], 0).await?;
        let offset = format!("\"next_offset\": {number},");
        ensure!(shown.stdout.contains(&offset), "{settings:?}: {}", shown.stdout);
    }
    let wrong = [
        (
            [settings_for("sealed", "verify-full"), by_address(), ours()].concat(),
            "has a certificate for localhost and not for 127.0.0.1: set database.host",
        ),
        (
            [settings_for("sealed", "verify-full"), theirs()].concat(),
            "has a certificate from an authority that is not trusted: set database.sslrootcert",
        ),
        (
            settings_for("sealed", "verify-full"),
            "has a certificate from an authority that is not trusted: set database.sslrootcert",
        ),
        (
            [settings_for("sealed", "verify-ca"), theirs()].concat(),
            "has a certificate from an authority that is not trusted: set database.sslrootcert",
        ),
        (
            [settings_for("sealed", "require"), theirs()].concat(),
            "has a certificate from an authority that is not trusted: set database.sslrootcert",
        ),
        (settings_for("sealed", "disable"), "no encryption: check database.user, database.sslmode"),
        (settings_for("plain", "require"), "check database.user, database.sslmode"),
        (settings_for("certified", "require"), "connection requires a valid client certificate"),
        (
            [settings_for("certified", "require"), certificate(&servers.strangers_client)].concat(),
            "rejects the client certificate",
        ),
        (
            [
                settings_for("sealed", "prefer"),
                vec![("database.password", WRONG_PASSWORD.to_owned())],
            ]
            .concat(),
            "check database.user and database.password",
        ),
    ];
    for (settings, told) in wrong {
        let vendas = with_settings(&vendas, &settings);
        let checked = run_traced(&vendas, &["check"], 1).await?;
        ensure!(checked.stdout.contains("FAIL  database "), "{}", checked.stdout);
        ensure!(checked.stdout.contains(told), "{settings:?}: no {told:?} in {}", checked.stdout);
        let ended = run_traced(&vendas, &["run"], 1).await?;
        ensure!(ended.stderr.contains(told), "{settings:?}: no {told:?} in {}", ended.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn no_tls_expired_certificates_and_silence_of_postgresql_are_reported() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("other", 1, &[]).await?;
    let vendas = servers.vendas("other").await?;
    let certificate = servers.authority.expired_server("localhost")?;
    let expired = PostgresOptions::default()
        .file("server.pem", &certificate.certificate)
        .file("server.key", &certificate.key)
        .setting("ssl", "on")
        .setting("ssl_cert_file", "../server.pem")
        .setting("ssl_key_file", "../server.key");
    let (expired, bare) = tokio::try_join!(expired.start(), testbed::Postgres::start())?;
    let (_, silent) = silent_server().await?;
    let at = |port: u16, sslmode: &str| {
        let mut settings = settings_for("postgres", sslmode);
        settings.push(("database.port", port.to_string()));
        settings
    };
    let silent = |sslmode: &str| {
        let mut settings = at(silent, sslmode);
        settings.push(("database.connect_timeout", "500ms".to_owned()));
        settings
    };
    let expired = expired.postgres().port();
    let ours = || trusting(&servers.authority);
    let cases = [
        ([at(expired, "verify-full"), ours()].concat(), "has an expired certificate: renew it"),
        ([at(expired, "verify-ca"), ours()].concat(), "has an expired certificate: renew it"),
        (
            at(bare.postgres().port(), "require"),
            "does not support TLS: set ssl = on in postgresql.conf",
        ),
        (silent("require"), "no answer within database.connect_timeout"),
        (silent("disable"), "no answer within database.connect_timeout"),
    ];
    for (settings, told) in cases {
        let checked = run_traced(&with_settings(&vendas, &settings), &["check"], 1).await?;
        ensure!(checked.stdout.contains(told), "{settings:?}: no {told:?} in {}", checked.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn a_timed_out_statement_is_cancelled_over_tls_too() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("cancelled", 1, &[]).await?;
    let database = servers.postgres.database().await?;
    let vendas = servers.vendas("cancelled").await?.database(&database);
    let vendas = with_settings(
        &vendas,
        &[
            settings_for("sealed", "verify-full"),
            trusting(&servers.authority),
            vec![("database.statement_timeout", "1s".to_owned())],
        ]
        .concat(),
    );
    run_traced(&vendas, &["schema", "--apply"], 0).await?;
    let lock = database.connect().await?;
    lock.batch_execute("BEGIN; LOCK TABLE sales").await?;
    run_traced(&vendas.clone().input(numbered(1)), &["produce", "-"], 0).await?;
    let work = vendas.args(["run"]).start()?;
    until_lock_waits(&database, 1).await?;
    // Without a cancel request the statement would wait until the lock is released.
    until_lock_waits(&database, 0).await?;
    lock.batch_execute("COMMIT").await?;
    eventually("the sale", DEADLINE, async || {
        ensure!(database.count("sales").await? == 1, "{}", work.state());
        Ok(())
    })
    .await?;
    work.signal(Signal::TERM)?;
    work.wait_exit(Duration::from_secs(20)).await?.expect_code(0)?;
    Ok(())
}

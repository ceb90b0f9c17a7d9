use std::time::Duration;

use testbed::{PostgresOptions, Result, Signal, ensure, eventually};

use super::{Doors, PASSWORD, WRONG_PASSWORD, run, silence, with};
use crate::shop::{DEADLINE, numbered};

type Settings = Vec<(&'static str, String)>;

/// As `user`, with this sslmode.
fn door(user: &str, sslmode: &str) -> Settings {
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
async fn each_sslmode_lets_in_as_libpq_has_it() -> Result<()> {
    let doors = Doors::open().await?;
    doors.kafka.create_topic("sslmodes", 1, &[]).await?;
    let vendas = doors.vendas("sslmodes").await?;
    let (ours, theirs) = (|| trusting(&doors.authority), || trusting(&doors.stranger));
    let (sealed, plain) = ("over TLSv1.3\n", "without TLS\n");
    let cases = [
        (door("plain", "disable"), plain),
        (door("plain", "allow"), plain),
        (door("sealed", "allow"), sealed),
        (door("sealed", "prefer"), sealed),
        (door("plain", "prefer"), plain),
        (door("sealed", "require"), sealed),
        ([door("sealed", "require"), by_address(), ours()].concat(), sealed),
        ([door("sealed", "verify-ca"), by_address(), ours()].concat(), sealed),
        ([door("sealed", "verify-full"), ours()].concat(), sealed),
        ([door("certified", "verify-full"), ours(), certificate(&doors.client)].concat(), sealed),
    ];
    run(&vendas, &["schema", "--apply"], 0).await?;
    for (number, (settings, told)) in (1..).zip(cases) {
        let vendas = with(&vendas, &settings);
        let checked = run(&vendas, &["check"], 0).await?;
        let line = format!("answers {told}");
        ensure!(checked.stdout.contains(&line), "{settings:?}: no {line:?} in {}", checked.stdout);
        run(&vendas.clone().input(numbered(number)), &["produce", "-"], 0).await?;
        run(&vendas, &["run", "--until-end"], 0).await?;
        let shown = run(&vendas, &["offsets", "show", "--format", "json"], 0).await?;
        let offset = format!("\"next_offset\": {number},");
        ensure!(shown.stdout.contains(&offset), "{settings:?}: {}", shown.stdout);
    }
    let wrong = [
        (
            [door("sealed", "verify-full"), by_address(), ours()].concat(),
            "has a certificate for localhost and not for 127.0.0.1: set database.host",
        ),
        (
            [door("sealed", "verify-full"), theirs()].concat(),
            "has a certificate from an authority that is not trusted here: set database.sslrootcert",
        ),
        (
            door("sealed", "verify-full"),
            "has a certificate from an authority that is not trusted here: set database.sslrootcert",
        ),
        (
            [door("sealed", "verify-ca"), theirs()].concat(),
            "has a certificate from an authority that is not trusted here: set database.sslrootcert",
        ),
        (
            [door("sealed", "require"), theirs()].concat(),
            "has a certificate from an authority that is not trusted here: set database.sslrootcert",
        ),
        (door("sealed", "disable"), "no encryption: check database.user, database.sslmode"),
        (door("plain", "require"), "check database.user, database.sslmode"),
        (door("certified", "require"), "connection requires a valid client certificate"),
        (
            [door("certified", "require"), certificate(&doors.strangers_client)].concat(),
            "refuses our client certificate",
        ),
        (
            [door("sealed", "prefer"), vec![("database.password", WRONG_PASSWORD.to_owned())]]
                .concat(),
            "check database.user and database.password",
        ),
    ];
    for (settings, told) in wrong {
        let vendas = with(&vendas, &settings);
        let checked = run(&vendas, &["check"], 1).await?;
        ensure!(checked.stdout.contains("FAIL  database "), "{}", checked.stdout);
        ensure!(checked.stdout.contains(told), "{settings:?}: no {told:?} in {}", checked.stdout);
        let ended = run(&vendas, &["run"], 1).await?;
        ensure!(ended.stderr.contains(told), "{settings:?}: no {told:?} in {}", ended.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_postgresql_without_tls_with_an_expired_certificate_or_without_a_word() -> Result<()> {
    let doors = Doors::open().await?;
    doors.kafka.create_topic("other", 1, &[]).await?;
    let vendas = doors.vendas("other").await?;
    let certificate = doors.authority.expired_server("localhost")?;
    let expired = PostgresOptions::default()
        .file("server.pem", &certificate.certificate)
        .file("server.key", &certificate.key)
        .setting("ssl", "on")
        .setting("ssl_cert_file", "../server.pem")
        .setting("ssl_key_file", "../server.key");
    let (expired, bare) = tokio::try_join!(expired.start(), testbed::Postgres::start())?;
    let (_, silent) = silence().await?;
    let at = |port: u16, sslmode: &str| {
        let mut settings = door("postgres", sslmode);
        settings.push(("database.port", port.to_string()));
        settings.push(("database.connect_timeout", "500ms".to_owned()));
        settings
    };
    let expired = expired.postgres().port();
    let ours = || trusting(&doors.authority);
    let cases = [
        (
            [at(expired, "verify-full"), ours()].concat(),
            "has a certificate that has expired: renew it there",
        ),
        (
            [at(expired, "verify-ca"), ours()].concat(),
            "has a certificate that has expired: renew it there",
        ),
        (
            at(bare.postgres().port(), "require"),
            "does not support TLS: set ssl = on in \
                                                 postgresql.conf",
        ),
        (at(silent, "require"), "no answer within database.connect_timeout"),
        (at(silent, "disable"), "no answer within database.connect_timeout"),
    ];
    for (settings, told) in cases {
        let checked = run(&with(&vendas, &settings), &["check"], 1).await?;
        ensure!(checked.stdout.contains(told), "{settings:?}: no {told:?} in {}", checked.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_that_is_given_up_is_cancelled_behind_a_locked_door_too() -> Result<()> {
    let doors = Doors::open().await?;
    doors.kafka.create_topic("cancelled", 1, &[]).await?;
    let database = doors.postgres.database().await?;
    let vendas = doors.vendas("cancelled").await?.database(&database);
    let vendas = with(
        &vendas,
        &[
            door("sealed", "verify-full"),
            trusting(&doors.authority),
            vec![("database.statement_timeout", "300ms".to_owned())],
        ]
        .concat(),
    );
    run(&vendas, &["schema", "--apply"], 0).await?;
    let lock = database.connect().await?;
    lock.batch_execute("BEGIN; LOCK TABLE sales").await?;
    run(&vendas.clone().input(numbered(1)), &["produce", "-"], 0).await?;
    let work = vendas.args(["run"]).start()?;
    let waiting = async || -> Result<i64> {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        Ok(database.query(sql, &[]).await?[0].try_get(0)?)
    };
    let pauses = async |expected: &str, wanted: bool| {
        eventually(expected, DEADLINE, async || {
            let found = waiting().await? > 0;
            ensure!(found == wanted, "{}", work.state());
            Ok(())
        })
        .await
    };
    pauses("a statement that waits", true).await?;
    // Given up: without a cancel request it would wait for as long as the lock is held.
    pauses("none", false).await?;
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

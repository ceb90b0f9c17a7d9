//! Certificates and passwords that are replaced while vendas runs.

use std::fs;

use testbed::{Certificate, Result, Signal, ensure, eventually};

use super::{Doors, PASSWORD, WRONG_PASSWORD, run, sell, set_password, with};
use crate::shop::DEADLINE;

/// What frank's password becomes.
const NEW_PASSWORD: &str = "0pen-barley";

#[tokio::test]
async fn certificates_and_passwords_of_kafka_are_replaced_under_load() -> Result<()> {
    let doors = Doors::open().await?;
    doors.kafka.create_topic("rotated", 1, &[]).await?;
    let database = doors.postgres.database().await?;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let put = |certificate: &Certificate| -> Result<()> {
        // First a part of the certificate, then all of it with another one's key, then the key.
        let text = &certificate.certificate;
        fs::write(path("cert.pem"), &text[..text.len() / 2])?;
        fs::write(path("cert.pem"), text)?;
        Ok(fs::write(path("key.pem"), &certificate.key)?)
    };
    let both = [doors.authority.pem(), doors.next.pem()].concat();
    fs::write(path("ca.pem"), doors.authority.pem())?;
    fs::write(path("password"), PASSWORD)?;
    put(&doors.client)?;
    let file = |name: &str| path(name).display().to_string();
    let settings = [
        ("kafka.brokers", doors.kafka_at("ROTATING")),
        ("kafka.tls.enabled", "true".to_owned()),
        ("kafka.tls.ca_file", file("ca.pem")),
        ("kafka.tls.cert_file", file("cert.pem")),
        ("kafka.tls.key_file", file("key.pem")),
        ("kafka.sasl.mechanism", "SCRAM-SHA-512".to_owned()),
        ("kafka.sasl.user", "frank".to_owned()),
        ("kafka.sasl.password_file", file("password")),
        ("kafka.group", "rotated".to_owned()),
    ];
    let vendas = with(&doors.vendas_with(&database, "rotated"), &settings);
    let work = vendas.clone().args(["run"]).start()?;
    let mut number = 0;
    let mut sent = async || -> Result<()> {
        number += 1;
        sell(doors, ("rotated", 0), number, &database, &work).await
    };
    sent().await?;

    // A file that does not serve leaves the last one in use.
    fs::write(path("ca.pem"), "-----BEGIN CERTIFICATE-----\nMII")?;
    fs::write(path("password"), "")?;
    while !(work.stderr()?.contains("the previous certificates stay in use")
        && work.stderr()?.contains("its previous content stays in use"))
    {
        sent().await?;
    }
    fs::write(path("ca.pem"), &both)?;
    fs::write(path("password"), PASSWORD)?;

    // The broker trusts the next authority alone, and has its own certificate from there.
    let server = doors.next.server("localhost")?;
    let key = |key: &str| format!("listener.name.rotating.ssl.{key}.location");
    let config = format!(
        "{}={},{}={}",
        key("truststore"),
        doors.next.file().display(),
        key("keystore"),
        server.both_file.display(),
    );
    let args =
        ["--alter", "--add-config", &config, "--entity-type", "brokers", "--entity-name", "1"];
    doors.kafka.tool("kafka.admin.ConfigCommand", &args, b"").await?;
    eventually("a refusal of the old certificate", DEADLINE, async || {
        let log = work.stderr()?;
        ensure!(log.contains("rejects the client certificate"), "{log}");
        Ok(())
    })
    .await?;
    put(&doors.next.client("certified")?)?;
    sent().await?;
    fs::write(path("ca.pem"), doors.next.pem())?;

    set_password(&doors.kafka, "SCRAM-SHA-512", "frank", NEW_PASSWORD).await?;
    eventually("a refusal of the old password", DEADLINE, async || {
        let log = work.stderr()?;
        ensure!(log.contains("rejects kafka.sasl.user \"frank\""), "{log}");
        Ok(())
    })
    .await?;
    fs::write(path("password"), NEW_PASSWORD)?;
    sent().await?;
    work.signal(Signal::TERM)?;
    let ended = work.wait_exit(DEADLINE).await?.expect_code(0)?;
    for secret in [PASSWORD, NEW_PASSWORD, "PRIVATE KEY"] {
        ensure!(!ended.stderr.contains(secret), "a secret is told: {}", ended.stderr);
    }
    run(&vendas, &["verify"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn the_password_of_postgresql_is_replaced_under_load() -> Result<()> {
    let doors = Doors::open().await?;
    doors.kafka.create_topic("rotated-role", 1, &[]).await?;
    let database = doors.postgres.database().await?;
    let postgres = doors.postgres.postgres();
    postgres.execute(&format!("CREATE ROLE rotated SUPERUSER LOGIN PASSWORD '{PASSWORD}'")).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("password");
    fs::write(&file, PASSWORD)?;
    let settings = [
        ("database.user", "rotated".to_owned()),
        ("database.password_file", file.display().to_string()),
    ];
    let vendas = doors.vendas_with(&database, "rotated-role");
    let vendas = with(&vendas.env_remove("VENDAS_DATABASE__PASSWORD"), &settings);
    let work = vendas.clone().args(["run"]).start()?;
    let sent = |number| sell(doors, ("rotated-role", 0), number, &database, &work);
    sent(1).await?;
    fs::write(&file, NEW_PASSWORD)?;
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'";
    postgres.execute(&format!("ALTER ROLE rotated PASSWORD '{NEW_PASSWORD}'")).await?;
    postgres.execute(ended).await?;
    sent(2).await?;
    let log = work.stderr()?;
    ensure!(log.contains("using the new content of the file"), "{log}");
    ensure!(!log.contains("paused, needs attention"), "{log}");

    // One that is wrong is waited for until the file has the right one.
    fs::write(&file, WRONG_PASSWORD)?;
    postgres.execute(ended).await?;
    eventually("a word about it", DEADLINE, async || {
        let log = work.stderr()?;
        ensure!(log.contains("check database.user and database.password"), "{log}");
        Ok(())
    })
    .await?;
    fs::write(&file, NEW_PASSWORD)?;
    sent(3).await?;
    work.signal(Signal::TERM)?;
    work.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

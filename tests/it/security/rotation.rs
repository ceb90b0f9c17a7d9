//! Certificates and passwords that are replaced while vendas runs.

use std::fs;

use testbed::{Certificate, Record, Result, Signal, ensure};

use super::{
    PASSWORD, SecureServers, WRONG_PASSWORD, run_traced, sell, set_password, with_settings,
};
use crate::{
    shop::{DEADLINE, numbered},
    wait::until_line,
};

/// The new password of frank.
const NEW_PASSWORD: &str = "0pen-barley";

#[tokio::test]
async fn certificates_and_passwords_of_kafka_are_replaced_under_load() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("rotated", 1, &[]).await?;
    let database = servers.postgres.database().await?;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let put = |certificate: &Certificate| -> Result<()> {
        // First a part of the certificate, then the whole certificate with the old key, then the
        // key.
        let text = &certificate.certificate;
        fs::write(path("cert.pem"), &text[..text.len() / 2])?;
        fs::write(path("cert.pem"), text)?;
        Ok(fs::write(path("key.pem"), &certificate.key)?)
    };
    let both = [servers.authority.pem(), servers.next.pem()].concat();
    fs::write(path("ca.pem"), servers.authority.pem())?;
    fs::write(path("password"), PASSWORD)?;
    put(&servers.client)?;
    let file = |name: &str| path(name).display().to_string();
    let settings = [
        ("kafka.brokers", servers.kafka_at("ROTATING")),
        ("kafka.tls.enabled", "true".to_owned()),
        ("kafka.tls.ca_file", file("ca.pem")),
        ("kafka.tls.cert_file", file("cert.pem")),
        ("kafka.tls.key_file", file("key.pem")),
        ("kafka.sasl.mechanism", "SCRAM-SHA-512".to_owned()),
        ("kafka.sasl.user", "frank".to_owned()),
        ("kafka.sasl.password_file", file("password")),
        ("kafka.group", "rotated".to_owned()),
    ];
    let vendas = with_settings(&servers.vendas_with(&database, "rotated"), &settings);
    let work = vendas.clone().args(["run"]).start()?;
    let mut number = 0;
    let mut sent = async || -> Result<()> {
        number += 1;
        sell(servers, ("rotated", 0), number, &database, &work).await
    };
    sent().await?;

    // With an invalid file, the last valid contents stay in use.
    fs::write(path("ca.pem"), "-----BEGIN CERTIFICATE-----\nMII")?;
    fs::write(path("password"), "")?;
    while !(work.stderr()?.contains("the previous certificates stay in use")
        && work.stderr()?.contains("its previous content stays in use"))
    {
        sent().await?;
    }
    fs::write(path("ca.pem"), &both)?;
    fs::write(path("password"), PASSWORD)?;

    // The broker then trusts only the next authority, and has a certificate of that authority.
    let server = servers.next.server("localhost")?;
    let key = |key: &str| format!("listener.name.rotating.ssl.{key}.location");
    let config = format!(
        "{}={},{}={}",
        key("truststore"),
        servers.next.file().display(),
        key("keystore"),
        server.both_file.display(),
    );
    let args =
        ["--alter", "--add-config", &config, "--entity-type", "brokers", "--entity-name", "1"];
    servers.kafka.tool("kafka.admin.ConfigCommand", &args, b"").await?;
    until_line(&work, &["rejects the client certificate"]).await?;
    put(&servers.next.client("certified")?)?;
    sent().await?;
    fs::write(path("ca.pem"), servers.next.pem())?;

    set_password(&servers.kafka, "SCRAM-SHA-512", "frank", NEW_PASSWORD).await?;
    until_line(&work, &["rejects kafka.sasl.user \"frank\""]).await?;
    fs::write(path("password"), NEW_PASSWORD)?;
    sent().await?;
    work.signal(Signal::TERM)?;
    let ended = work.wait_exit(DEADLINE).await?.expect_code(0)?;
    for secret in [PASSWORD, NEW_PASSWORD, "PRIVATE KEY"] {
        ensure!(!ended.stderr.contains(secret), "the output contains a secret: {}", ended.stderr);
    }
    run_traced(&vendas, &["verify"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn the_password_of_postgresql_is_replaced_under_load() -> Result<()> {
    let servers = SecureServers::shared().await?;
    servers.kafka.create_topic("rotated-role", 1, &[]).await?;
    let database = servers.postgres.database().await?;
    let postgres = servers.postgres.postgres();
    postgres.execute(&format!("CREATE ROLE rotated SUPERUSER LOGIN PASSWORD '{PASSWORD}'")).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("password");
    fs::write(&file, PASSWORD)?;
    let settings = [
        ("database.user", "rotated".to_owned()),
        ("database.password_file", file.display().to_string()),
    ];
    let vendas = servers.vendas_with(&database, "rotated-role");
    let vendas = with_settings(&vendas.env_remove("VENDAS_DATABASE__PASSWORD"), &settings);
    let work = vendas.clone().args(["run"]).start()?;
    let sent = |number| sell(servers, ("rotated-role", 0), number, &database, &work);
    sent(1).await?;
    fs::write(&file, NEW_PASSWORD)?;
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'";
    postgres.execute(&format!("ALTER ROLE rotated PASSWORD '{NEW_PASSWORD}'")).await?;
    postgres.execute(ended).await?;
    sent(2).await?;
    let log = work.stderr()?;
    ensure!(log.contains("using the new content of the file"), "{log}");
    ensure!(!log.contains("paused, needs attention"), "{log}");

    // A wrong password is waited for until the file contains the right one.
    fs::write(&file, WRONG_PASSWORD)?;
    postgres.execute(ended).await?;
    let records = [Record::new(numbered(3))];
    servers.kafka.produce("rotated-role", 0, &records).await?;
    until_line(&work, &["check database.user and database.password"]).await?;
    fs::write(&file, NEW_PASSWORD)?;
    sent(4).await?;
    work.signal(Signal::TERM)?;
    work.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

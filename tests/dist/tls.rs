//! TLS connections.

use testbed::{Authority, KafkaOptions, PostgresOptions, Result, ensure, free_port};

use crate::root_folder::{DEADLINE, RootFolder, at};

#[tokio::test]
#[ignore = "checks what `./dev dist` built"]
async fn it_uses_tls_with_both_servers_and_verifies_their_names() -> Result<()> {
    let authority = Authority::new("shop")?;
    let port = free_port()?;
    let broker = authority.server("localhost")?;
    let key = |key: &str| format!("listener.name.sealed.{key}");
    let kafka = KafkaOptions::default()
        .listener("SEALED", "SSL", port)
        .property(&key("ssl.keystore.type"), "PEM")
        .property(&key("ssl.keystore.location"), &broker.both_file.to_string_lossy());
    let host = "database.shop.example";
    let certificate = authority.server(host)?;
    let postgres = PostgresOptions::default()
        .file("server.pem", &certificate.certificate)
        .file("server.key", &certificate.key)
        .setting("ssl", "on")
        .setting("ssl_cert_file", "../server.pem")
        .setting("ssl_key_file", "../server.key");
    let (kafka, postgres) = tokio::try_join!(kafka.start(), postgres.start())?;
    let (topic, database) = (kafka.new_topic(1, &[]).await?, postgres.database().await?);

    let root = RootFolder::new()?
        .hosts(&["localhost", host, "other.example"])?
        .file("ca.pem", authority.pem())?;
    let brokers = format!("localhost:{port}");
    let run = async |args: &[&str], input: &str, host: &str, code: i32| {
        let command = at(root.vendas(args), &brokers, &topic, &database, host)
            .env("VENDAS_KAFKA__TLS__ENABLED", "true")
            .env("VENDAS_KAFKA__TLS__CA_FILE", "/ca.pem")
            .env("VENDAS_DATABASE__SSLMODE", "verify-full")
            .env("VENDAS_DATABASE__SSLROOTCERT", "/ca.pem");
        command.input(input).run(DEADLINE).await?.expect_code(code)
    };
    run(&["produce", "-"], r#"{"order_number": 7, "total": 12.30}"#, host, 0).await?;
    run(&["run", "--until-end"], "", host, 0).await?;
    let kept = database.rows("SELECT order_number, total FROM sales").await?;
    ensure!(kept == ["7|12.30"], "{kept:?}");
    let checked = run(&["check"], "", host, 0).await?.stdout;
    ensure!(
        checked.contains(&format!("kafka: the cluster at {brokers} answers over TLS\n")),
        "{checked}"
    );
    ensure!(checked.contains("answers over TLSv1.3\n"), "{checked}");
    let other = run(&["check"], "", "other.example", 1).await?.stdout;
    ensure!(other.contains("has a certificate for database.shop.example and not for"), "{other}");
    Ok(())
}

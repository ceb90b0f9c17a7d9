//! Host names, resolved by the program without a C library.

use std::net::UdpSocket;

use testbed::{Result, Testbed, ensure};

use crate::root_folder::{DEADLINE, RootFolder, at, renamed};

const BROKER: &str = "broker.shop.example";
const DATABASE: &str = "database.shop.example";

#[tokio::test]
#[ignore = "checks what `./dev dist` built"]
async fn host_names_are_resolved_with_the_hosts_file() -> Result<()> {
    processes_orders(&RootFolder::new()?.hosts(&[BROKER, DATABASE])?).await?;
    processes_orders(&RootFolder::new()?.hosts(&[
        "localhost",
        BROKER,
        "elsewhere.example",
        DATABASE,
    ])?)
    .await
}

/// Listens on the port for name servers, so it needs root.
#[tokio::test]
#[ignore = "checks what `./dev dist` built"]
async fn host_names_are_resolved_with_a_name_server() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        println!("not tested: only root can listen on the port for name servers");
        return Ok(());
    }
    let server = UdpSocket::bind("127.83.47.3:53")?;
    std::thread::spawn(move || answer(&server));
    processes_orders(&RootFolder::new()?.file("etc/resolv.conf", "nameserver 127.83.47.3\n")?).await
}

#[tokio::test]
#[ignore = "checks what `./dev dist` built"]
async fn an_unknown_host_name_is_reported() -> Result<()> {
    let servers = Testbed::shared().await?;
    let database = servers.database().await?;
    let command = RootFolder::new()?.hosts(&[BROKER])?;
    let command = command.vendas(&["check", "--set", "database.connect_timeout=2s"]);
    let brokers = renamed(servers.kafka.address(), BROKER)?;
    let ended = at(command, &brokers, "none", &database, DATABASE).run(DEADLINE).await?;
    let ended = ended.expect_code(1)?;
    ensure!(ended.stdout.contains("FAIL  database "), "{}", ended.stdout);
    ensure!(ended.stdout.contains("ok    kafka"), "{}", ended.stdout);
    Ok(())
}

/// Processes a topic, with host names for both servers. The order's time is in UTC and stored in
/// the shop's time zone, which tests the built-in time zones too.
async fn processes_orders(root: &RootFolder) -> Result<()> {
    let servers = Testbed::shared().await?;
    let (topic, database) = (servers.topic(2).await?, servers.database().await?);
    let brokers = renamed(servers.kafka.address(), BROKER)?;
    let run = async |args: &[&str], input: &str| {
        let command = at(root.vendas(args), &brokers, &topic, &database, DATABASE);
        command.input(input).run(DEADLINE).await?.expect_code(0)
    };
    let order =
        r#"{"id_ordem": "a", "valor_total": 12.30, "data_hora_venda": "2026-11-22T10:11:12Z"}"#;
    run(&["produce", "-"], order).await?;
    run(&["run", "--until-end"], "").await?;
    let kept = database.rows("SELECT order_id, total, sold_at FROM orders").await?;
    ensure!(kept == ["a|12.30|2026-11-22 07:11:12"], "{kept:?}");
    Ok(())
}

/// A name server (RFC 1035) that knows the two names, without IPv6 addresses.
fn answer(server: &UdpSocket) -> Result<()> {
    const HEADER: usize = 12;
    let mut packet = [0; 512];
    loop {
        let (length, from) = server.recv_from(&mut packet)?;
        let question = &packet[HEADER..length];
        // The labels of the name, each after its length, up to an empty one; then the type.
        let end = question.iter().position(|&byte| byte == 0).unwrap_or_default() + 1;
        let name: Vec<u8> =
            question[..end].iter().map(|&byte| if byte < b'-' { b'.' } else { byte }).collect();
        let name = String::from_utf8_lossy(&name);
        let known = [BROKER, DATABASE].iter().any(|known| name.trim_matches('.') == *known);
        let address = known && question[end..end + 2] == [0, 1];
        let mut reply = packet[..2].to_vec();
        let code = if known { 0x80 } else { 0x83 };
        reply.extend([0x81, code, 0, 1, 0, u8::from(address), 0, 0, 0, 0]);
        reply.extend(&question[..end + 4]);
        if address {
            // The name of the question, type A, class IN, a TTL of a minute, four bytes.
            reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        server.send_to(&reply, from)?;
    }
}

//! Connections break or become silent during commits and fetches.

use std::time::{Duration, Instant};

use testbed::{
    After, Cut, Database, Direction, KafkaOptions, Proxy, Result, Vendas, VendasCommand, ensure,
    eventually,
};

use super::{load::Load, seed, times};
use crate::{
    scenario::{DEADLINE, count_lines},
    shop::Shop,
};

/// The deadlines in these tests.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(1000);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
const KAFKA_TIMEOUT: Duration = Duration::from_millis(1000);
/// The longest time that a broker delays a fetch, which is added to its deadline.
const LONG_POLL: Duration = Duration::from_millis(500);
/// A busy machine may be slow.
const SLACK: Duration = Duration::from_secs(20);

const LOST: &str = "paused, will resume automatically";

/// A proxy in front of the shared PostgreSQL.
async fn proxy_of(database: &Database) -> Result<Proxy> {
    Proxy::to_postgres(&format!("{}:{}", database.host(), database.port())).await
}

/// The program with connections through the proxy.
fn through(vendas: VendasCommand, proxy: &Proxy) -> VendasCommand {
    vendas
        .env("VENDAS_DATABASE__HOST", "127.0.0.1")
        .env("VENDAS_DATABASE__PORT", proxy.port().to_string())
        .env("VENDAS_DATABASE__STATEMENT_TIMEOUT", millis(STATEMENT_TIMEOUT))
        .env("VENDAS_DATABASE__CONNECT_TIMEOUT", millis(CONNECT_TIMEOUT))
}

fn millis(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

async fn loses_connections_during_a_commit(
    what: &'static str,
    cuts: [Cut; 2],
    after: After,
) -> Result<()> {
    let (rounds, seed) = (times(3)?, seed(10)?);
    let load = Load::shared(what, seed, rounds * cuts.len()).await?;
    let proxy = proxy_of(&load.scenario.database).await?;
    let vendas = through(load.scenario.vendas(["run"]), &proxy).start()?;
    let faults = async |vendas: &Vendas| {
        for cut in cuts.repeat(rounds) {
            let before = proxy.cuts();
            proxy.cut(cut, after);
            load.round();
            eventually("a cut connection", DEADLINE, async || {
                ensure!(proxy.cuts() > before, "{} {}", proxy.cuts(), vendas.state());
                Ok(())
            })
            .await?;
            load.repaired_and_caught_up(vendas).await?;
        }
        Ok(())
    };
    let ended = load.run_faults(vendas, faults).await?;
    ensure!(count_lines(&ended.stderr, LOST) > 0, "no outage is logged: {}", ended.state());
    load.check_and_print().await
}

#[tokio::test]
async fn a_commit_whose_request_is_lost_is_repeated() -> Result<()> {
    let cuts = [Cut::BeforeRequest, Cut::WithinRequest];
    let what = "a commit's request lost, the connection closed";
    loses_connections_during_a_commit(what, cuts, After::Closed).await?;
    let what = "a commit's request lost, the connection silent";
    loses_connections_during_a_commit(what, cuts, After::Silent).await
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_not_repeated() -> Result<()> {
    let cuts = [Cut::BeforeAnswer, Cut::WithinAnswer];
    let what = "a commit's answer lost, the connection closed";
    loses_connections_during_a_commit(what, cuts, After::Closed).await?;
    let what = "a commit's answer lost, the connection silent";
    loses_connections_during_a_commit(what, cuts, After::Silent).await
}

#[tokio::test]
async fn a_silent_transaction_holds_its_locks_no_longer_than_a_statement() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database.execute("ALTER TABLE sales ADD CHECK (order_number <> 120)").await?;
    let proxy = proxy_of(&shop.database).await?;
    let vendas = through(shop.vendas(&["run"]), &proxy).start()?;
    eventually("a start", DEADLINE, async || {
        ensure!(shop.database.count("partitions").await? == 1, "{}", vendas.state());
        Ok(())
    })
    .await?;
    // A batch with a row that the database rejects is committed in parts, in one transaction.
    proxy.cut(Cut::BeforeEnd, After::Silent);
    let began = Instant::now();
    shop.send_numbers(0, 0..300).await?;
    eventually("299 sales and a dead letter", DEADLINE, async || {
        let rows =
            [shop.database.count("sales").await?, shop.database.count("dead_letters").await?];
        ensure!(rows == [299, 1], "{rows:?} {}", vendas.state());
        Ok(())
    })
    .await?;
    let (took, within) = (began.elapsed(), STATEMENT_TIMEOUT * 3 + SLACK);
    ensure!(proxy.cuts() == 1 && took < within, "{} cuts, {took:?}", proxy.cuts());
    Ok(())
}

/// A fault of the network.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// All connections are closed.
    Severed,
    /// Existing connections become silent; new ones work.
    Forgotten,
    /// Nothing passes in this direction until the end of the fault, then all of it.
    Blocked(Direction),
}

/// Breaks and repairs the network `rounds` times; each fault must be noticed `within` this time.
async fn survives(
    load: &Load<'_>,
    (proxy, vendas): (&Proxy, Vendas),
    fault: Fault,
    rounds: usize,
    within: Duration,
) -> Result<()> {
    let faults = async |vendas: &Vendas| {
        for _ in 0..rounds {
            load.advance(1, vendas).await?;
            let told = count_lines(&vendas.stderr()?, LOST);
            let began = Instant::now();
            match fault {
                Fault::Severed => proxy.sever(),
                Fault::Forgotten => proxy.forget(),
                Fault::Blocked(direction) => proxy.block(direction),
            }
            if !matches!(fault, Fault::Severed) {
                load.until_logged(vendas, LOST, told + 1).await?;
                let noticed = began.elapsed();
                ensure!(noticed < within, "{fault:?} was noticed after {noticed:?}");
            }
            proxy.unblock();
            load.repaired_and_caught_up(vendas).await?;
        }
        Ok(())
    };
    load.run_faults(vendas, faults).await?;
    load.check_and_print().await
}

#[tokio::test]
async fn silent_connections_to_postgresql_are_noticed_in_time() -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(11)?);
    for (fault, what) in [
        (Fault::Severed, "connections to PostgreSQL severed"),
        (Fault::Forgotten, "connections to PostgreSQL silent permanently"),
        (
            Fault::Blocked(Direction::Both),
            "network to PostgreSQL silent in both directions, then late",
        ),
        (
            Fault::Blocked(Direction::ToServer),
            "network to PostgreSQL silent towards the server, then late",
        ),
        (
            Fault::Blocked(Direction::ToClient),
            "network to PostgreSQL silent towards the client, then late",
        ),
    ] {
        let load = Load::shared(what, seed, rounds).await?;
        let proxy = proxy_of(&load.scenario.database).await?;
        let vendas = through(load.scenario.vendas(["run"]), &proxy).start()?;
        let within = STATEMENT_TIMEOUT + CONNECT_TIMEOUT + SLACK;
        survives(&load, (&proxy, vendas), fault, rounds, within).await?;
    }
    Ok(())
}

#[tokio::test]
async fn silent_connections_to_kafka_are_noticed_in_time() -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(12)?);
    let proxy = Proxy::start().await?;
    let kafka = KafkaOptions::default().behind(&proxy).start().await?;
    proxy.lead_to(kafka.behind_proxy()?);
    for (fault, what) in [
        (Fault::Severed, "connections to Kafka severed"),
        (Fault::Forgotten, "connections to Kafka silent permanently"),
        (Fault::Blocked(Direction::Both), "network to Kafka silent in both directions, then late"),
        (
            Fault::Blocked(Direction::ToServer),
            "network to Kafka silent towards the server, then late",
        ),
        (
            Fault::Blocked(Direction::ToClient),
            "network to Kafka silent towards the client, then late",
        ),
    ] {
        let load = Load::on(what, &kafka, seed, rounds).await?;
        let vendas = load
            .scenario
            .vendas(["run"])
            .env("VENDAS_KAFKA__BROKERS", proxy.address())
            .env("VENDAS_KAFKA__TIMEOUT", millis(KAFKA_TIMEOUT))
            .start()?;
        let within = LONG_POLL + KAFKA_TIMEOUT * 2 + SLACK;
        survives(&load, (&proxy, vendas), fault, rounds, within).await?;
    }
    Ok(())
}

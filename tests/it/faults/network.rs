//! Connections break, or fall silent, at the worst of moments.

use std::time::{Duration, Instant};

use testbed::{
    After, Cut, Database, KafkaOptions, Proxy, Result, Testbed, Vendas, VendasCommand, Way, ensure,
    eventually,
};

use super::{load::Load, seed, times};
use crate::{
    shop::Shop,
    stage::{DEADLINE, lines, terminate},
};

/// The deadlines that this program is given here.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(1000);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
const KAFKA_TIMEOUT: Duration = Duration::from_millis(1000);
/// The longest that a broker lets a fetch wait, which is added to its deadline.
const LONG_POLL: Duration = Duration::from_millis(500);
/// A busy machine may run late.
const SLACK: Duration = Duration::from_secs(5);

const LOST: &str = "paused, will resume automatically";

/// A proxy before the shared PostgreSQL.
async fn before(database: &Database) -> Result<Proxy> {
    Proxy::to_postgres(&format!("{}:{}", database.host(), database.port())).await
}

/// The program, led through the proxy.
fn led_through(vendas: VendasCommand, proxy: &Proxy) -> VendasCommand {
    vendas
        .env("VENDAS_DATABASE__HOST", "127.0.0.1")
        .env("VENDAS_DATABASE__PORT", proxy.port().to_string())
        .env("VENDAS_DATABASE__STATEMENT_TIMEOUT", millis(STATEMENT_TIMEOUT))
        .env("VENDAS_DATABASE__CONNECT_TIMEOUT", millis(CONNECT_TIMEOUT))
}

fn millis(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

async fn loses_connections_amid_a_commit(
    what: &'static str,
    cuts: [Cut; 2],
    after: After,
) -> Result<()> {
    let (rounds, seed) = (times(3)?, seed(10)?);
    let database = Testbed::shared().await?.database().await?;
    let proxy = before(&database).await?;
    let load = Load::with(what, database, seed, rounds * cuts.len()).await?;
    let vendas = led_through(load.stage.vendas(["run"]), &proxy).start()?;
    load.while_it_lasts(async {
        for cut in cuts.repeat(rounds) {
            let before = proxy.cuts();
            proxy.cut(cut, after);
            load.round();
            eventually("a cut connection", DEADLINE, async || {
                ensure!(proxy.cuts() > before, "{} {}", proxy.cuts(), vendas.state());
                Ok(())
            })
            .await?;
            load.mended();
            load.caught_up(&vendas).await?;
        }
        Ok(())
    })
    .await?;
    load.caught_up(&vendas).await?;
    let ended = terminate(vendas).await?;
    ensure!(lines(&ended.stderr, LOST) > 0, "it has not noticed: {}", ended.state());
    load.settle().await
}

#[tokio::test]
async fn a_commit_whose_request_is_lost_is_made_again() -> Result<()> {
    let cuts = [Cut::BeforeRequest, Cut::WithinRequest];
    let what = "a commit's request lost, the connection closed";
    loses_connections_amid_a_commit(what, cuts, After::Closed).await?;
    let what = "a commit's request lost, the connection silent";
    loses_connections_amid_a_commit(what, cuts, After::Silent).await
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_not_made_again() -> Result<()> {
    let cuts = [Cut::BeforeAnswer, Cut::WithinAnswer];
    let what = "a commit's answer lost, the connection closed";
    loses_connections_amid_a_commit(what, cuts, After::Closed).await?;
    let what = "a commit's answer lost, the connection silent";
    loses_connections_amid_a_commit(what, cuts, After::Silent).await
}

#[tokio::test]
async fn a_transaction_that_falls_silent_before_its_end_holds_its_locks_no_longer_than_a_statement()
-> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database.execute("ALTER TABLE sales ADD CHECK (order_number <> 120)").await?;
    let proxy = before(&shop.database).await?;
    let vendas = led_through(shop.vendas(&["run"]), &proxy).start()?;
    eventually("a start", DEADLINE, async || {
        ensure!(shop.database.count("partitions").await? == 1, "{}", vendas.state());
        Ok(())
    })
    .await?;
    // Batches of which the database rejects a row are committed in parts, in one transaction.
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

/// What becomes of the network.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// All connections are closed.
    Severed,
    /// The connections that there are fall silent; new ones work.
    Forgotten,
    /// Nothing gets through that way until it is over, and then all of it does.
    Blocked(Way),
}

/// Breaks and mends the network `rounds` times; it has to be noticed `within` that time.
async fn outlasts(
    load: &Load<'_>,
    (proxy, vendas): (&Proxy, &Vendas),
    trouble: Trouble,
    rounds: usize,
    within: Duration,
) -> Result<()> {
    load.while_it_lasts(async {
        for _ in 0..rounds {
            load.round();
            let before = load.stage.progress().await?.records().await?;
            load.stage.progress().await?.reach(before + 1, vendas).await?;
            let told = lines(&vendas.stderr()?, LOST);
            let began = Instant::now();
            match trouble {
                Trouble::Severed => proxy.sever(),
                Trouble::Forgotten => proxy.forget(),
                Trouble::Blocked(way) => proxy.block(way),
            }
            if !matches!(trouble, Trouble::Severed) {
                load.says(vendas, LOST, told + 1).await?;
                let noticed = began.elapsed();
                ensure!(noticed < within, "{trouble:?} was noticed after {noticed:?}");
            }
            proxy.unblock();
            load.mended();
            load.caught_up(vendas).await?;
        }
        Ok(())
    })
    .await?;
    load.caught_up(vendas).await?;
    load.settle().await
}

#[tokio::test]
async fn silent_connections_to_postgresql_are_noticed_in_time_and_work_goes_on() -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(11)?);
    let bed = Testbed::shared().await?;
    for (trouble, what) in [
        (Trouble::Severed, "connections to PostgreSQL severed"),
        (Trouble::Forgotten, "connections to PostgreSQL silent for good"),
        (Trouble::Blocked(Way::Both), "network to PostgreSQL silent, then all of it late"),
        (Trouble::Blocked(Way::There), "network to PostgreSQL silent on the way there, then late"),
        (Trouble::Blocked(Way::Back), "network to PostgreSQL silent on the way back, then late"),
    ] {
        let database = bed.database().await?;
        let proxy = before(&database).await?;
        let load = Load::with(what, database, seed, rounds).await?;
        let vendas = led_through(load.stage.vendas(["run"]), &proxy).start()?;
        let within = STATEMENT_TIMEOUT + CONNECT_TIMEOUT + SLACK;
        outlasts(&load, (&proxy, &vendas), trouble, rounds, within).await?;
        terminate(vendas).await?;
    }
    Ok(())
}

#[tokio::test]
async fn silent_connections_to_kafka_are_noticed_in_time_and_work_goes_on() -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(12)?);
    let proxy = Proxy::start().await?;
    let kafka = KafkaOptions::default().behind(&proxy).start().await?;
    proxy.lead_to(kafka.behind_proxy()?);
    for (trouble, what) in [
        (Trouble::Severed, "connections to Kafka severed"),
        (Trouble::Forgotten, "connections to Kafka silent for good"),
        (Trouble::Blocked(Way::Both), "network to Kafka silent, then all of it late"),
        (Trouble::Blocked(Way::There), "network to Kafka silent on the way there, then late"),
        (Trouble::Blocked(Way::Back), "network to Kafka silent on the way back, then late"),
    ] {
        let database = Testbed::shared().await?.database().await?;
        let load = Load::on(what, &kafka, database, seed, rounds).await?;
        let vendas = load
            .stage
            .vendas(["run"])
            .env("VENDAS_KAFKA__BROKERS", proxy.address())
            .env("VENDAS_KAFKA__TIMEOUT", millis(KAFKA_TIMEOUT))
            .start()?;
        let within = LONG_POLL + KAFKA_TIMEOUT * 2 + SLACK;
        outlasts(&load, (&proxy, &vendas), trouble, rounds, within).await?;
        terminate(vendas).await?;
    }
    Ok(())
}

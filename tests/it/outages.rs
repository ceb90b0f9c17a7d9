use std::ops::Range;

use testbed::{
    Database, Kafka, Postgres, Record, Result, Signal, Vendas, VendasCommand, ensure, eventually,
};

use crate::shop::{DEADLINE, Shop, VENDAS, numbered};

/// Servers of a test's own, and a run that works the topic `t`.
struct Outage {
    kafka: Kafka,
    postgres: Postgres,
    database: Database,
}

impl Outage {
    async fn open() -> Result<Self> {
        let (kafka, postgres) = tokio::try_join!(Kafka::start(), Postgres::start())?;
        let database = postgres.database().await?;
        kafka.create_topic("t", 1, &[]).await?;
        Ok(Self { kafka, postgres, database })
    }

    fn run(&self) -> Result<Vendas> {
        let command = VendasCommand::new(VENDAS).args(["run"]);
        command.kafka(&self.kafka, &["t"]).database(&self.database).start()
    }

    async fn send(&self, numbers: Range<i32>) -> Result<()> {
        let records: Vec<_> = numbers.map(|number| Record::new(numbered(number))).collect();
        self.kafka.produce("t", 0, &records).await?;
        Ok(())
    }
}

/// The lines of the log that speak of `server` and hold `text`.
fn said(run: &Vendas, server: &str, text: &str) -> Result<usize> {
    let log = run.stderr()?;
    Ok(log.lines().filter(|line| line.contains(server) && line.contains(text)).count())
}

async fn until_said(run: &Vendas, server: &str, text: &str, times: usize) -> Result<()> {
    eventually(&format!("{text:?} about {server}, {times} times"), DEADLINE, async || {
        let found = said(run, server, text)?;
        ensure!(found >= times, "{found} times, {}", run.state());
        Ok(())
    })
    .await
}

async fn until_sales(run: &Vendas, database: &Database, at_least: i64) -> Result<()> {
    eventually(&format!("{at_least} sales"), DEADLINE, async || {
        let count = database.count("sales").await?;
        ensure!(count >= at_least, "{count}, {}", run.state());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn started_before_both_servers_it_waits_says_so_once_and_goes_on() -> Result<()> {
    let outage = Outage::open().await?;
    outage.send(0..300).await?;
    outage.kafka.stop().await?;
    outage.postgres.stop().await?;

    let run = outage.run()?;
    until_said(&run, "PostgreSQL", "paused", 1).await?;
    outage.postgres.restart().await?;
    until_said(&run, "PostgreSQL", "going on", 1).await?;
    until_said(&run, "Kafka", "paused", 1).await?;
    outage.kafka.restart().await?;
    until_sales(&run, &outage.database, 300).await?;
    for server in ["PostgreSQL", "Kafka"] {
        ensure!(said(&run, server, "paused")? == 1, "not once about {server}: {}", run.stderr()?);
    }
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

#[tokio::test]
async fn postgres_stopped_in_the_middle_is_waited_for_and_said_once() -> Result<()> {
    let outage = Outage::open().await?;
    let run = outage.run()?;
    let mut sent = 0;
    for times in 1..=2 {
        outage.send(sent..sent + 2000).await?;
        until_sales(&run, &outage.database, i64::from(sent) + 1).await?;
        outage.postgres.stop().await?;
        outage.send(sent + 2000..sent + 3000).await?;
        sent += 3000;
        until_said(&run, "PostgreSQL", "paused", times).await?;
        outage.postgres.restart().await?;
        until_sales(&run, &outage.database, i64::from(sent)).await?;
        for text in ["paused", "going on"] {
            let found = said(&run, "PostgreSQL", text)?;
            ensure!(found == times, "{text:?} {found} times: {}", run.stderr()?);
        }
    }
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    let sums = "SELECT count(*), sum(total) FROM sales WHERE total = order_number + 0.10";
    let rows = outage.database.table(sums).await?.rows;
    let expected = ["6000", "17997600.00"].map(|text| Some(text.to_owned()));
    ensure!(rows == [expected], "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn kafka_killed_in_the_middle_is_waited_for_and_said_once() -> Result<()> {
    let outage = Outage::open().await?;
    outage.send(0..500).await?;
    let run = outage.run()?;
    until_sales(&run, &outage.database, 500).await?;
    outage.kafka.kill()?;
    until_said(&run, "Kafka", "paused", 1).await?;
    outage.kafka.restart().await?;
    outage.send(500..1000).await?;
    until_sales(&run, &outage.database, 1000).await
}

#[tokio::test]
async fn a_table_that_rejects_every_order_alike_is_waited_for_and_no_order_is_blamed() -> Result<()>
{
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.send_numbers(0, 0..250).await?;
    let run = shop.vendas(&["run"]).start()?;
    let mut sent = 250;
    for (wrong, mended) in [
        ("ADD CHECK (total < 0) NOT VALID", "DROP CONSTRAINT sales_total_check"),
        (
            "DISABLE TRIGGER ALL; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN RAISE EXCEPTION 'sales is frozen, order %', NEW.order_number; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON sales FOR EACH ROW EXECUTE FUNCTION refuse()",
            "DISABLE TRIGGER refuse",
        ),
        (
            "ADD seller TEXT NOT NULL DEFAULT ''; ALTER TABLE sales ALTER seller DROP DEFAULT",
            "DROP seller",
        ),
    ] {
        until_sales(&run, &shop.database, i64::from(sent)).await?;
        let before = said(&run, "", "paused until this is put right")?;
        shop.database.execute(&format!("ALTER TABLE sales {wrong}")).await?;
        shop.send_numbers(0, sent..sent + 250).await?;
        sent += 250;
        until_said(&run, "", "paused until this is put right", before + 1).await?;
        shop.database.execute(&format!("ALTER TABLE sales {mended}")).await?;
    }
    until_sales(&run, &shop.database, i64::from(sent)).await?;
    ensure!(shop.database.count("dead_letters").await? == 0, "an order was blamed");
    Ok(())
}

#[tokio::test]
async fn an_interrupted_run_to_the_end_is_no_success() -> Result<()> {
    let shop = Shop::open(1).await?;
    let away = ["--brokers", "127.0.0.1:1"];
    let run = shop.vendas(&["run", "--until-end"]).args(away).start()?;
    until_said(&run, "Kafka", "paused", 1).await?;
    run.signal(Signal::INT)?;
    let ended = run.wait_exit(DEADLINE).await?.expect_code(1)?;
    ensure!(ended.stderr.contains("interrupted before reaching the end"), "{}", ended.stderr);
    Ok(())
}

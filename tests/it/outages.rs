use std::ops::Range;

use testbed::{
    Database, Kafka, Postgres, Record, Result, Signal, Vendas, VendasCommand, ensure, eventually,
};

use crate::{
    brake::Brake,
    shop::{DEADLINE, Shop, VENDAS, numbered},
    wait::{until_at_least, until_lock_waits},
};

/// Servers of one test, and a run that processes the topic `t`.
struct PrivateServers {
    kafka: Kafka,
    postgres: Postgres,
    database: Database,
}

impl PrivateServers {
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

/// The number of log lines that contain `server` and `text`.
fn logged(run: &Vendas, server: &str, text: &str) -> Result<usize> {
    let log = run.stderr()?;
    Ok(log.lines().filter(|line| line.contains(server) && line.contains(text)).count())
}

async fn until_logged(run: &Vendas, server: &str, text: &str, times: usize) -> Result<()> {
    eventually(&format!("{text:?} about {server}, {times} times"), DEADLINE, async || {
        let found = logged(run, server, text)?;
        ensure!(found >= times, "{found} times, {}", run.state());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn started_before_its_servers_it_waits_logs_each_outage_once_and_continues() -> Result<()> {
    let outage = PrivateServers::open().await?;
    outage.send(0..300).await?;
    outage.kafka.stop().await?;
    outage.postgres.stop().await?;

    let run = outage.run()?;
    until_logged(&run, "PostgreSQL", "paused", 1).await?;
    outage.postgres.restart().await?;
    until_logged(&run, "PostgreSQL", "resumed", 1).await?;
    until_logged(&run, "Kafka", "paused", 1).await?;
    outage.kafka.restart().await?;
    until_at_least(&outage.database, "sales", 300, &run).await?;
    for server in ["PostgreSQL", "Kafka"] {
        ensure!(logged(&run, server, "paused")? == 1, "not once for {server}: {}", run.stderr()?);
    }
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

#[tokio::test]
async fn an_outage_of_postgresql_is_waited_for_and_logged_once() -> Result<()> {
    let outage = PrivateServers::open().await?;
    let run = outage.run()?;
    let mut sent = 0;
    for times in 1..=2 {
        outage.send(sent..sent + 2000).await?;
        until_at_least(&outage.database, "sales", i64::from(sent) + 1, &run).await?;
        // A commit is in progress when the server stops.
        let brake = Brake::at(&outage.database, usize::try_from(sent)? + 2000).await?;
        outage.send(sent + 2000..sent + 2500).await?;
        until_lock_waits(&outage.database, 1).await?;
        outage.postgres.stop().await?;
        drop(brake);
        outage.send(sent + 2500..sent + 3000).await?;
        sent += 3000;
        until_logged(&run, "PostgreSQL", "paused", times).await?;
        outage.postgres.restart().await?;
        until_at_least(&outage.database, "sales", i64::from(sent), &run).await?;
        // The rows are visible before the commit is answered.
        until_logged(&run, "PostgreSQL", "resumed", times).await?;
        for text in ["paused", "resumed"] {
            let found = logged(&run, "PostgreSQL", text)?;
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
async fn an_outage_of_kafka_is_waited_for_and_logged_once() -> Result<()> {
    let outage = PrivateServers::open().await?;
    outage.send(0..500).await?;
    let run = outage.run()?;
    until_at_least(&outage.database, "sales", 500, &run).await?;
    outage.kafka.kill()?;
    until_logged(&run, "Kafka", "paused", 1).await?;
    outage.kafka.restart().await?;
    outage.send(500..1000).await?;
    until_at_least(&outage.database, "sales", 1000, &run).await
}

#[tokio::test]
async fn a_table_that_rejects_all_orders_causes_a_pause_and_no_dead_letters() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.send_numbers(0, 0..250).await?;
    let run = shop.vendas(&["run"]).start()?;
    let mut sent = 250;
    for (wrong, repair) in [
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
        until_at_least(&shop.database, "sales", i64::from(sent), &run).await?;
        let before = logged(&run, "", "paused, needs attention")?;
        shop.database.execute(&format!("ALTER TABLE sales {wrong}")).await?;
        shop.send_numbers(0, sent..sent + 250).await?;
        sent += 250;
        until_logged(&run, "", "paused, needs attention", before + 1).await?;
        shop.database.execute(&format!("ALTER TABLE sales {repair}")).await?;
    }
    until_at_least(&shop.database, "sales", i64::from(sent), &run).await?;
    ensure!(shop.database.count("dead_letters").await? == 0, "an order became a dead letter");
    Ok(())
}

#[tokio::test]
async fn an_interrupted_until_end_exits_with_an_error() -> Result<()> {
    let shop = Shop::open(1).await?;
    let away = ["--brokers", "127.0.0.1:1"];
    let run = shop.vendas(&["run", "--until-end"]).args(away).start()?;
    until_logged(&run, "Kafka", "paused", 1).await?;
    run.signal(Signal::INT)?;
    let ended = run.wait_exit(DEADLINE).await?.expect_code(1)?;
    ensure!(ended.stderr.contains("interrupted before reaching the end"), "{}", ended.stderr);
    Ok(())
}

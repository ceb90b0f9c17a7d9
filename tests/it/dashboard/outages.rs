//! The dashboard while Kafka, PostgreSQL or vendas is away.

use serde_json::json;
use testbed::{
    Browser, Kafka, Postgres, Record, Result, Testbed, VendasCommand, ensure, eventually,
};

use super::{Dashboard, shows};
use crate::shop::{DEADLINE, Shop, VENDAS, numbered};

/// The part of the first notice with the unavailable server and the start time.
async fn first_notice(browser: &Browser) -> Result<String> {
    let notice = browser.evaluate("return document.querySelector('#notices span').textContent");
    let notice = notice.await?;
    Ok(notice.as_str().unwrap_or_default().split(". ").next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn without_kafka_the_lag_is_unknown_and_the_start_of_the_outage_stays() -> Result<()> {
    let kafka = Kafka::start().await?;
    let database = Testbed::shared().await?.database().await?;
    kafka.create_topic("t", 1, &[]).await?;
    kafka.produce("t", 0, &[Record::new(numbered(17))]).await?;
    let command = VendasCommand::new(VENDAS).args(["run"]);
    let served = Dashboard::of(command.kafka(&kafka, &["t"]).database(&database))?;
    let browser = Browser::start("en-US").await?;
    served.open(&browser, "7d").await?;
    shows(&browser, "#sold", "R$17.10").await?;
    shows(&browser, "#lag", "0").await?;
    shows(&browser, "#lag-unit", "offsets, this instance").await?;

    kafka.kill()?;
    shows(&browser, "#state", "Paused").await?;
    shows(&browser, "#lag", "–").await?;
    shows(&browser, "#lag-unit", "unknown at the moment").await?;
    let began = first_notice(&browser).await?;
    ensure!(began.starts_with("Kafka has been unavailable since "), "{began}");
    // Listing topics fails later than fetching records.
    eventually("the second outage", DEADLINE, async || {
        let log = served.vendas.stderr()?;
        ensure!(["\"Kafka\"", "\"kafka\""].iter().all(|name| log.contains(name)), "{log}");
        Ok(())
    })
    .await?;
    let read = browser.text("#as-of").await?;
    eventually("the next reading", DEADLINE, async || {
        ensure!(browser.text("#as-of").await? != read);
        Ok(())
    })
    .await?;
    ensure!(first_notice(&browser).await? == began, "{} {began}", first_notice(&browser).await?);
    // Figures from PostgreSQL are still available.
    ensure!(browser.evaluate("return document.body.classList.contains('stale')").await? == false);

    kafka.restart().await?;
    shows(&browser, "#state", "Running").await?;
    shows(&browser, "#lag", "0").await
}

#[tokio::test]
async fn a_period_that_was_never_read_shows_no_figures_and_no_time() -> Result<()> {
    let servers = Testbed::shared().await?;
    let postgres = Postgres::start().await?;
    let shop =
        Shop { servers, topic: servers.topic(1).await?, database: postgres.database().await? };
    shop.send_numbers(0, [17]).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    served.open(&browser, "7d").await?;
    shows(&browser, "#sold", "R$17.10").await?;
    let all_unknown = async || {
        let texts = "return ['#sold', '#orders', '#average', '#as-of'].map((place) => \
            document.querySelector(place).textContent)";
        let page = browser.evaluate(texts).await?;
        ensure!(page == json!(["–", "–", "–", ""]), "{page}");
        Ok(())
    };

    postgres.kill()?;
    shows(&browser, "#state", "Paused").await?;
    browser.click("[data-period='30d']").await?;
    eventually("notice", DEADLINE, async || {
        let notices = browser.text("#notices").await?;
        ensure!(notices.contains("The sales of this period cannot be read"), "{notices}");
        Ok(())
    })
    .await?;
    all_unknown().await?;

    // Another period cannot be read either.
    postgres.restart().await?;
    shows(&browser, "#sold", "R$17.10").await?;
    served.vendas.kill()?;
    eventually("notice", DEADLINE, async || {
        let notices = browser.text("#notices").await?;
        ensure!(notices.contains("vendas has not answered since "), "{notices}");
        ensure!(notices.contains("The figures shown are those of "), "{notices}");
        Ok(())
    })
    .await?;
    browser.click("[data-period='7d']").await?;
    all_unknown().await?;
    let notices = browser.text("#notices").await?;
    ensure!(!notices.contains("The figures shown"), "{notices}");
    Ok(())
}

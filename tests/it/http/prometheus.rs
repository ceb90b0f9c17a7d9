//! A real Prometheus scrapes a real run and loads the packaged rules and queries.

use std::{fs, path::Path};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use testbed::{Context, Prometheus, Result, Vendas, ensure, eventually, promtool};

use super::{Answer, get, listen, until_ready};
use crate::shop::{DEADLINE, Shop};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/alerts.yaml");
const RULES_TEST: &str = include_str!("alerts_test.yaml");

/// A run that has committed orders and a dead letter, and a Prometheus that has scraped this.
pub(crate) struct Scraped {
    shop: Shop,
    prometheus: Prometheus,
    /// The HTTP address of the run.
    pub(crate) listen: String,
    _run: Vendas,
}

impl Scraped {
    pub(crate) async fn open() -> Result<Self> {
        let (shop, listen) = (Shop::open(2).await?, listen()?);
        let run = shop.vendas(&["run"]).env("VENDAS_HTTP__LISTEN", &listen).start()?;
        until_ready(&listen, 200, r#""reasons":[]"#).await?;
        let prometheus = Prometheus::start(&listen, Path::new(RULES)).await?;
        let scraped = Self { shop, prometheus, listen, _run: run };
        scraped.eventually_more_than("vendas_records_total", -1).await?;
        // Counts from before the first scrape are not an increase.
        scraped.shop.send_numbers(0, 0..50).await?;
        scraped.shop.send(1, &["rubbish"]).await?;
        scraped.eventually_more_than("increase(vendas_orders_total[1m])", 0).await?;
        scraped.eventually_more_than("increase(vendas_dead_letters_total[1m])", 0).await?;
        Ok(scraped)
    }

    async fn eventually_more_than(&self, expression: &str, bound: i32) -> Result<()> {
        eventually(expression, DEADLINE, async || {
            let found = self.query(&format!("sum({expression}) > {bound}")).await?;
            ensure!(!found.is_empty(), "nothing");
            Ok(())
        })
        .await
    }

    /// The result of an instant query.
    pub(crate) async fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let expression = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let data = self.api(&format!("query?query={expression}")).await?;
        data["result"].as_array().cloned().context("no result")
    }

    async fn api(&self, path: &str) -> Result<Value> {
        let Answer { status, body, .. } =
            get(self.prometheus.address(), &format!("/api/v1/{path}"), "*/*").await?;
        ensure!(status == 200, "{path}: {status}: {body}");
        let mut answer: Value = serde_json::from_str(&body)?;
        Ok(answer["data"].take())
    }
}

#[tokio::test]
async fn promtool_finds_each_rule_valid_and_each_fires_in_its_test() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = fs::read_to_string(RULES)?;
    fs::write(folder.path().join("alerts.yaml"), &rules)?;
    fs::write(folder.path().join("alerts_test.yaml"), RULES_TEST)?;
    promtool(folder.path(), &["check", "rules", "alerts.yaml"]).await?;
    promtool(folder.path(), &["test", "rules", "alerts_test.yaml"]).await?;
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.split_once("alert: ")).collect();
    ensure!(alerts.len() > 5, "only {alerts:?}");
    for (_, alert) in alerts {
        ensure!(RULES_TEST.contains(&format!("\"{alert}\"")), "no test of {alert} fires it");
    }
    Ok(())
}

#[tokio::test]
async fn prometheus_scrapes_all_samples_and_evaluates_the_rules() -> Result<()> {
    let scraped = Scraped::open().await?;
    // A scrape may be late on a busy machine.
    eventually("a successful scrape", DEADLINE, async || {
        let targets = scraped.api("targets").await?;
        let targets = targets["activeTargets"].as_array().context("no targets")?;
        ensure!(targets.len() == 1, "{targets:?}");
        ensure!(targets[0]["health"] == "up" && targets[0]["lastError"] == "", "{}", targets[0]);
        Ok(())
    })
    .await?;

    let metadata = scraped.api("targets/metadata").await?;
    let metadata = metadata.as_array().context("no metadata")?;
    ensure!(metadata.len() > 12, "{metadata:?}");
    for metric in metadata {
        let has_help = metric["help"].as_str().is_some_and(|help| !help.is_empty());
        ensure!(has_help && metric["type"] != "unknown", "{metric}");
    }
    // Each sample of a scrape is stored and unique.
    eventually("a scrape with the current samples", DEADLINE, async || {
        let samples = scraped.query("scrape_samples_scraped").await?;
        let stored = scraped.query("scrape_samples_post_metric_relabeling").await?;
        ensure!(samples[0]["value"][1] == stored[0]["value"][1], "{samples:?} {stored:?}");
        let body = get(&scraped.listen, "/metrics", "*/*").await?.body;
        let sent = body.lines().filter(|line| !line.starts_with('#')).count();
        let counted = samples[0]["value"][1].as_str().and_then(|count| count.parse().ok());
        ensure!(counted == Some(sent), "{sent} samples, {samples:?}");
        Ok(())
    })
    .await?;

    let fires = |rules: &Value, alert: &str| {
        rules
            .as_array()
            .into_iter()
            .flatten()
            .any(|rule| rule["name"] == alert && rule["alerts"][0]["state"] == "firing")
    };
    let rules = eventually("the alert of a dead letter", DEADLINE, async || {
        let mut rules = scraped.api("rules").await?;
        let rules = rules["groups"][0]["rules"].take();
        ensure!(fires(&rules, "VendasDeadLetters"), "{rules:#}");
        // A late scrape makes other alerts pending for a moment. One record in fifty is a dead
        // letter, which is too few records for VendasMostlyDeadLetters.
        for rule in rules.as_array().context("no rules")? {
            let alerts = rule["alerts"].as_array().map_or(0, Vec::len);
            ensure!(alerts == 0 || rule["name"] == "VendasDeadLetters", "{rule:#}");
        }
        Ok(rules)
    })
    .await?;
    let rules = rules.as_array().context("no rules")?;
    let alerts = fs::read_to_string(RULES)?.matches("- alert: ").count();
    ensure!(rules.len() == alerts, "{} rules of {alerts}", rules.len());
    for rule in rules {
        ensure!(rule["health"] == "ok" && rule["lastError"].is_null(), "{rule:#}");
    }
    let summary = rules.iter().map(|rule| &rule["alerts"][0]["annotations"]["summary"]);
    let summary: Vec<_> = summary.filter_map(Value::as_str).collect();
    ensure!(summary == ["records became dead letters: not_json"], "{summary:?}");

    let log = scraped.prometheus.log()?;
    ensure!(!log.contains("level=warn") && !log.contains("level=error"), "{log}");
    ensure!(!log.contains("level=WARN") && !log.contains("level=ERROR"), "{log}");
    Ok(())
}

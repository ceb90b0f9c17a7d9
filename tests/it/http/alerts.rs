//! The packaged alerting rules use existing metrics.

use std::{collections::HashMap, fs};

use promql_parser::{
    label::MatchOp,
    parser::{Expr, VectorSelector, parse},
    util::{ExprVisitor, walk_expr},
};
use serde::Deserialize;
use testbed::{Context, Error, Result, ensure, eventually};

use super::{get, listen};
use crate::shop::{DEADLINE, Shop};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/alerts.yaml");

/// As Prometheus reads it (configuration/alerting_rules of its manual): other keys are errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(rename = "name")]
    _name: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    alert: String,
    expr: String,
    #[serde(rename = "for", default)]
    holds_for: Option<String>,
    labels: HashMap<String, String>,
    annotations: HashMap<String, String>,
}

/// All selectors of a rule.
#[derive(Default)]
struct Selectors(Vec<VectorSelector>);

impl ExprVisitor for Selectors {
    type Error = Error;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool> {
        match expr {
            Expr::VectorSelector(selector) => self.0.push(selector.clone()),
            Expr::MatrixSelector(matrix) => self.0.push(matrix.vs.clone()),
            _ => {}
        }
        Ok(true)
    }
}

#[tokio::test]
async fn the_alerting_rules_use_existing_metrics() -> Result<()> {
    let (shop, listen) = (Shop::open(1).await?, listen()?);
    shop.send_numbers(0, 0..3).await?;
    let _run = shop.vendas(&["run"]).env("VENDAS_HTTP__LISTEN", &listen).start()?;
    let scrape = eventually("a scrape with a lag", DEADLINE, async || {
        let body = get(&listen, "/metrics", "*/*").await?.body;
        ensure!(body.contains("vendas_lag_offsets{"), "{body}");
        Ok(body)
    })
    .await?;
    // Labels that Prometheus adds to every scrape.
    let scrape = scrape + "up{job=\"vendas\"} 1\n";

    let rules: File = serde_yaml_ng::from_str(&fs::read_to_string(RULES)?)?;
    let rules: Vec<_> = rules.groups.into_iter().flat_map(|group| group.rules).collect();
    ensure!(rules.len() > 5, "only {}", rules.len());
    for rule in rules {
        check(&rule, &scrape).with_context(|| rule.alert.clone())?;
    }
    Ok(())
}

fn check(rule: &Rule, scrape: &str) -> Result<()> {
    let expression = parse(&rule.expr).map_err(Error::msg)?;
    let mut selectors = Selectors::default();
    walk_expr(&mut selectors, &expression)?;
    ensure!(!selectors.0.is_empty(), "it has no selector");
    for VectorSelector { name, matchers, .. } in &selectors.0 {
        let name = name.as_deref().context("a selector without a name")?;
        let mut samples: Vec<_> =
            scrape.lines().filter(|line| line.split(['{', ' ']).next() == Some(name)).collect();
        ensure!(!samples.is_empty(), "there is no {name}");
        for matcher in &matchers.matchers {
            ensure!(matcher.op == MatchOp::Equal, "this test does not support {matcher}");
            let label = format!("{}=\"{}\"", matcher.name, matcher.value);
            samples.retain(|sample| sample.contains(&label));
            ensure!(!samples.is_empty(), "no {name} has {label}");
        }
    }
    if let Some(duration) = &rule.holds_for {
        promql_parser::util::parse_duration(duration).map_err(Error::msg)?;
    }
    ensure!(rule.labels.keys().eq(["severity"]), "{:?}", rule.labels);
    for annotation in ["summary", "description"] {
        ensure!(
            rule.annotations.get(annotation).is_some_and(|text| !text.is_empty()),
            "{annotation}"
        );
    }
    Ok(())
}

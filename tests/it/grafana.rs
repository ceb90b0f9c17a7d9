//! The Grafana dashboards match the metrics and tables: their queries run against a real Prometheus
//! and a real PostgreSQL, with variables and macros replaced as Grafana does.

mod sales;

use std::collections::BTreeSet;

use serde_json::Value;
use testbed::{Context, Result, ensure, eventually};

use crate::{http::prometheus::Scraped, shop::DEADLINE};

const OPERATIONS: &str = include_str!("../../packaging/grafana/operations.json");
const SALES: &str = include_str!("../../packaging/grafana/sales.json");

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    value[name].as_array().with_context(|| format!("{name} is not a list"))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("{name} is not a string in {value}"))
}

/// All queries of all panels, each with the panel's title.
fn queries(dashboard: &Value, name: &str) -> Result<Vec<(String, String)>> {
    let mut queries = Vec::new();
    for panel in list(dashboard, "panels")?.iter().filter(|panel| panel["type"] != "row") {
        for target in list(panel, "targets")? {
            queries.push((text(panel, "title")?.to_owned(), text(target, name)?.to_owned()));
        }
    }
    Ok(queries)
}

/// The names of the variables in a text, as `$name`, `${name}` or `${name:format}`, without
/// Grafana's own variables, whose names begin with `__`.
fn used_variables(text: &str) -> BTreeSet<String> {
    let names = text.split('$').skip(1).map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    });
    names.filter(|name| !name.starts_with("__")).map(str::to_owned).collect()
}

/// The requirements for provisioning a dashboard (Grafana manual, "Dashboard JSON model").
fn check(dashboard: &Value) -> Result<()> {
    ensure!(dashboard["id"].is_null(), "an id is valid in one Grafana only");
    ensure!(!text(dashboard, "uid")?.is_empty() && !text(dashboard, "title")?.is_empty(), "no uid");
    ensure!(dashboard["schemaVersion"].as_i64() >= Some(39), "{}", dashboard["schemaVersion"]);
    ensure!(dashboard.get("__inputs").is_none(), "provisioning does not support inputs");

    let variables = list(&dashboard["templating"], "list")?;
    let (sources, others): (Vec<_>, Vec<_>) =
        variables.iter().partition(|variable| variable["type"] == "datasource");
    ensure!(sources.len() == 1, "{sources:?}");
    let source = serde_json::json!({
        "type": sources[0]["query"],
        "uid": format!("${{{}}}", text(sources[0], "name")?),
    });
    for variable in &others {
        ensure!(variable["datasource"] == source, "{variable}");
    }
    let defined: BTreeSet<_> =
        variables.iter().map(|variable| text(variable, "name")).collect::<Result<_>>()?;
    let whole = dashboard.to_string();
    for name in used_variables(&whole) {
        ensure!(defined.contains(&*name), "${name} is not defined");
    }

    let (mut ids, mut titles, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in list(dashboard, "panels")? {
        let title = text(panel, "title")?;
        ensure!(ids.insert(panel["id"].as_i64().context("no id")?), "{title}: duplicate id");
        ensure!(titles.insert(title), "{title} comes twice");
        let place = |name: &str| panel["gridPos"][name].as_u64().context("no place");
        let (x, y, w, h) = (place("x")?, place("y")?, place("w")?, place("h")?);
        ensure!(w > 0 && h > 0 && x + w <= 24, "{title} is outside the grid");
        for cell in (y..y + h).flat_map(|y| (x..x + w).map(move |x| (x, y))) {
            ensure!(taken.insert(cell), "{title} overlaps another panel");
        }
        if panel["type"] == "row" {
            continue;
        }
        ensure!(panel["datasource"] == source, "{title}: {}", panel["datasource"]);
        let mut refs = BTreeSet::new();
        for target in list(panel, "targets")? {
            ensure!(target["datasource"] == source, "{title}: {target}");
            ensure!(refs.insert(text(target, "refId")?), "{title}: duplicate refId");
        }
        ensure!(!refs.is_empty(), "{title} asks nothing");
    }
    // Without gaps, as Grafana would close them when it opens the dashboard.
    let height = taken.iter().map(|(_, y)| y + 1).max().unwrap_or_default();
    for y in 0..height {
        ensure!(taken.contains(&(0, y)), "row {y} of the grid is empty");
    }
    Ok(())
}

#[test]
fn dashboards_can_be_provisioned() -> Result<()> {
    let mut uids = BTreeSet::new();
    for (name, json) in [("operations.json", OPERATIONS), ("sales.json", SALES)] {
        let dashboard: Value = serde_json::from_str(json)?;
        check(&dashboard).context(name)?;
        ensure!(uids.insert(text(&dashboard, "uid")?.to_owned()), "{name}: duplicate uid");
    }
    Ok(())
}

#[tokio::test]
async fn each_panel_of_operations_has_data() -> Result<()> {
    let dashboard: Value = serde_json::from_str(OPERATIONS)?;
    let queries = queries(&dashboard, "expr")?;
    ensure!(queries.len() > 20, "{queries:?}");
    let scraped = Scraped::open().await?;
    for (title, expression) in queries {
        // As Grafana fills them in for one job and all instances.
        let mut expression = expression.replace("$job", "vendas");
        for (macro_name, value) in
            [("$instance", ".*"), ("$__rate_interval", "1m"), ("$__range", "5m")]
        {
            expression = expression.replace(macro_name, value);
        }
        ensure!(!expression.contains('$'), "{title}: {expression}");
        eventually(&title, DEADLINE, async || {
            let found = scraped.query(&expression).await?;
            ensure!(!found.is_empty(), "nothing for {expression}");
            let is_number = found.iter().all(|series| series["value"][1] != "NaN");
            ensure!(is_number, "{found:?} for {expression}");
            Ok(())
        })
        .await?;
    }
    // The queries of the variables.
    for variable in list(&dashboard["templating"], "list")?.iter().skip(1) {
        let query = text(&variable["query"], "query")?;
        let arguments = query.strip_prefix("label_values(").and_then(|it| it.strip_suffix(')'));
        let (series, label) = arguments.and_then(|it| it.rsplit_once(", ")).context("two")?;
        let series = series.replace("$job", "vendas");
        let found = scraped.query(&format!("count by ({label}) ({series})")).await?;
        ensure!(found.len() == 1 && found[0]["metric"][label].is_string(), "{query}: {found:?}");
    }
    Ok(())
}

//! The record formats in samples/shapes, each processed with its own mapping on a real Kafka and
//! PostgreSQL: every row is compared with the expected ones.

mod expected;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use futures::{StreamExt, stream};
use rust_decimal::Decimal;
use testbed::{Context, Ended, Record, Result, bail, ensure};

use crate::shop::{DEADLINE, Shop};
use expected::{Expected, Order, decimal};

/// The number of differences that a failure message shows.
const SHOWN: usize = 12;

/// The number of shapes that one test runs at the same time.
const AT_ONCE: usize = 3;

/// Every order that counts, as JSON. A numbered order without products is in `sales` only.
const ORDERS: &str = "
    SELECT json_build_object('key', order_id, 'numbered', numbered, 'total', total::text,
        'charges', charges::text, 'sold_at', sold_at, 'items', (
            SELECT coalesce(json_agg(json_build_array(product, quantity::text, amount::text)
                ORDER BY position), '[]')
            FROM UNNEST(items) WITH ORDINALITY AS item (product, quantity, amount, position)))
    FROM orders WHERE NOT cancelled
    UNION ALL
    SELECT json_build_object('key', order_number::text, 'numbered', true, 'total', total::text,
        'charges', '0', 'sold_at', NULL, 'items', '[]'::json)
    FROM sales
    WHERE NOT EXISTS (SELECT FROM orders WHERE numbered AND order_id = order_number::text)";

struct Shape {
    name: String,
    records: Vec<Record>,
    expected: Expected,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/shapes"))
}

/// The names of all shapes, sorted.
fn names() -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let name = path.file_stem().and_then(|stem| stem.to_str()).context("no name")?;
            names.insert(name.to_owned());
        }
    }
    Ok(names.into_iter().collect())
}

impl Shape {
    fn read(name: &str) -> Result<Self> {
        let file = |extension| fs::read_to_string(folder().join(format!("{name}.{extension}")));
        let expected: Expected = serde_json::from_str(&file("expected.json")?)?;
        let mut keys = expected.keys.iter().flatten();
        let record = |line: &str| {
            let record = match line {
                "null-value" => Record { payload: None, ..Record::default() },
                _ => Record::new(line),
            };
            match keys.next() {
                Some(key) => record.with_key(key.as_str()),
                None => record,
            }
        };
        let records = file("jsonl")?.lines().map(record).collect();
        Ok(Self { name: name.to_owned(), records, expected })
    }

    fn configuration(&self) -> PathBuf {
        folder().join(format!("{}.toml", self.name))
    }

    async fn run(&self) -> Result<()> {
        let shop = Shop::open(1).await?;
        if self.name.starts_with("16-") {
            // Created before vendas: a table that vendas creates has INT.
            let sales = "CREATE TABLE sales (order_number BIGINT PRIMARY KEY, total NUMERIC, \
                         processed_at TIMESTAMP)";
            shop.database.execute(sales).await?;
        }
        shop.servers.kafka.produce(&shop.topic, 0, &self.records).await?;
        self.process(&shop).await.context("the first time")?;

        let reset = ["offsets", "reset", "--to", "earliest", "--because", "a test", "--yes"];
        self.vendas(&shop, &reset).await?.expect_code(0)?;
        self.process(&shop).await.context("after offsets reset")?;

        let replayed = self.vendas(&shop, &["dead-letters", "replay", "--all"]).await?;
        replayed.expect_code(i32::from(self.expected.dead_letters > 0))?;
        self.compare(&shop).await.context("after dead-letters replay")
    }

    async fn vendas(&self, shop: &Shop, args: &[&str]) -> Result<Ended> {
        let configuration = self.configuration();
        shop.vendas(args).args([Path::new("--config"), &configuration]).run(DEADLINE).await
    }

    /// Processes the topic and compares all rows with the expected ones.
    async fn process(&self, shop: &Shop) -> Result<()> {
        let log = self.vendas(shop, &["run", "--until-end"]).await?.expect_code(0)?.stderr;
        let last = log.lines().last().unwrap_or_default();
        for (field, count) in [
            ("records", self.records.len() as u64),
            ("ignored", self.expected.ignored),
            ("dead_letters", self.expected.dead_letters),
        ] {
            let stated = last
                .split_whitespace()
                .find_map(|word| word.strip_prefix(field)?.strip_prefix('=')?.parse::<u64>().ok());
            ensure!(stated == Some(count), "{field} is not {count} in: {log}");
        }
        if let Err(differences) = self.compare(shop).await {
            bail!("{differences:#}\n{log}");
        }
        Ok(())
    }

    async fn compare(&self, shop: &Shop) -> Result<()> {
        let found = shop.rows(ORDERS).await?;
        let found: Vec<Order> =
            found.iter().map(|row| serde_json::from_str(row)).collect::<Result<_, _>>()?;
        let any_key = self.expected.orders.iter().any(|order| order.key == "*");
        let line = |order: &Order| order.line(any_key);
        same_lines(
            "orders",
            self.expected.orders.iter().map(line).collect::<Result<_>>()?,
            found.iter().map(line).collect::<Result<_>>()?,
        )?;

        let numbered = self.expected.orders.iter().filter(|order| order.numbered);
        let numbered =
            numbered.map(|order| Ok(format!("{} {}", order.key, decimal(&order.total)?)));
        let sales = shop.rows("SELECT order_number || ' ' || trim_scale(total) FROM sales").await?;
        same_lines("sales", numbered.collect::<Result<_>>()?, sales)?;

        if let Some(sum) = &self.expected.sum_of_totals {
            let found: Decimal =
                found.iter().map(|order| decimal(&order.total)).sum::<Result<_>>()?;
            ensure!(decimal(sum)? == found, "the totals sum to {found}, not {sum}");
        }
        if let Some(products) = &self.expected.product_totals {
            let products = products.iter().map(|(product, (quantity, amount))| {
                Ok(format!("{product} {} {}", decimal(quantity)?, decimal(amount)?))
            });
            let sql = "SELECT concat_ws(' ', product, trim_scale(quantity), trim_scale(amount)) \
                       FROM product_totals";
            same_lines("product_totals", products.collect::<Result<_>>()?, shop.rows(sql).await?)?;
        }
        let letters = "SELECT record_offset || ' ' || reason FROM dead_letters \
                       WHERE replayed_at IS NULL AND discarded_at IS NULL";
        let letters = shop.rows(letters).await?;
        let count = self.expected.dead_letters;
        ensure!(letters.len() as u64 == count, "not {count} dead letters: {letters:?}");
        self.vendas(shop, &["verify"]).await?.expect_code(0).map(drop)
    }
}

/// Compares rows in any order, and names those that are on one side only.
pub(crate) fn same_lines(table: &str, expected: Vec<String>, found: Vec<String>) -> Result<()> {
    let mut lines: BTreeMap<String, isize> = BTreeMap::new();
    for line in expected {
        *lines.entry(line).or_default() += 1;
    }
    for line in found {
        *lines.entry(line).or_default() -= 1;
    }
    let differences: Vec<_> = lines
        .into_iter()
        .filter(|(_, times)| *times != 0)
        .map(|(line, times)| {
            format!("{} {line}", if times > 0 { "missing:" } else { "not expected:" })
        })
        .collect();
    let shown = differences.get(..SHOWN).unwrap_or(&differences);
    let count = differences.len();
    ensure!(count == 0, "{table}: {count} differences, such as {}", shown.join("; "));
    Ok(())
}

/// Runs the shapes whose names begin so, and reports all that fail.
async fn all_have_the_expected_rows(beginnings: &[&str]) -> Result<()> {
    let names = names()?;
    let chosen = names.iter().filter(|name| beginnings.iter().any(|part| name.starts_with(part)));
    let runs = chosen.map(async |name| {
        let run = async { Shape::read(name)?.run().await };
        run.await.err().map(|error| format!("{name}: {error:#}"))
    });
    let failures: Vec<_> =
        stream::iter(runs).buffer_unordered(AT_ONCE).filter_map(async |end| end).collect().await;
    if !failures.is_empty() {
        bail!("{} shapes:\n{}", failures.len(), failures.join("\n"));
    }
    Ok(())
}

#[tokio::test]
async fn shapes_of_names_items_money_and_times() -> Result<()> {
    all_have_the_expected_rows(&["0", "10"]).await
}

#[tokio::test]
async fn shapes_of_lists_cancellations_returns_and_keys() -> Result<()> {
    all_have_the_expected_rows(&["11", "12", "13", "14", "15", "16", "17", "18", "19", "2"]).await
}

#[tokio::test]
async fn shapes_of_public_producers_of_challenges_courses_and_shops() -> Result<()> {
    all_have_the_expected_rows(&["w0", "w10", "w12"]).await
}

#[tokio::test]
async fn shapes_of_public_producers_of_demos_and_frameworks() -> Result<()> {
    all_have_the_expected_rows(&["w14", "w16", "w18", "w2"]).await
}

#[test]
fn every_shape_has_its_three_files_and_a_line_in_the_readme() -> Result<()> {
    let names = names()?;
    ensure!(names.len() == 34, "{names:?}");
    let readme = fs::read_to_string(folder().join("README.md"))?;
    for name in &names {
        let shape = Shape::read(name).with_context(|| name.clone())?;
        ensure!(shape.configuration().exists(), "{name} has no configuration");
        ensure!(!shape.records.is_empty(), "{name} has no records");
        for extension in ["jsonl", "toml"] {
            let file = format!("({name}.{extension})");
            ensure!(readme.contains(&file), "README.md does not link to {file}");
        }
    }
    Ok(())
}

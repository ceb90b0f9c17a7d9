//! Orders of various producers, each with its mapping: `samples/shapes`.

use std::{collections::BTreeMap, fs, path::Path};

use jiff::civil::DateTime;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::{
    config::{self, Sources},
    kafka::{Record, TopicPartition},
    order::{OrderKey, SalesBounds},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/shapes");

/// The result of a shape.
#[derive(Debug, Default, PartialEq)]
struct Came {
    orders: Vec<Came1>,
    dead_letters: u64,
    ignored: u64,
}

#[derive(Debug, PartialEq, PartialOrd)]
struct Came1 {
    key: String,
    numbered: bool,
    total: Decimal,
    charges: Decimal,
    items: Vec<(String, Decimal, Decimal)>,
    sold_at: Option<DateTime>,
}

/// Exact: the texts of expected.json are decimal numbers.
fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse::<Decimal>().unwrap().normalize()
}

fn expected(json: &Value) -> Came {
    let order = |order: &Value| Came1 {
        key: order["key"].as_str().unwrap().to_owned(),
        numbered: order["numbered"].as_bool().unwrap(),
        total: decimal(&order["total"]),
        charges: decimal(&order["charges"]),
        items: order["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                (item[0].as_str().unwrap().to_owned(), decimal(&item[1]), decimal(&item[2]))
            })
            .collect(),
        sold_at: order["sold_at"].as_str().map(|at| at.parse().unwrap()),
    };
    Came {
        orders: json["orders"].as_array().unwrap().iter().map(order).collect(),
        dead_letters: json["dead_letters"].as_u64().unwrap(),
        ignored: json["ignored"].as_u64().unwrap(),
    }
}

/// The last version of each order in the records.
fn came(rules: &Rules, records: &[Record]) -> Came {
    let topic = TopicPartition { topic: "shapes".into(), partition: 0, topic_id: Uuid::nil() };
    let mut came = Came::default();
    let mut orders = BTreeMap::<OrderKey, Order>::new();
    for record in records {
        match rules.understand(&topic, record, &crate::format::Schemas::default()) {
            Ok(Meaning::Ignored) => came.ignored += 1,
            Ok(meaning) => {
                for order in meaning.orders() {
                    orders.insert(order.key().clone(), order.clone());
                }
            }
            Err(_) => came.dead_letters += 1,
        }
    }
    let stored = orders.values().filter(|order| !order.is_cancelled()).map(|order| Came1 {
        key: match order.key() {
            OrderKey::Number(number) => number.to_string(),
            OrderKey::Id(id) => id.clone(),
        },
        numbered: order.number().is_some(),
        total: order.total().normalize(),
        charges: order.charges().normalize(),
        items: order
            .items()
            .iter()
            .map(|it| (it.product().to_owned(), it.quantity().normalize(), it.amount().normalize()))
            .collect(),
        sold_at: order.sold_at(),
    });
    came.orders = stored.collect();
    came
}

fn records(lines: &str, keys: &Value) -> Vec<Record> {
    let record = |(offset, line): (i64, &str)| Record {
        offset,
        key: keys[usize::try_from(offset).unwrap()].as_str().map(|key| key.to_owned().into()),
        payload: (line != "null-value").then(|| line.to_owned().into()),
        ..Record::default()
    };
    (0..).zip(lines.lines()).map(record).collect()
}

#[test]
fn every_shape_gives_the_expected_result() {
    let mut failures = Vec::new();
    let mut names: Vec<_> = fs::read_dir(FOLDER)
        .unwrap()
        .filter_map(|entry| {
            Some(entry.unwrap().file_name().to_str()?.strip_suffix(".jsonl")?.to_owned())
        })
        .collect();
    names.sort();
    assert_eq!(names.len(), 34);
    for name in names {
        let path = |ending: &str| Path::new(FOLDER).join(format!("{name}.{ending}"));
        let read = |ending: &str| fs::read_to_string(path(ending)).unwrap();
        let json: Value = serde_json::from_str(&read("expected.json")).unwrap();
        let config = match config::load(&Sources { file: Some(path("toml")), ..Sources::default() })
        {
            Ok(config) => config,
            Err(problems) => {
                failures.push(format!("{name}: {problems}"));
                continue;
            }
        };
        let bounds = SalesBounds { wide_numbers: name.starts_with("16"), total: None };
        let rulebook = config.rules.within(bounds);
        let rules = rulebook.of("shapes");
        let records = records(&read("jsonl"), &json["keys"]);
        let mut expected = expected(&json);
        let mut came = came(rules, &records);
        expected.orders.sort_by(|one, other| one.partial_cmp(other).unwrap());
        if expected.orders.iter().all(|order| order.key == "*") {
            came.orders.iter_mut().for_each(|order| order.key = "*".to_owned());
        }
        came.orders.sort_by(|one, other| one.partial_cmp(other).unwrap());
        if came != expected {
            let reasons: Vec<_> = records
                .iter()
                .filter_map(|record| {
                    let topic =
                        TopicPartition { topic: "s".into(), partition: 0, topic_id: Uuid::nil() };
                    rules
                        .understand(&topic, record, &crate::format::Schemas::default())
                        .err()
                        .map(|it| it.to_string())
                })
                .collect();
            failures.push(format!(
                "{name}:\n  came     {came:?}\n  expected {expected:?}\n  {reasons:?}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

//! The proposals for the shapes in `samples/shapes`, and the results of processing their records
//! with them.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use bytes::Bytes;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::{
    init::{
        json::Json,
        outcome::{Outcome, outcome},
        proposal::{Doubt, Proposal, Setting},
        propose::{Input, propose},
        render,
        rules::rules,
    },
    kafka::{Record, TopicPartition},
    order::{Rulebook, SalesBounds},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples/shapes")
}

struct Shape {
    name: String,
    sample: Vec<(TopicPartition, Record)>,
    expected: Json,
}

fn shapes() -> Vec<Shape> {
    let names = fs::read_dir(folder()).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".jsonl").map(str::to_owned)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.into_iter().map(shape).collect()
}

fn shape(name: String) -> Shape {
    let lines = fs::read_to_string(folder().join(format!("{name}.jsonl"))).unwrap();
    let expected = fs::read_to_string(folder().join(format!("{name}.expected.json"))).unwrap();
    let expected = Json::parse(&expected).unwrap();
    let keys: Vec<Option<Bytes>> = match expected.field("keys") {
        Some(Json::List(keys)) => {
            keys.iter().map(|key| key.as_text().map(|key| Bytes::from(key.to_owned()))).collect()
        }
        _ => Vec::new(),
    };
    let partition = TopicPartition { topic: "shapes".into(), partition: 0, topic_id: Uuid::nil() };
    let sample = lines.lines().enumerate().map(|(at, line)| {
        let record = Record {
            offset: i64::try_from(at).unwrap(),
            key: keys.get(at).cloned().flatten(),
            payload: (line != "null-value").then(|| Bytes::from(line.to_owned())),
            ..Record::default()
        };
        (partition.clone(), record)
    });
    Shape { name, sample: sample.collect(), expected }
}

const ZONE: &str = "America/Sao_Paulo";

/// The result of processing the records with `settings`, one line per order.
fn comes_to(shape: &Shape, settings: &[Setting]) -> Vec<String> {
    let rules = rules(settings, ZONE, "BRL").unwrap_or_else(|problems| {
        panic!("{}: {problems}\n{}", shape.name, render::toml(settings, None))
    });
    // One of the shapes has numbers beyond INT, for a table with BIGINT.
    let book = Rulebook { general: rules, topics: BTreeMap::new() };
    let book = book.within(SalesBounds { wide_numbers: true, total: None });
    let outcome: Outcome =
        outcome(&shape.sample, &Arc::clone(&book.general), &crate::format::Schemas::default());
    let mut lines: Vec<String> = (outcome.kept.iter())
        .map(|order| {
            let key = match order.number() {
                Some(number) => format!("number {number}"),
                None => format!("id {}", order.id().unwrap_or_default()),
            };
            let key = if shape.any_key() { "*".to_owned() } else { key };
            let items = order.items().iter().map(|item| {
                format!(
                    "{} x {} {}",
                    item.quantity().normalize(),
                    item.product(),
                    item.amount().normalize()
                )
            });
            let items: Vec<String> = items.collect();
            let (total, charges) = (order.total().normalize(), order.charges().normalize());
            let sold_at = order.sold_at().map(|time| time.to_string()).unwrap_or_default();
            format!("{key}: {total}, {charges}, {items:?}, {sold_at}")
        })
        .collect();
    lines.sort();
    lines.push(format!("{} dead letters, {} ignored", outcome.rejected(), outcome.ignored));
    lines
}

impl Shape {
    fn any_key(&self) -> bool {
        self.orders().iter().any(|order| text(order, "key") == "*")
    }

    fn orders(&self) -> &[Json] {
        match self.expected.field("orders") {
            Some(Json::List(orders)) => orders,
            other => panic!("{}: {other:?}", self.name),
        }
    }

    /// In the form of [`comes_to`].
    fn expected(&self) -> Vec<String> {
        let decimal = |text: &str| text.parse::<rust_decimal::Decimal>().unwrap().normalize();
        let mut lines: Vec<String> = (self.orders().iter())
            .map(|order| {
                let numbered = order.field("numbered") == Some(&Json::Bool(true));
                let key = match text(order, "key") {
                    "*" => "*".to_owned(),
                    key if numbered => format!("number {key}"),
                    key => format!("id {key}"),
                };
                let Some(Json::List(items)) = order.field("items") else { panic!() };
                let items: Vec<String> = (items.iter())
                    .map(|item| {
                        let Json::List(parts) = item else { panic!() };
                        let part = |at: usize| parts[at].as_text().unwrap();
                        format!("{} x {} {}", decimal(part(1)), part(0), decimal(part(2)))
                    })
                    .collect();
                let (total, charges) =
                    (decimal(text(order, "total")), decimal(text(order, "charges")));
                let sold_at = order.field("sold_at").and_then(Json::as_text).unwrap_or_default();
                format!("{key}: {total}, {charges}, {items:?}, {sold_at}")
            })
            .collect();
        lines.sort();
        let count = |name: &str| match self.expected.field(name) {
            Some(Json::Number(count)) => count.clone(),
            other => panic!("{}: {name}: {other:?}", self.name),
        };
        lines.push(format!("{} dead letters, {} ignored", count("dead_letters"), count("ignored")));
        lines
    }

    fn proposal(&self) -> Proposal {
        let zone = TimeZone::get(ZONE).unwrap();
        propose(Input { sample: &self.sample, shop_timezone: &zone })
    }
}

fn text<'j>(json: &'j Json, name: &str) -> &'j str {
    json.field(name).and_then(Json::as_text).unwrap()
}

/// The result of the proposal for a shape.
enum Verdict {
    /// The certain settings give the expected result.
    Certain,
    /// These answers give the expected result: the doubts, and the answers with settings.
    Asks(Vec<(Doubt, usize)>),
    No {
        found: Vec<String>,
        expected: Vec<String>,
    },
}

fn verdict(shape: &Shape) -> Verdict {
    let proposal = shape.proposal();
    let expected = shape.expected();
    let unanswered = vec![None; proposal.doubts.len()];
    let found = comes_to(shape, &proposal.with(&unanswered));
    if found == expected {
        return Verdict::Certain;
    }
    for answers in all_answers(&proposal.doubts) {
        if comes_to(shape, &proposal.with(&answers)) == expected {
            let given =
                proposal.doubts.iter().cloned().zip(answers).filter_map(|(doubt, answer)| {
                    let answer =
                        answer.filter(|answer| !doubt.answers[*answer].settings.is_empty())?;
                    Some((doubt, answer))
                });
            return Verdict::Asks(given.collect());
        }
    }
    let likeliest: Vec<_> = proposal.doubts.iter().map(|doubt| Some(doubt.likeliest)).collect();
    Verdict::No { found: comes_to(shape, &proposal.with(&likeliest)), expected }
}

/// All combinations of answers, the most likely answers first.
fn all_answers(doubts: &[Doubt]) -> Vec<Vec<Option<usize>>> {
    let mut ways = vec![Vec::new()];
    for doubt in doubts {
        let mut order: Vec<usize> = (0..doubt.answers.len()).collect();
        order.sort_by_key(|answer| *answer != doubt.likeliest);
        ways = (ways.iter())
            .flat_map(|way| {
                order.iter().map(move |answer| [way.clone(), vec![Some(*answer)]].concat())
            })
            .collect();
    }
    ways
}

/// If set, the test writes the table into the document instead of comparing it.
const RECORD: &str = "VENDAS_TEST_RECORD";

/// The table in the document is between these markers.
const MARKERS: [&str; 2] = ["<!-- init:begin -->", "<!-- init:end -->"];

/// A row of the table: the shape, the result of the proposal, and its questions.
fn row(shape: &Shape, verdict: &Verdict) -> String {
    let (result, asks) = match verdict {
        Verdict::Certain => ("the expected result", String::new()),
        Verdict::Asks(given) => {
            let asks = given.iter().map(|(doubt, answer)| {
                let settings = doubt.answers[*answer].settings.iter();
                let lines: Vec<_> =
                    settings.map(|setting| format!("`{}`", setting.line())).collect();
                lines.join(", ")
            });
            ("the expected result, once answered", asks.collect::<Vec<_>>().join(", "))
        }
        Verdict::No { .. } => ("not the expected result", String::new()),
    };
    format!("| {} | {result} | {asks} |", shape.name)
}

#[test]
fn each_shape_gets_the_documented_proposal() {
    let mut table = vec![
        "| shape | `vendas init` gives | what it asks for |".to_owned(),
        "| --- | --- | --- |".to_owned(),
    ];
    for shape in shapes() {
        let verdict = verdict(&shape);
        table.push(row(&shape, &verdict));
        if let Verdict::No { found, expected } = verdict {
            panic!("{}:\n{}\nand not\n{}", shape.name, found.join("\n"), expected.join("\n"));
        }
    }
    let table = format!("{}\n\n{}\n\n{}", MARKERS[0], table.join("\n"), MARKERS[1]);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/mapping.md");
    let document = fs::read_to_string(&path).unwrap();
    let begin = document.find(MARKERS[0]).expect("the document has no table");
    let end = document.find(MARKERS[1]).expect("the table has no end") + MARKERS[1].len();
    if std::env::var_os(RECORD).is_some() {
        fs::write(&path, format!("{}{table}{}", &document[..begin], &document[end..])).unwrap();
        return;
    }
    assert_eq!(&document[begin..end], table, "write it again: {RECORD}=1 cargo test --lib init::");
}

//! What is proposed for the shapes in `samples/shapes`, and what their records then come to.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::{
    init::{json::Json, propose::{Input, propose}, render},
    kafka::{Record, TopicPartition},
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

#[test]
fn show() {
    let zone = TimeZone::get("America/Sao_Paulo").unwrap();
    for shape in shapes() {
        let proposal = propose(Input { sample: &shape.sample, shop_timezone: &zone });
        println!("=== {}", shape.name);
        for role in &proposal.roles {
            println!("  {:14} {:40} {}/{}", role.role, role.place, role.found, role.of);
        }
        println!("{}", render::toml(&proposal.settings, None));
        for doubt in &proposal.doubts {
            println!("  ? {}", doubt.question);
            for (at, answer) in doubt.answers.iter().enumerate() {
                let lines: Vec<_> = answer.settings.iter().map(|setting| setting.line()).collect();
                println!("    {}{} -> {}", if at == doubt.likeliest { "*" } else { " " }, answer.text, lines.join("; "));
            }
        }
        for note in &proposal.notes {
            println!("  ! {note}");
        }
        for left in &proposal.leftovers {
            println!("  left {} {} {}", left.place, left.found, left.may_be);
        }
    }
}

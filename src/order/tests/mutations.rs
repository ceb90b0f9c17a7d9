//! Real orders, mutated repeatedly as JSON trees and then as bytes.
//!
//! For a long run see [`testbed::fuzz`].

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use testbed::{
    fuzz::{seeds, within},
    samples::Random,
};

use super::{fuzz::check, *};

const CASES: u64 = 20_000;

/// The maximum size of a generated payload.
pub(super) const LARGEST: usize = 64 << 10;

/// The time limit for one payload, also in debug builds.
pub(super) const AT_MOST: Duration = Duration::from_millis(50);

pub(super) const ORDERS: [&str; 9] = [
    r#"{"order_number": 17, "order_items": [{"qty": 3, "value_unit": 12.34}, {"qty": 1, "value_unit": 99.90}]}"#,
    r#"{"id_ordem": "0d9f", "documento_cliente": "SECRET", "produtos_comprados": [{"nome_produto": "Notebook", "quantidade": 2}, {"nome_produto": "Açaí", "quantidade": 0.125}], "valor_total": 6999.80, "data_hora_venda": "22/11/2026 10:11:12"}"#,
    r#"{"order_id": 5, "items": [{"product": "SECRET", "qty": 2, "unit_price": 3499.90}], "total": 6999.80, "sold_at": "2026-11-22T10:11:12.5-03:00"}"#,
    r#"{"numero_pedido": "-3", "itens": [{"produto": "p", "quantidade": "1.5", "preco_unitario": "0.3333"}, {"quantidade": 1e2, "preco_unitario": 349.90000000000003}]}"#,
    r#"{"order_id": "a", "total": 0.05, "items": [{"product": "a", "qty": 1}, {"product": "b", "qty": 1}, {"product": "c", "qty": 1}]}"#,
    r#"{"order_id": "a", "total": 9999999999999999.9999, "items": [{"product": "a", "qty": 999999.9999}, {"product": "b", "qty": 0.0001}]}"#,
    r#"{"order_number": 2147483647, "total": "12.30", "items": []}"#,
    r#"{"order_id": "\u00e7\ud83d\ude00\"\\\/", "total": -0.00, "other": {"a": [[], {}, null, true]}, "items": null}"#,
    r#"[{"order_number": 1, "total": 1}]"#,
];

const NAMES: [&str; 20] = [
    "order_number",
    "numero_pedido",
    "order_id",
    "id_ordem",
    "items",
    "order_items",
    "total",
    "valor_total",
    "sold_at",
    "product",
    "nome_produto",
    "qty",
    "quantidade",
    "unit_price",
    "value_unit",
    "SECRET",
    "",
    r"q\u0074y",
    r"\ud800",
    r"\u0000",
];

/// Problematic replacements of a value, JSON or not.
const VALUES: [&str; 56] = [
    "null",
    "true",
    "0",
    "-0",
    "1",
    "17",
    "-1",
    "0.01",
    "12.34",
    "1e2",
    "1E+2",
    "1e-4",
    "1e400",
    "-1e400",
    "1e-400",
    "1e99999999999999999999",
    "0.00001",
    "0.30000000000000004",
    "999999.9999",
    "1000000",
    "9999999999.9999",
    "2147483648",
    "-2147483648",
    "9223372036854775808",
    "123456789012345678901234567890123456789012345678901234567890",
    "\"\"",
    "\" \"",
    "\"SECRET\"",
    "\"12.30\"",
    "\"12,30\"",
    "\"017\"",
    "\"22/11/2026 10:11:12\"",
    "\"29/02/2023 00:00:00\"",
    "\"2026-11-22T24:00:00Z\"",
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\ud83d\ude00""#,
    r#""\u0000""#,
    r#""\u12""#,
    r#""\x41""#,
    "\"\u{1}\"",
    "\"\0\"",
    "\"\n\"",
    "\"SECRET",
    "[]",
    "{}",
    "[[[[[]]]]]",
    "NaN",
    "-Infinity",
    "01",
    "+1",
    "1.",
    ".5",
    "1e",
    "0x10",
    "/* SECRET */ 1",
];

/// Problematic insertions between bytes.
const BYTES: [&[u8]; 22] = [
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\xf4\x90\x80\x80",
    b"\xfe\xff",
    b"\0",
    b"\\ud800",
    b"\\u0000",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\xe2\x80\xa8",
    b"//",
    b"e9",
];

/// A JSON tree whose leaves need not be JSON.
#[derive(Clone)]
pub(super) enum Tree {
    Leaf(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Tree {
    pub(super) fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Array(list) => Self::List(list.iter().map(Self::of).collect()),
            serde_json::Value::Object(fields) => {
                let field = |(name, value): (&String, _)| (name.clone(), Self::of(value));
                Self::Object(fields.iter().map(field).collect())
            }
            leaf => Self::Leaf(leaf.to_string()),
        }
    }

    /// A random part, at any depth.
    fn any(&mut self, random: &mut Random) -> &mut Self {
        let parts = match self {
            Self::Leaf(_) => 0,
            Self::List(list) => list.len(),
            Self::Object(fields) => fields.len(),
        };
        let chosen = random.below(parts + 1);
        if chosen == parts {
            return self;
        }
        match self {
            Self::List(list) => list[chosen].any(random),
            Self::Object(fields) => fields[chosen].1.any(random),
            Self::Leaf(_) => self,
        }
    }

    /// Adds a field to every object.
    pub(super) fn everywhere(&mut self, name: &str, json: &str) {
        match self {
            Self::Leaf(_) => {}
            Self::List(list) => {
                for entry in list {
                    entry.everywhere(name, json);
                }
            }
            Self::Object(fields) => {
                for (_, value) in fields.iter_mut() {
                    value.everywhere(name, json);
                }
                fields.push((name.to_owned(), Self::Leaf(json.to_owned())));
            }
        }
    }

    pub(super) fn mutate(&mut self, random: &mut Random) {
        let other = self.any(random).clone();
        let part = self.any(random);
        match (random.below(10), &mut *part) {
            (0, Self::Object(fields)) if !fields.is_empty() => {
                let (one, two) = (random.below(fields.len()), random.below(fields.len()));
                let value = fields[one].1.clone();
                fields[one].1 = std::mem::replace(&mut fields[two].1, value);
            }
            (1, Self::Object(fields)) if !fields.is_empty() => {
                let field = fields[random.below(fields.len())].clone();
                fields.insert(random.below(fields.len() + 1), field);
            }
            (2, Self::Object(fields)) if !fields.is_empty() => {
                fields.remove(random.below(fields.len()));
            }
            (3, Self::Object(fields)) if !fields.is_empty() => {
                let field = random.below(fields.len());
                NAMES[random.below(NAMES.len())].clone_into(&mut fields[field].0);
            }
            (0..=4, Self::Object(fields)) => {
                fields.push((NAMES[random.below(NAMES.len())].to_owned(), other));
            }
            (0..=3, Self::List(list)) if !list.is_empty() => {
                let entry = list[random.below(list.len())].clone();
                let times = [1, 1, 1, 2, 50][random.below(5)];
                list.extend(std::iter::repeat_n(entry, times));
            }
            (4, Self::List(list)) if !list.is_empty() => {
                list.remove(random.below(list.len()));
            }
            (5, _) => *part = other,
            (6, _) => {
                // Sometimes beyond the limit of 128 levels.
                for _ in 0..[1, 1, 3, 127, 200][random.below(5)] {
                    let inner = std::mem::replace(part, Self::List(Vec::new()));
                    *part = Self::List(vec![inner]);
                }
            }
            _ => *part = Self::Leaf(VALUES[random.below(VALUES.len())].to_owned()),
        }
    }

    pub(super) fn write(&self, random: &mut Random, out: &mut String) {
        // Repeated mutations would grow the tree without limit.
        if out.len() > LARGEST / 2 {
            return out.push('0');
        }
        let blank = ["", "", " ", "\r\n\t"][random.below(4)];
        match self {
            Self::Leaf(text) => out.push_str(text),
            Self::List(list) => {
                out.push('[');
                for (index, entry) in list.iter().enumerate() {
                    out.push_str(if index == 0 { blank } else { "," });
                    entry.write(random, out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if index == 0 { blank } else { "," });
                    out.push('"');
                    out.push_str(name);
                    out.push_str("\":");
                    out.push_str(blank);
                    value.write(random, out);
                }
                out.push('}');
            }
        }
    }
}

pub(super) fn damage(payload: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(payload.len() + 1);
    let until = (at + random.below(20)).min(payload.len());
    match random.below(8) {
        0 | 1 => drop(payload.splice(at..at, BYTES[random.below(BYTES.len())].iter().copied())),
        2 if at < until => payload[at] ^= 1 << random.below(8),
        3 if at < until => payload[at] = random.bits().to_le_bytes()[0],
        4 => drop(payload.drain(at..until)),
        5 => {
            let again = payload[at..until].to_vec();
            payload.extend(again);
        }
        6 => payload.truncate(at),
        _ if random.below(20) == 0 => {
            let text = String::from_utf8_lossy(payload).into_owned();
            *payload = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        }
        _ => {}
    }
}

/// The case generated from `seed`.
fn draw(seed: u64, orders: &[Tree]) -> Vec<u8> {
    let mut random = Random(seed);
    if random.below(50) == 0 {
        return (0..random.below(200)).map(|_| random.bits().to_le_bytes()[0]).collect();
    }
    let mut tree = orders[random.below(orders.len())].clone();
    for _ in 0..random.below(5) {
        tree.mutate(&mut random);
    }
    let mut text = String::new();
    tree.write(&mut random, &mut text);
    let mut payload = text.into_bytes();
    for _ in 0..[0, 0, 1, 3][random.below(4)] {
        damage(&mut payload, &mut random);
    }
    payload.truncate(LARGEST);
    payload
}

#[test]
fn mutated_orders_are_orders_that_add_up_or_have_a_reason() {
    let orders: Vec<Tree> =
        ORDERS.iter().map(|json| Tree::of(&serde_json::from_str(json).unwrap())).collect();
    let (mut cases, mut understood, mut reasons) = (0_u64, 0_u64, BTreeMap::new());
    let (mut slowest, begun) = (Duration::ZERO, Instant::now());
    for seed in seeds(CASES).unwrap() {
        let payload = draw(seed, &orders);
        let judged = within(AT_MOST, || rules().understand_value(Some(&payload)));
        let Some((result, took)) = judged else {
            panic!("VENDAS_FUZZ_SEED={seed}: more than {AT_MOST:?}")
        };
        cases += 1;
        match result {
            Ok(_) => understood += 1,
            Err(rejection) => *reasons.entry(rejection.reason()).or_insert(0_u64) += 1,
        }
        slowest = slowest.max(took);
        if let Err(error) = check(&payload) {
            panic!("VENDAS_FUZZ_SEED={seed}: {error}\n{}", String::from_utf8_lossy(&payload));
        }
    }
    println!(
        "{cases} cases in {:?}, the slowest {slowest:?}: {understood} orders, {reasons:?}",
        begun.elapsed()
    );
    // The generator must produce both valid and invalid records.
    assert!(understood > cases / 20, "{understood} orders of {cases}");
    assert!(cases < CASES || reasons.len() > 20, "{reasons:?}");
}

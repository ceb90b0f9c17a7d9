//! For any bytes and mapping: orders that add up or a reason, in bounded time and without a panic,
//! with the same result as decoding with prost-reflect and as the equivalent JSON.
//!
//! For a long run see [`testbed::fuzz`].

mod draw;
mod mutate;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use prost_reflect::{DynamicMessage, prost::Message as _};
use testbed::{
    fuzz::{seeds, within},
    samples::Random,
};

use super::{
    super::{
        super::{Meaning, Order, Rejection},
        mutations::AT_MOST,
    },
    *,
};
use crate::format::protobuf::to_json;

const CASES: u64 = 20_000;

/// The number of records per mapping.
const RECORDS: usize = 50;

/// What must hold for every order.
fn adds_up(rules: &Rules, order: &Order) -> Result<(), String> {
    if order.number().is_some() == order.id().is_some() {
        return Err("one identity".to_owned());
    }
    let returns = rules.mapping.settings().returns;
    let lines: Decimal = order.items().iter().map(|item| item.amount()).sum();
    let is_within = order.charges() + lines <= order.total() && order.total() >= Decimal::ZERO;
    if !order.is_cancelled() && !returns && !is_within {
        return Err("the lines are more than the total".to_owned());
    }
    Ok(())
}

fn check(rules: &Rules, result: &Result<Meaning, Rejection>) -> Result<(), String> {
    match result {
        Ok(meaning) => meaning.orders().iter().try_for_each(|order| adds_up(rules, order)),
        Err(rejection)
            if rejection.detail().is_empty() || rejection.detail().contains("SECRET") =>
        {
            Err(format!("a detail that says nothing or too much: {rejection}"))
        }
        Err(_) => Ok(()),
    }
}

#[test]
fn mutated_messages_under_any_mapping_are_orders_that_add_up_or_have_a_reason() {
    let kinds = draw::Kind::all();
    let (mut cases, mut slowest, begun) = (0_u64, Duration::ZERO, Instant::now());
    let (mut understood, mut reasons) = (0_u64, BTreeMap::new());
    let (mut twins, mut same_in_json) = (0_u64, 0_u64);
    for seed in seeds(CASES).unwrap().step_by(RECORDS) {
        let mut random = Random(seed);
        let kind = &kinds[random.below(kinds.len())];
        let rules = kind.rules(&mut random);
        let in_json = rules.clone().reading(Reading::Json);
        for number in 0..RECORDS {
            let payload = kind.record(&mut random);
            let place = || {
                let settings = rules.mapping.settings();
                format!("VENDAS_FUZZ_SEED={seed}, record {number}: {payload:?}\n{settings:?}")
            };
            let judged = within(AT_MOST, || rules.understand_value(Some(&payload)));
            let Some((result, took)) = judged else { panic!("more than {AT_MOST:?}: {}", place()) };
            cases += 1;
            slowest = slowest.max(took);
            if let Err(error) = check(&rules, &result) {
                panic!("{error}: {}", place());
            }
            match &result {
                Ok(_) => understood += 1,
                Err(rejection) => *reasons.entry(rejection.reason()).or_insert(0_u64) += 1,
            }
            let told_here = told_result(&result);
            // The bytes decoded and encoded again by another implementation.
            let other = DynamicMessage::decode(kind.sample.descriptor("M"), &*payload);
            let is_twin = other.is_ok();
            if let Ok(other) = other {
                twins += 1;
                let again = other.encode_to_vec();
                let twin = told(&rules, &again);
                let is_rejected = |told: &str| told.starts_with("not_protobuf");
                if is_rejected(&told_here) && mutate::may_mistake_a_map(&payload) {
                    continue;
                }
                assert!(
                    !is_rejected(&told_here) && !is_rejected(&twin),
                    "{told_here}\n{}",
                    place()
                );
                // Without field presence, a number that is 0 is lost.
                if kind.has_presence {
                    assert_eq!(told_here, twin, "read by prost-reflect: {}", place());
                }
            }
            let message = kind.sample.schema.message().unwrap();
            let json = within(AT_MOST, || to_json(&payload, message));
            let Some((json, _)) = json else {
                panic!("JSON in more than {AT_MOST:?}: {}", place())
            };
            let Ok(json) = json else { continue };
            if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&json) {
                assert!(!error.is_syntax() && !error.is_eof(), "{error}: {json}\n{}", place());
            }
            let told_in_json = told(&in_json, json.as_bytes());
            // Numbers that are not finite are texts in JSON.
            if ["\"NaN\"", "Infinity\""].iter().any(|text| json.contains(text)) {
                continue;
            }
            // Texts that are not UTF-8 are hexadecimal in JSON.
            if kind.has_presence && is_twin && !told_in_json.starts_with("too_deep") {
                same_in_json += 1;
                assert_eq!(told_here, told_in_json, "as JSON: {json}\n{}", place());
            }
        }
    }
    println!(
        "{cases} cases in {:?}, the slowest {slowest:?}: {understood} understood, {twins} read alike \
         by prost-reflect, {same_in_json} the same as JSON, {reasons:?}",
        begun.elapsed()
    );
    // The generator must produce both valid and invalid records.
    assert!(understood > cases / 10 && twins > cases / 4, "{understood}, {twins}");
    assert!(same_in_json > cases / 10, "{same_in_json}");
    assert!(cases < CASES || reasons.len() > 10, "{reasons:?}");
}

#[test]
fn mutated_schemas_are_schemas_or_have_a_reason() {
    let kinds = draw::Kind::all();
    let (mut cases, mut compiled, mut slowest) = (0_u64, 0_u64, Duration::ZERO);
    for seed in seeds(CASES / 20).unwrap() {
        let mut random = Random(seed);
        let kind = &kinds[random.below(kinds.len())];
        let text = kind.schema(&mut random);
        let at_most = AT_MOST * 10;
        let judged = within(at_most, || crate::format::protobuf::Schema::compile(&text, &[]));
        let Some((result, took)) = judged else { panic!("VENDAS_FUZZ_SEED={seed}: {text}") };
        cases += 1;
        slowest = slowest.max(took);
        match result {
            Ok(schema) => {
                compiled += 1;
                if let Some(message) = schema.message() {
                    let _ = to_json(&kind.record(&mut random), message);
                }
            }
            Err(error) => assert!(!error.0.is_empty(), "VENDAS_FUZZ_SEED={seed}: {text}"),
        }
    }
    println!("{cases} schemas, {compiled} of them compiled, the slowest in {slowest:?}");
    assert!(compiled > cases / 20, "{compiled}");
}

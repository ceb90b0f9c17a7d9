//! Random mappings, and Avro records that are intact, damaged, or random bytes.
//!
//! For a long run see [`testbed::fuzz`].

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;
use testbed::{
    fuzz::{seeds, within},
    samples::Random,
};

use super::{
    super::{
        mapping_fuzz::{check, draw},
        mutations::AT_MOST,
    },
    *,
};

const CASES: u64 = 20_000;

/// The number of damaged records per intact one.
const DAMAGED: usize = 20;

/// Corrupts bytes of lengths, counts and indices.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let byte = random.bits().to_le_bytes()[0];
    let at = random.below(bytes.len() + 1);
    let until = (at + random.below(6)).min(bytes.len());
    match random.below(8) {
        0 => bytes.truncate(at),
        1 => drop(bytes.splice(at..until, huge)),
        2 => drop(bytes.splice(at..until, [byte])),
        3 if at < until => bytes[at] ^= 1 << random.below(8),
        4 if at < until => bytes[at] = byte,
        5 if at < until => bytes[at] = bytes[at].wrapping_neg(),
        6 => {
            let again = bytes[at..until].to_vec();
            bytes.splice(at..at, again);
        }
        _ => *bytes = (0..random.below(300)).map(|_| random.bits().to_le_bytes()[0]).collect(),
    }
}

#[test]
fn mutated_avro_records_give_the_same_result_as_json_or_a_reason() {
    let shapes = draw::Seed::all();
    let shop = TimeZone::get("America/Sao_Paulo").unwrap();
    let partition = TopicPartition { topic: "t".into(), partition: 3, topic_id: Uuid::nil() };
    let (mut cases, mut slowest, begun) = (0_u64, Duration::ZERO, Instant::now());
    let mut differ = Vec::new();
    let (mut same, mut understood, mut reasons) = (0_u64, 0_u64, BTreeMap::new());
    let mut told_otherwise = 0_u64;
    for seed in seeds(CASES).unwrap().step_by(DAMAGED) {
        let mut random = Random(seed);
        let drawn = draw::mapping(&mut random, &shapes);
        let rules = Rules::new(drawn.mapping.clone(), shop.clone(), drawn.currency);
        let (record, _) = draw::record(&mut random, &drawn, &shapes);
        let payload = record.payload.as_deref().unwrap_or_default();
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(payload) else { continue };
        let numbers = [Numbers::Doubles, Numbers::Decimals][random.below(2)];
        if numbers == Numbers::Decimals && rules.mapping.settings().minor_units {
            // Divided, they have more decimals, which printed floats may have and exact decimals
            // may not.
            continue;
        }
        let Some(judged) = infer::judge(&rules, &value, numbers) else { continue };
        let text = value.to_string();
        // A null in JSON is a present place, and zero has many notations in JSON.
        if !text.contains("null") && !text.contains("0.0") && !text.contains("-0") {
            let settings = rules.mapping.settings();
            if judged.avro.is_err() && judged.json.is_err() && judged.avro != judged.json {
                // Either of two faults may be reported.
                told_otherwise += 1;
            } else if judged.avro != judged.json {
                differ.push(format!(
                    "VENDAS_FUZZ_SEED={seed} {numbers:?}: {text}\n{settings:?}\n{:?} {:?}",
                    judged.avro, judged.json
                ));
                assert!(differ.len() < 5, "{}", differ.join("\n"));
            }
            same += 1;
        }
        let rules = by(&rules, &judged.schema);
        for number in 0..DAMAGED {
            let mut bytes = judged.bytes.clone();
            for _ in 0..=random.below(3) {
                damage(&mut bytes, &mut random);
            }
            let record = Record { payload: Some(bytes.into()), ..record.clone() };
            let judged =
                within(AT_MOST, || rules.understand(&partition, &record, &Schemas::default()));
            let place =
                || format!("VENDAS_FUZZ_SEED={seed}, record {number}: {:?}", record.payload);
            let Some((result, took)) = judged else { panic!("more than {AT_MOST:?}: {}", place()) };
            slowest = slowest.max(took);
            cases += 1;
            if let Err(error) = check(&rules, &record, false, &result) {
                panic!("{error}: {}", place());
            }
            match result {
                Ok(_) => understood += 1,
                Err(rejection) => *reasons.entry(rejection.reason()).or_insert(0_u64) += 1,
            }
        }
    }
    println!(
        "{cases} cases in {:?}, the slowest {slowest:?}: {same} whole ones as in JSON, of which \
         {told_otherwise} are rejected for another fault, {understood} damaged ones understood, \
         {reasons:?}",
        begun.elapsed()
    );
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(told_otherwise <= 1 + same / 10_000, "{told_otherwise} of {same}");
    // The generator must produce both valid and invalid records.
    assert!(same > cases / 100 && understood > cases / 50, "{same}, {understood} of {cases}");
    assert!(reasons.get(&Reason::NotAvro).is_some_and(|count| *count > cases / 10), "{reasons:?}");
}

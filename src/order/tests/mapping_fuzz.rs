//! For any mapping and record: an order whose lines and charges sum to its total, an ignored
//! record, or a reason, without a panic and in bounded time.
//!
//! For a long run see [`testbed::fuzz`].

pub(super) mod draw;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;
use proptest::prelude::*;
use rust_decimal::Decimal;
use testbed::{
    fuzz::{seeds, within},
    samples::Random,
};
use uuid::Uuid;

use super::{
    super::{Meaning, Order, Reason, Rejection, Rules, Tombstones},
    mutations::AT_MOST,
};
use crate::{
    format::Reading,
    kafka::{Record, TopicPartition},
};

const CASES: u64 = 20_000;

/// The number of records per mapping.
const RECORDS: usize = 50;

/// Checks every order. `all_named`: each of its lines has a product.
pub(super) fn check_order(
    rules: &Rules,
    order: &Order,
    all_named: bool,
) -> Result<(), TestCaseError> {
    let settings = rules.mapping.settings();
    prop_assert!(order.number().is_some() != order.id().is_some());
    if let Some(id) = order.id() {
        prop_assert!(!id.is_empty() && id.chars().count() <= 340 && !id.contains('\0'));
    }
    if order.is_cancelled() {
        prop_assert!(!settings.cancelled.is_empty() || settings.tombstones == Tombstones::Cancel);
        prop_assert!(order.items().is_empty() && order.kept().is_none());
        prop_assert!(order.total().is_zero() && order.charges().is_zero());
        return Ok(());
    }
    prop_assert!(order.is_in_sales() || order.is_in_orders());
    for money in [order.total(), order.charges()] {
        prop_assert!(money.scale() <= 8);
    }
    let lines: Decimal = order.items().iter().map(|item| item.amount()).sum();
    for item in order.items() {
        let product = item.product();
        prop_assert!(!product.trim().is_empty() && !product.contains('\0'));
        prop_assert!(product.chars().count() <= 200);
        prop_assert!(item.amount().scale() <= 8);
        if !settings.returns {
            prop_assert!(item.quantity() > Decimal::ZERO && item.amount() >= Decimal::ZERO);
        }
    }
    if !settings.returns {
        prop_assert!(order.total() >= Decimal::ZERO);
        // Lines without a product are not listed.
        prop_assert!(order.charges() + lines <= order.total());
    }
    if all_named && !order.items().is_empty() {
        prop_assert_eq!(order.charges() + lines, order.total());
    }
    if let Some(kept) = order.kept() {
        let kept: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(kept).map_err(|_| TestCaseError::fail("kept is no object"))?;
        prop_assert!(!kept.is_empty() && kept.len() <= settings.keep.len());
    }
    Ok(())
}

pub(super) fn check(
    rules: &Rules,
    record: &Record,
    all_named: bool,
    result: &Result<Meaning, Rejection>,
) -> Result<(), TestCaseError> {
    let settings = rules.mapping.settings();
    match result {
        Ok(Meaning::Ignored) if record.payload.is_none() => {
            prop_assert!(settings.tombstones == Tombstones::Ignore || settings.only.is_some());
        }
        // A list of orders may be empty, too.
        Ok(Meaning::Ignored) => {}
        Ok(meaning) => {
            let orders = meaning.orders();
            let bytes = record.payload.as_ref().map_or(0, |payload| payload.len());
            // In Avro an order may be a single byte.
            let least = if matches!(rules.reading, Reading::By(_)) { 1 } else { 2 };
            prop_assert!(!orders.is_empty() && orders.len() <= 9_999.min(1 + bytes / least));
            let items: usize = orders.iter().map(|order| order.items().len()).sum();
            prop_assert!(items <= bytes);
            for order in orders {
                check_order(rules, order, all_named)?;
            }
            if record.payload.is_none() {
                prop_assert!(orders.iter().all(Order::is_cancelled));
            }
        }
        Err(rejection) => {
            prop_assert!(!rejection.detail().is_empty());
            prop_assert!(!rejection.detail().contains("SECRET"));
            prop_assert!(rejection.reason() != Reason::Panicked);
        }
    }
    Ok(())
}

#[test]
fn mutated_records_under_any_mapping_are_orders_that_add_up_or_ignored_or_have_a_reason() {
    let shapes = draw::Seed::all();
    let shop = TimeZone::get("America/Sao_Paulo").unwrap();
    let partition = TopicPartition { topic: "t".into(), partition: 3, topic_id: Uuid::nil() };
    let (mut cases, mut slowest, begun) = (0_u64, Duration::ZERO, Instant::now());
    let (mut understood, mut added_up, mut several) = (0_u64, 0_u64, 0_u64);
    let (mut cancelled, mut ignored, mut reasons) = (0_u64, 0_u64, BTreeMap::new());
    for seed in seeds(CASES).unwrap().step_by(RECORDS) {
        let mut random = Random(seed);
        let drawn = draw::mapping(&mut random, &shapes);
        let has_text_steps = format!("{:?}", drawn.mapping.settings()).contains("Text");
        let rules = Rules::new(drawn.mapping.clone(), shop.clone(), drawn.currency);
        for number in 0..RECORDS {
            let (record, is_whole) = draw::record(&mut random, &drawn, &shapes);
            let place = || {
                let payload = record.payload.as_deref().map(String::from_utf8_lossy);
                let settings = rules.mapping.settings();
                format!("VENDAS_FUZZ_SEED={seed}, record {number}: {payload:?}\n{settings:?}")
            };
            let judged = within(AT_MOST, || {
                rules.understand(&partition, &record, &crate::format::Schemas::default())
            });
            let Some((result, took)) = judged else { panic!("more than {AT_MOST:?}: {}", place()) };
            cases += 1;
            slowest = slowest.max(took);
            let all_named = drawn.names_all_products && is_whole && !has_text_steps;
            if let Err(error) = check(&rules, &record, all_named, &result) {
                panic!("{error}: {}", place());
            }
            match &result {
                Ok(Meaning::Ignored) => ignored += 1,
                Ok(meaning) => {
                    let orders = meaning.orders();
                    understood += 1;
                    several += u64::from(orders.len() > 1);
                    cancelled += u64::from(orders.iter().any(Order::is_cancelled));
                    let lines = orders.iter().any(|order| !order.items().is_empty());
                    added_up += u64::from(all_named && lines);
                }
                Err(rejection) => *reasons.entry(rejection.reason()).or_insert(0_u64) += 1,
            }
        }
    }
    println!(
        "{cases} cases in {:?}, the slowest {slowest:?}: {understood} with orders ({several} with \
         several, {cancelled} with cancelled ones, {added_up} with all lines added up), {ignored} \
         ignored, {reasons:?}",
        begun.elapsed()
    );
    // The generator must produce both valid and invalid records.
    assert!(understood > cases / 10 && added_up > cases / 100, "{understood}, {added_up}");
    assert!(several > cases / 1_000 && cancelled > cases / 1_000, "{several}, {cancelled}");
    assert!(ignored > cases / 1_000, "{ignored}");
    assert!(cases < CASES || reasons.len() > 20, "{reasons:?}");
}

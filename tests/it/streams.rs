//! A whole stream without faults.

use std::collections::{BTreeMap, BTreeSet};

use testbed::{Result, ensure};

use crate::{
    oracle::{Effect, effect},
    scenario::{LANES, Scenario, committed_records, expect_no_payload},
    stream::{Key, Stream},
};

const RECORDS: usize = 800;

#[test]
fn the_stream_contains_every_reason_and_every_transition_of_an_order() {
    let stream = Stream::new(1, LANES, RECORDS);
    let (mut reasons, mut numbers, mut ids) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    let (mut lost, mut corrected, mut repeated) = (0, 0, 0);
    for lane in &stream.lanes {
        let mut listed: BTreeMap<Key, bool> = BTreeMap::new();
        for pair in lane.windows(2) {
            repeated += usize::from(pair[0].record.payload == pair[1].record.payload);
        }
        for generated in lane {
            let size = generated.record.payload.as_ref().map_or(0, Vec::len);
            assert!(size < 1_001_000, "Kafka rejects a record of {size} bytes");
            match effect(&generated.meaning) {
                Effect::DeadLetter(reason) => *reasons.entry(reason).or_insert(0) += 1,
                Effect::Order { key, row } => {
                    match &key {
                        Key::Number(number) => numbers.insert(number.to_string()),
                        Key::Id(id) => ids.insert(id.clone()),
                    };
                    let lists = row.has_items();
                    if let Some(listed) = listed.insert(key, lists) {
                        corrected += 1;
                        lost += usize::from(listed && !lists);
                    }
                }
            }
        }
    }
    for reason in vendas::order::Reason::ALL {
        use vendas::order::Reason::*;
        // Some reasons do not depend on the record, and some need a mapping: see `order::tests`.
        // Others need a schema: see `registry::dead_letters`.
        let elsewhere = matches!(
            reason,
            Panicked
                | Purged
                | RejectedByDatabase
                | InvalidStatus
                | OtherCurrency
                | InvalidKept
                | NotFramed
                | UnknownSchema
                | BrokenSchema
                | NotAvro
                | NotProtobuf
        );
        if !elsewhere {
            assert!(reasons.contains_key(reason.code()), "no record is rejected with {reason}");
        }
    }
    let both = numbers.intersection(&ids).count();
    assert!(both > 50, "only {both} orders have a number that is also the id of another order");
    assert!(lost > 50, "only {lost} orders lose their products");
    assert!(corrected > 500 && repeated > 100, "{corrected} corrected, {repeated} repeated");
}

#[tokio::test]
async fn a_mixed_stream_is_stored_correctly_and_a_second_run_changes_nothing() -> Result<()> {
    let scenario = Scenario::shared(1, RECORDS).await?;
    scenario.send_rest().await?;
    let [sales, orders, dead_letters] = scenario.expected().counts();
    ensure!(sales > 500 && orders > 1_000 && dead_letters > 500, "a poor stream");

    let ended = scenario.run_until_end().await?;
    scenario.expect_all().await?;
    expect_no_payload(&ended)?;
    ensure!(committed_records(&ended)? == scenario.sent(), "{}", ended.state());
    let before = all_rows(&scenario).await?;

    let ended = scenario.run_until_end().await?;
    ensure!(committed_records(&ended)? == 0, "{}", ended.state());
    scenario.expect_all().await?;
    ensure!(before == all_rows(&scenario).await?, "a second run changed a time");
    Ok(())
}

/// All rows with all their columns.
async fn all_rows(scenario: &Scenario<'_>) -> Result<Vec<testbed::Table>> {
    let mut tables = Vec::new();
    for table in ["sales", "orders", "dead_letters"] {
        tables
            .push(scenario.database.table(&format!("SELECT * FROM {table} ORDER BY 1, 2")).await?);
    }
    Ok(tables)
}

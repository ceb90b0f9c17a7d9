//! Large records under a mapping: time proportional to their length, and values shared by all
//! orders of a record.

use std::time::Duration;

use jiff::tz::TimeZone;
use testbed::fuzz::within;

use super::super::{Currency, Mapping, MappingSettings, Meaning, Place, Rejection, Role, Rules};

/// The time limit for a record of about a megabyte, also in debug builds.
const AT_MOST: Duration = Duration::from_secs(3);

fn place(text: &str) -> Place {
    Place::parse(text).unwrap()
}

fn rules(change: impl FnOnce(&mut MappingSettings)) -> Rules {
    let mut settings = MappingSettings::default();
    change(&mut settings);
    let shop = TimeZone::get("America/Sao_Paulo").unwrap();
    Rules::new(Mapping::compile(settings).unwrap(), shop, Currency::default())
}

fn understand(rules: &Rules, json: &str) -> Result<Meaning, Rejection> {
    let judged = within(AT_MOST, || rules.understand_value(Some(json.as_bytes())));
    judged.unwrap_or_else(|| panic!("{} bytes take more than {AT_MOST:?}", json.len())).0
}

#[test]
fn a_record_of_many_charges_takes_proportional_time() {
    let rules = rules(|settings| {
        settings.places.push((Role::Tax, vec![vec![place("$.taxes[*].amount")]]));
    });
    let taxes = vec![r#"{"amount":1}"#; 80_000].join(",");
    let json = format!(r#"{{"order_id":"a","total":80000,"taxes":[{taxes}]}}"#);
    let meaning = understand(&rules, &json).unwrap();
    assert_eq!(meaning.orders()[0].charges().to_string(), "80000.00");
}

#[test]
fn a_record_of_many_orders_with_many_kept_fields_takes_proportional_time() {
    let rules = rules(|settings| {
        settings.records = vec![place("$.orders[*]")];
        settings.keep = (0..32).map(|n| (format!("k{n}"), vec![place("note")])).collect();
    });
    let orders: Vec<_> = (0..9_999)
        .map(|n| format!(r#"{{"order_id":{n},"total":1,"note":"{}"}}"#, "n".repeat(60)))
        .collect();
    let json = format!(r#"{{"orders":[{}]}}"#, orders.join(","));
    assert_eq!(understand(&rules, &json).unwrap().orders().len(), 9_999);
}

/// The kept fields and ids of the orders of a record.
fn kept_and_ids(rules: &Rules, json: &str) -> Vec<(Option<String>, Option<String>)> {
    let meaning = understand(rules, json).unwrap_or_else(|rejection| panic!("{json}: {rejection}"));
    let orders = meaning.orders().iter();
    orders.map(|it| (it.kept().map(str::to_owned), it.id().map(str::to_owned))).collect()
}

#[test]
fn every_order_of_a_record_keeps_the_fields_of_the_record() {
    let rules = rules(|settings| {
        settings.records = vec![place("$.orders[*]")];
        settings.keep = vec![("store".to_owned(), vec![place("record:$.store")])];
    });
    for json in [
        r#"{"store": 7, "orders": [{"order_id": "a", "total": 1}, {"order_id": "b", "total": 2}]}"#,
        r#"{"orders": [{"order_id": "a", "total": 1}, {"order_id": "b", "total": 2}], "store": 7}"#,
    ] {
        let kept = |id: &str| (Some(r#"{"store":7}"#.to_owned()), Some(id.to_owned()));
        assert_eq!(kept_and_ids(&rules, json), [kept("a"), kept("b")], "{json}");
    }
}

#[test]
fn a_key_of_several_fields_takes_some_from_the_record() {
    let rules = rules(|settings| {
        settings.records = vec![place("$.orders[*]")];
        let key = vec![place("record:$.batch"), place("id")];
        settings.places.push((Role::OrderId, vec![key]));
    });
    for json in [
        r#"{"batch": 7, "orders": [{"id": "a", "total": 1}, {"id": "b", "total": 2}]}"#,
        r#"{"orders": [{"id": "a", "total": 1}, {"id": "b", "total": 2}], "batch": 7}"#,
    ] {
        let id = |id: &str| (None, Some(id.to_owned()));
        assert_eq!(kept_and_ids(&rules, json), [id("7/a"), id("7/b")], "{json}");
    }
}

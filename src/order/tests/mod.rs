//! Properties of the rules for whole records, one test each.

mod avro;
mod fuzz;
mod malformed;
mod mapping_fuzz;
mod mapping_large;
mod mutations;
mod orders;
mod protobuf;
mod shapes;
mod worth;

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::{
    Currency, Mapping, MappingSettings, Meaning, Order, Place, Reason, Rejection, Role, Rules,
};

fn rules() -> &'static Rules {
    static RULES: LazyLock<Rules> =
        LazyLock::new(|| Rules::built_in(TimeZone::get("America/Sao_Paulo").unwrap()));
    &RULES
}

/// The rules of a mapping for the same shop.
fn rules_of(settings: MappingSettings) -> Rules {
    let shop = TimeZone::get("America/Sao_Paulo").unwrap();
    Rules::new(Mapping::compile(settings).unwrap(), shop, Currency::default())
}

fn understand(json: &str) -> Result<Order, Rejection> {
    understand_bytes(Some(json.as_bytes()))
}

/// The only order in a payload.
fn understand_bytes(payload: Option<&[u8]>) -> Result<Order, Rejection> {
    match rules().understand_value(payload)? {
        Meaning::Order(order) => Ok(order),
        other => panic!("not one order: {other:?}"),
    }
}

#[track_caller]
fn order(json: &str) -> Order {
    understand(json).unwrap_or_else(|rejection| panic!("{json}: {rejection}"))
}

/// Asserts that the record is rejected for this reason, and with this detail.
#[track_caller]
fn rejected(json: &str, reason: Reason, detail: &str) {
    match understand(json) {
        Ok(_) => panic!("{json} was understood"),
        Err(rejection) => {
            assert_eq!((rejection.reason(), rejection.detail()), (reason, detail), "{json}");
        }
    }
}

#[track_caller]
fn total(json: &str) -> String {
    order(json).total().to_string()
}

/// Product, quantity and amount of each item.
#[track_caller]
fn items(json: &str) -> Vec<String> {
    let shown = |item: &super::Item| {
        format!("{}: {} for {}", item.product(), item.quantity(), item.amount())
    };
    order(json).items().iter().map(shown).collect()
}

//! Doubts: questions that the records do not answer, with possible answers and their settings.

mod orders;
mod values;

use super::{build::Findings, study::Study, worth};
use crate::init::proposal::{Proposal, Setting, Value};

/// Adds the settings derived from values, and all doubts.
pub(super) fn add(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    orders::identity(findings, proposal);
    orders::kinds(findings, proposal);
    orders::replaced(findings, proposal);
    orders::status(findings, proposal);
    orders::tombstones(findings.study, proposal);
    orders::price(findings, proposal);
    orders::quantity(findings, proposal);
    orders::total(findings, proposal);
    values::currency(findings, proposal);
    values::decimals(findings, proposal);
    values::cents(findings, proposal);
    values::long_numbers(findings, proposal);
    values::returns(findings, proposal);
    values::times(findings, proposal);
}

/// The proposal if no record has a value.
pub(super) fn without_orders(study: &Study<'_>) -> Proposal {
    let mut proposal = Proposal::default();
    orders::tombstones(study, &mut proposal);
    proposal
}

/// Whether it is unclear if the money of a line is a unit price or a line total.
pub(super) fn is_price_doubtful(findings: &Findings<'_, '_>) -> bool {
    let worth = &findings.worth;
    let several = worth
        .quantity
        .column(findings.lines.owners.len(), findings.study.reading())
        .into_iter()
        .flatten()
        .any(|quantity| quantity != rust_decimal::Decimal::ONE);
    let name = |choice| worth::is_doubtful_price(choice);
    let is_built_in = worth.unit_price.places.iter().chain(&worth.amount.places).any(|place| {
        place.path.bare().is_some_and(|name| {
            ["unit_price", "amount"]
                .iter()
                .any(|role| crate::init::built_in::names(role).contains(&name))
        })
    });
    !worth.is_proven() && several && !is_built_in && name(&worth.unit_price)
}

/// Whether the total differs from the sum of lines and charges, and may be another sum.
pub(super) fn is_total_doubtful(findings: &Findings<'_, '_>) -> bool {
    let worth = &findings.worth;
    let is_built_in = worth.total.places.iter().any(|place| {
        place.path.bare().is_some_and(|name| crate::init::built_in::names("total").contains(&name))
    });
    worth.comparable > 0 && !worth.is_proven() && !is_built_in
}

fn texts(texts: &[&str]) -> Value {
    Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn place(key: &'static str, place: impl Into<String>) -> Setting {
    Setting::new(key, Value::Places(vec![vec![place.into()]]))
}

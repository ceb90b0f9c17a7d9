//! Doubts: questions that the records do not answer, with possible answers and their settings.

mod orders;
mod values;

use super::{findings::Findings, study::Study};
use crate::init::proposal::Proposal;

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

//! Proposes a mapping for sample records from field names, values, and whether quantity × price,
//! charges and total agree.

mod build;
mod charges;
mod choose;
mod circumstances;
mod doubts;
mod findings;
mod identity;
mod layout;
mod leftovers;
mod lines;
mod money;
mod scores;
mod search;
mod study;
mod worth;

use super::proposal::Proposal;

pub(crate) use leftovers::leftovers_of;
pub(crate) use study::Input;

/// The mapping for the records of `input`.
pub(crate) fn propose(input: Input<'_>) -> Proposal {
    let documents = study::documents(input.sample);
    build::build(&study::Study::of(input, &documents))
}

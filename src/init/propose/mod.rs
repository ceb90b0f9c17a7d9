//! Proposes a mapping for sample records from field names, values, and whether quantity × price,
//! charges and total agree.

mod build;
mod charges;
mod choose;
mod circumstances;
mod doubts;
mod identity;
mod layout;
mod leftovers;
mod money;
mod scores;
mod search;
mod study;
mod worth;

use jiff::tz::TimeZone;

use super::proposal::Proposal;
use crate::kafka::{Record, TopicPartition};

pub(crate) use leftovers::leftovers_of;

/// The input of a proposal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// Records of one topic, in sending order as far as known.
    pub(crate) sample: &'a [(TopicPartition, Record)],
    /// The shop's time zone.
    pub(crate) shop_timezone: &'a TimeZone,
}

/// The mapping for the records of `input`.
pub(crate) fn propose(input: Input<'_>) -> Proposal {
    let documents = study::documents(input.sample);
    build::build(&study::Study::of(input, &documents))
}

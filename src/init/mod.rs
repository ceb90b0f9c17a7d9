//! Proposes a mapping for the records of a topic, and shows its result.
//!
//! In reading order: [`json`] and [`path`] are documents and places in them. [`profile`] collects
//! the places of a sample. [`dictionary`] has the meanings of names, and [`value`] and [`times`]
//! the formats of values. [`propose`] picks a place for each role. [`proposal`] is the result:
//! certain settings, doubts, and unmapped fields.
//!
//! - ***Invariant:** anything that cannot be known from the records is a doubt, never a setting.
//! - ***Invariant:** the only record values printed are those of statuses, event types and
//!   currencies.

mod built_in;
mod dictionary;
mod json;
pub(crate) mod outcome;
mod path;
mod profile;
pub(crate) mod proposal;
pub(crate) mod propose;
pub(crate) mod render;
pub(crate) mod rules;
pub(crate) mod sample;
pub(crate) mod taken;
mod times;
mod value;

#[cfg(test)]
mod tests;

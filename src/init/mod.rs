//! Proposes how the records of a topic are to be understood, and shows what they come to.
//!
//! In reading order: [`json`] and [`path`] hold documents and places in them, [`profile`] collects the
//! places of a sample, [`dictionary`] says what names can mean, [`value`] and [`times`] what values
//! look like, [`propose`] picks a place for each role, and [`proposal`] is the result: settings that
//! are certain, doubts, and what is left over.
//!
//! - **Invariant:** what cannot be known from the records is a doubt, and never a setting.
//! - **Invariant:** no value of a record is printed but those of a status, a kind of event and a
//!   currency.

mod built_in;
mod dictionary;
mod json;
pub(crate) mod outcome;
mod path;
mod profile;
pub(crate) mod proposal;
pub(crate) mod propose;
pub(crate) mod render;
pub(crate) mod sample;
pub(crate) mod taken;
mod times;
mod value;

#[cfg(test)]
mod tests;

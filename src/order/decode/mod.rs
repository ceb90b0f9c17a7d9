//! From a record to what it holds for each role: values as they were written, not yet judged.
//!
//! A decoder ([`json`], [`avro`], [`protobuf`]) walks down the mapping's tree beside the record and hands values to a
//! [`Sink`], which knows no format; it finds out which of a role's places counts.

pub(super) mod avro;
mod document;
pub(super) mod json;
mod json_value;
pub(super) mod protobuf;
mod shape;
mod sink;
mod slot;

pub(super) use document::{Charge, Document, ItemFields, Kept};
pub(super) use sink::{Decoded, Sink};
pub(super) use slot::{Found, Slot, Twice};

/// How many items an order may have, and how many orders a record.
pub(super) const ELEMENTS_LIMIT: usize = 9_999;

//! Decodes a record into the values of each role, not yet validated.
//!
//! A decoder ([`json`], [`avro`], [`protobuf`]) follows the mapping's tree through the record and
//! passes values to a [`Sink`]. The sink is independent of the format and decides which of a role's
//! places counts.

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
pub(super) use slot::{Duplicate, Found, Slot};

/// The maximum number of items of an order, and of orders of a record.
pub(super) const ELEMENTS_LIMIT: usize = 9_999;

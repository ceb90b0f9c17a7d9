//! Reads encoded bytes by their format, or says why they cannot be read.

use bumpalo::Bump;

use super::super::{
    Reason, Rejection,
    decode::{Sink, avro, json, protobuf},
    mapping::Spot,
    text,
};
use crate::format::{Encoded, Unreadable};

/// Reads bytes into `sink`.
pub(super) fn read<'m, 'p>(
    encoded: Encoded<'p, 'p>,
    root: &'m Spot,
    sink: &mut Sink<'m, 'p>,
    arena: &'p Bump,
) -> Result<(), Rejection> {
    match encoded {
        Encoded::Json(bytes) => json::read(text::of(bytes)?, root, sink, arena),
        Encoded::Avro(schema, bytes) => avro::read(bytes, schema, root, sink, arena),
        Encoded::Protobuf(message, bytes) => protobuf::read(bytes, message, root, sink, arena),
    }
}

/// The rejection of undecodable bytes.
pub(super) fn unreadable(why: Unreadable) -> Rejection {
    match why {
        Unreadable::NotFramed => {
            let detail = "the record must begin with the header of a schema registry (a zero byte \
                          and the schema id), as required by mapping.format";
            Rejection::new(Reason::NotFramed, detail)
        }
        Unreadable::NoRegistry => {
            let detail = "the record begins with a zero byte, like records with a schema registry \
                          header: set registry.url, and mapping.format to \"auto\"";
            Rejection::new(Reason::NotJson, detail)
        }
        Unreadable::UnknownSchema(id) if id.0 == 0 => {
            let detail = "the schema registry has no schema with id 0: the id must have 4 bytes, \
                          as written by Confluent's serializers; configure the producer to write \
                          neither 8-byte ids, as Apicurio's can, nor ids in headers";
            Rejection::new(Reason::UnknownSchema, detail)
        }
        Unreadable::UnknownSchema(id) => {
            let detail = format!("the schema registry has no schema with id {id}");
            Rejection::new(Reason::UnknownSchema, detail)
        }
        Unreadable::BrokenSchema(Some(id), why) => {
            Rejection::new(Reason::BrokenSchema, format!("the schema with id {id}: {why}"))
        }
        Unreadable::BrokenSchema(None, why) => {
            Rejection::new(Reason::BrokenSchema, format!("mapping.schema_file: {why}"))
        }
        Unreadable::NoSuchMessage(id) => {
            let detail = format!("the header must refer to a message of the schema with id {id}");
            Rejection::new(Reason::BrokenSchema, detail)
        }
    }
}

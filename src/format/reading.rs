//! The format of a topic's records.

use std::sync::Arc;

use super::{
    Kind, NoSchema, Schema, SchemaId, Schemas, avro, framing,
    protobuf::{self, Message},
};

/// The values of `mapping.format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// If a registry is configured, records with its header are decoded by their schemas; all
    /// others are JSON.
    #[default]
    Auto,
    /// All are JSON.
    Json,
    /// All have this schema type: with a header, or by the schema in a file.
    Of(Kind),
}

impl Format {
    /// All formats with their names in the configuration.
    pub const ALL: [(&str, Self); 5] = [
        ("auto", Self::Auto),
        ("json", Self::Json),
        ("avro", Self::Of(Kind::Avro)),
        ("protobuf", Self::Of(Kind::Protobuf)),
        ("json_schema", Self::Of(Kind::JsonSchema)),
    ];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Of(Kind::Avro) => "avro",
            Self::Of(Kind::Protobuf) => "protobuf",
            Self::Of(Kind::JsonSchema) => "json_schema",
        }
    }
}

/// How to decode the values and keys of a topic's records.
#[derive(Clone, Debug, Default)]
pub enum Reading {
    /// All are JSON.
    #[default]
    Json,
    /// Bytes with a registry header are decoded by its schema; others are JSON.
    Either,
    /// All values have a registry header with a schema of this type; keys as in [`Self::Either`].
    Framed(Kind),
    /// All values are decoded by one schema and have no header; keys are JSON.
    By(Arc<Schema>),
}

/// Bytes with their format.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encoded<'s, 'p> {
    /// Text in JSON.
    Json(&'p [u8]),
    /// A value of Avro's binary encoding.
    Avro(&'s avro::Schema, &'p [u8]),
    /// A message of Protocol Buffers.
    Protobuf(&'s Message, &'p [u8]),
}

impl Encoded<'_, '_> {
    /// Converts it to JSON text, without the registry header; `None` if the bytes cannot be decoded
    /// or are not UTF-8.
    pub(crate) fn as_json(self) -> Option<String> {
        match self {
            Self::Json(text) => std::str::from_utf8(text).ok().map(str::to_owned),
            Self::Avro(schema, bytes) => avro::to_json(bytes, schema).ok(),
            Self::Protobuf(message, bytes) => protobuf::to_json(bytes, message).ok(),
        }
    }
}

/// Why bytes cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The required header is missing.
    NotFramed,
    /// Bytes begin with a header, and no registry is configured.
    NoRegistry,
    /// The registry has no schema with this id.
    UnknownSchema(SchemaId),
    /// Why the schema with this id, or in the file, cannot be used.
    BrokenSchema(Option<SchemaId>, String),
    /// The message indexes are truncated, or refer to no message of the schema.
    NoSuchMessage(SchemaId),
}

impl Reading {
    /// The id of the schema required to decode these bytes; `is_key` for a record's key.
    #[must_use]
    pub fn schema_id(&self, bytes: &[u8], is_key: bool) -> Option<SchemaId> {
        match self {
            Self::Json | Self::By(_) => None,
            // JSON after a header is decoded without its schema.
            Self::Framed(Kind::JsonSchema) if !is_key => None,
            Self::Either | Self::Framed(_) => Some(framing::split(bytes)?.0),
        }
    }

    /// Whether it may require schemas from a registry.
    #[must_use]
    pub const fn is_by_id(&self) -> bool {
        matches!(self, Self::Either | Self::Framed(_))
    }

    /// The format of a record's value.
    pub(crate) fn value<'s, 'p>(
        &'s self,
        bytes: &'p [u8],
        schemas: &'s Schemas,
    ) -> Result<Encoded<'s, 'p>, Unreadable> {
        match self {
            Self::Json if framing::split(bytes).is_some() => Err(Unreadable::NoRegistry),
            Self::Json => Ok(Encoded::Json(bytes)),
            Self::Either => either(bytes, schemas),
            Self::Framed(Kind::JsonSchema) => match framing::split(bytes) {
                Some((_, json)) => Ok(Encoded::Json(json)),
                None => Err(Unreadable::NotFramed),
            },
            Self::Framed(kind) => {
                let (id, rest) = framing::split(bytes).ok_or(Unreadable::NotFramed)?;
                let schema = schema(id, schemas)?;
                if schema.kind() != *kind {
                    let text = format!(
                        "it is {}, but mapping.format is {}",
                        schema.kind().name(),
                        kind.name()
                    );
                    return Err(Unreadable::BrokenSchema(Some(id), text));
                }
                after_header(id, schema, rest)
            }
            Self::By(schema) => match &**schema {
                Schema::Avro(schema) => Ok(Encoded::Avro(schema, bytes)),
                Schema::Protobuf(schema) => match schema.message() {
                    Some(message) => Ok(Encoded::Protobuf(message, bytes)),
                    None => {
                        Err(Unreadable::BrokenSchema(None, "it contains no message".to_owned()))
                    }
                },
                Schema::Json => Ok(Encoded::Json(bytes)),
            },
        }
    }

    /// The format of a record's key.
    pub(crate) fn key<'s, 'p>(
        &'s self,
        bytes: &'p [u8],
        schemas: &'s Schemas,
    ) -> Result<Encoded<'s, 'p>, Unreadable> {
        match self {
            Self::Json | Self::By(_) => Ok(Encoded::Json(bytes)),
            Self::Either | Self::Framed(_) => either(bytes, schemas),
        }
    }
}

fn either<'s, 'p>(bytes: &'p [u8], schemas: &'s Schemas) -> Result<Encoded<'s, 'p>, Unreadable> {
    match framing::split(bytes) {
        Some((id, rest)) => after_header(id, schema(id, schemas)?, rest),
        None => Ok(Encoded::Json(bytes)),
    }
}

fn schema(id: SchemaId, schemas: &Schemas) -> Result<&Schema, Unreadable> {
    schemas.get(id).map(|schema| &**schema).map_err(|none| match none {
        NoSchema::Unknown => Unreadable::UnknownSchema(id),
        NoSchema::Broken(why) => Unreadable::BrokenSchema(Some(id), why),
    })
}

fn after_header<'s, 'p>(
    id: SchemaId,
    schema: &'s Schema,
    rest: &'p [u8],
) -> Result<Encoded<'s, 'p>, Unreadable> {
    match schema {
        Schema::Avro(schema) => Ok(Encoded::Avro(schema, rest)),
        Schema::Json => Ok(Encoded::Json(rest)),
        Schema::Protobuf(schema) => {
            let (indexes, rest) =
                framing::message_indexes(rest).ok_or(Unreadable::NoSuchMessage(id))?;
            let message = schema.message_at(&indexes).ok_or(Unreadable::NoSuchMessage(id))?;
            Ok(Encoded::Protobuf(message, rest))
        }
    }
}

//! How a topic's records are read.

use std::sync::Arc;

use super::{
    Kind, NoSchema, Schema, SchemaId, Schemas, avro, framing,
    protobuf::{self, Message},
};

/// What `mapping.format` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Where a registry is configured, records that begin with its header are read by their schemas;
    /// all others are JSON.
    #[default]
    Auto,
    /// All are JSON.
    Json,
    /// All are of that kind: behind a header, or by the schema of a file.
    Of(Kind),
}

impl Format {
    /// All of them, by their names in the configuration.
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

/// How the bytes of a topic's records, values and keys, are read.
#[derive(Clone, Debug, Default)]
pub enum Reading {
    /// All are JSON.
    #[default]
    Json,
    /// What begins with a registry's header is read by its schema, the rest is JSON.
    Either,
    /// All values begin with a registry's header, whose schema is of that kind; keys as in
    /// [`Self::Either`].
    Framed(Kind),
    /// All values are read by one schema and have no header; keys are JSON.
    By(Arc<Schema>),
}

/// What bytes are to be read as.
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
    /// The same as JSON text, without the registry's header; `None` where the bytes cannot be read, or
    /// are not UTF-8.
    pub(crate) fn as_json(self) -> Option<String> {
        match self {
            Self::Json(text) => std::str::from_utf8(text).ok().map(str::to_owned),
            Self::Avro(schema, bytes) => avro::to_json(bytes, schema).ok(),
            Self::Protobuf(message, bytes) => protobuf::to_json(bytes, message).ok(),
        }
    }
}

/// Why bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// There is no header where one has to be.
    NotFramed,
    /// Bytes begin with a header, and no registry is configured.
    NoRegistry,
    /// The registry has no schema of this id.
    UnknownSchema(SchemaId),
    /// The schema of this id, or of the file, does not serve: why.
    BrokenSchema(Option<SchemaId>, String),
    /// The header of Protocol Buffers breaks off, or names no message of its schema.
    NoSuchMessage(SchemaId),
}

impl Reading {
    /// The id of the schema without which these bytes cannot be read; `is_key` for a record's key.
    #[must_use]
    pub fn schema_id(&self, bytes: &[u8], is_key: bool) -> Option<SchemaId> {
        match self {
            Self::Json | Self::By(_) => None,
            // JSON behind a header is read without its schema.
            Self::Framed(Kind::JsonSchema) if !is_key => None,
            Self::Either | Self::Framed(_) => Some(framing::split(bytes)?.0),
        }
    }

    /// Whether it may need schemas of a registry.
    #[must_use]
    pub const fn is_by_id(&self) -> bool {
        matches!(self, Self::Either | Self::Framed(_))
    }

    /// What a record's value is to be read as.
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
                        "it is {}, and mapping.format says {}",
                        schema.kind().name(),
                        kind.name()
                    );
                    return Err(Unreadable::BrokenSchema(Some(id), text));
                }
                behind_header(id, schema, rest)
            }
            Self::By(schema) => match &**schema {
                Schema::Avro(schema) => Ok(Encoded::Avro(schema, bytes)),
                Schema::Protobuf(schema) => match schema.message() {
                    Some(message) => Ok(Encoded::Protobuf(message, bytes)),
                    None => {
                        Err(Unreadable::BrokenSchema(None, "it has no message at all".to_owned()))
                    }
                },
                Schema::Json => Ok(Encoded::Json(bytes)),
            },
        }
    }

    /// What a record's key is to be read as.
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
        Some((id, rest)) => behind_header(id, schema(id, schemas)?, rest),
        None => Ok(Encoded::Json(bytes)),
    }
}

fn schema(id: SchemaId, schemas: &Schemas) -> Result<&Schema, Unreadable> {
    schemas.get(id).map(|schema| &**schema).map_err(|none| match none {
        NoSchema::Unknown => Unreadable::UnknownSchema(id),
        NoSchema::Broken(why) => Unreadable::BrokenSchema(Some(id), why),
    })
}

fn behind_header<'s, 'p>(
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

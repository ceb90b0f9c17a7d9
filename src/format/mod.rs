//! The formats of records, and their schemas.
//!
//! [`Reading`] is the format of a topic's records, [`framing`] parses a schema registry's header,
//! and [`avro`] and [`protobuf`] compile schemas for the decoders. Pure: no I/O, no clock.
//! [`crate::registry`] fetches schemas, and [`crate::order`] decodes orders.

#![allow(rustdoc::private_intra_doc_links, reason = "the overview links to private modules")]

pub(crate) mod avro;
pub(crate) mod decimal;
mod framing;
pub(crate) mod protobuf;
mod reading;
mod schemas;

use std::fmt;

pub use framing::SchemaId;
pub use reading::{Format, Reading};
pub use schemas::{NoSchema, Schemas};

pub(crate) use framing::header;
pub(crate) use reading::{Encoded, Unreadable};

/// The type of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Apache Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// JSON Schema: the record is JSON after its header.
    JsonSchema,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Avro, Self::Protobuf, Self::JsonSchema];

    /// Its name in the registry's API (`schemaType`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::JsonSchema => "JSON",
        }
    }
}

/// The source of a schema, with all schemas that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The type of the schema.
    pub kind: Kind,
    /// The schema itself.
    pub text: String,
    /// The schemas that it refers to, in dependency order.
    pub imports: Vec<Import>,
}

/// A schema that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The name used in references: of a type in Avro, of a file in Protocol Buffers.
    pub name: String,
    /// The schema itself.
    pub text: String,
}

/// A compiled schema.
#[derive(Clone, Debug)]
pub enum Schema {
    /// Apache Avro.
    Avro(avro::Schema),
    /// Protocol Buffers.
    Protobuf(protobuf::Schema),
    /// JSON Schema, which is not needed to decode a record.
    Json,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// It is invalid, or refers to missing schemas.
    pub fn compile(source: &Source) -> Result<Self, SchemaError> {
        match source.kind {
            Kind::Avro => avro::Schema::compile(&source.text, &source.imports).map(Self::Avro),
            Kind::Protobuf => {
                protobuf::Schema::compile(&source.text, &source.imports).map(Self::Protobuf)
            }
            Kind::JsonSchema => Ok(Self::Json),
        }
    }

    /// The type of the schema.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Avro(_) => Kind::Avro,
            Self::Protobuf(_) => Kind::Protobuf,
            Self::Json => Kind::JsonSchema,
        }
    }
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(pub String);

impl SchemaError {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

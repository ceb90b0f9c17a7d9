//! The formats in which a record's bytes can be written, and the schemas that say what they hold.
//!
//! [`Reading`] says how a topic's records are read, [`framing`] takes a schema registry's header off,
//! [`avro`] and [`protobuf`] compile schemas into what a decoder can follow. Pure: no I/O, no clock;
//! where schemas come from is [`crate::registry`]'s affair. What a record holds for an order is
//! [`crate::order`]'s.

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the map leads readers of the code through all of its files"
)]

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

/// The kind of a schema, as registries name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Apache Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// JSON Schema: the record is JSON behind its header.
    JsonSchema,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Avro, Self::Protobuf, Self::JsonSchema];

    /// As the registry's API names it (`schemaType`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::JsonSchema => "JSON",
        }
    }
}

/// A schema as it was written, with all that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is written in.
    pub kind: Kind,
    /// The schema itself.
    pub text: String,
    /// Other schemas that it refers to, each behind those that it refers to itself.
    pub imports: Vec<Import>,
}

/// A schema that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The name by which it is referred to: a type's of Avro, a file's of Protocol Buffers.
    pub name: String,
    /// The schema itself.
    pub text: String,
}

/// A schema, compiled.
#[derive(Clone, Debug)]
pub enum Schema {
    /// Apache Avro.
    Avro(avro::Schema),
    /// Protocol Buffers.
    Protobuf(protobuf::Schema),
    /// JSON Schema, which says nothing that is needed to read a record.
    Json,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// It breaks the rules of its kind, or refers to what is not there.
    pub fn compile(source: &Source) -> Result<Self, SchemaError> {
        match source.kind {
            Kind::Avro => avro::Schema::compile(&source.text, &source.imports).map(Self::Avro),
            Kind::Protobuf => {
                protobuf::Schema::compile(&source.text, &source.imports).map(Self::Protobuf)
            }
            Kind::JsonSchema => Ok(Self::Json),
        }
    }

    /// What it is written in.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Avro(_) => Kind::Avro,
            Self::Protobuf(_) => Kind::Protobuf,
            Self::Json => Kind::JsonSchema,
        }
    }
}

/// Why a schema does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(pub String);

impl SchemaError {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

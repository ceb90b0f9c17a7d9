//! Apache Avro (specification 1.12): schemas, and values in its binary encoding.
//!
//! [`compile`] builds a graph of [`Type`]s from a schema's text; [`Input`] reads and skips values;
//! [`Leaf`] is a scalar value. [`to_json`] and [`from_json`] serve the command line;
//! [`crate::order`] decodes orders directly.
//!
//! - ***Invariant:** a value is nested at most [`DEPTH_LIMIT`] levels deep, whether it is read or
//!   skipped.
//! - ***Invariant:** time and memory are linear in the number of bytes: lengths and counts are not
//!   trusted, and values without bytes are limited.

mod compile;
mod from_json;
mod input;
mod leaf;
mod to_json;

#[cfg(test)]
mod tests;

pub(crate) use from_json::from_json;
pub(crate) use input::{Fault, Input};
pub(crate) use leaf::{Leaf, time_of_day, uuid};
pub(crate) use to_json::to_json;

use super::{Import, SchemaError};

/// The maximum nesting depth of arrays, maps and records, as for JSON.
pub(crate) const DEPTH_LIMIT: usize = 128;

/// A compiled schema.
#[derive(Clone, Debug)]
pub struct Schema {
    types: Vec<Type>,
    root: TypeId,
}

/// The index of a type in its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypeId(usize);

/// The type of a value.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    /// A text, or a UUID given as text.
    Text,
    Fixed(Named, usize),
    Enum(Named, Vec<Box<str>>),
    Array(TypeId),
    Map(TypeId),
    Union(Vec<TypeId>),
    Record(Record),
    Decimal(Decimal),
    /// A decimal that includes its scale.
    BigDecimal,
    /// A UUID of 16 bytes.
    Uuid(Named),
    Date,
    /// A time of day; an `int` in milliseconds, otherwise a `long`.
    Time(Unit),
    /// A point in time.
    Timestamp(Unit),
    /// A local time.
    LocalTimestamp(Unit),
    /// Months, days and milliseconds, 4 bytes each.
    Duration(Named),
}

/// The full name of a type.
pub(crate) type Named = Box<str>;

/// A record's fields, in the order of their values.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) name: Named,
    pub(crate) fields: Vec<Field>,
}

/// A record's field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    pub(crate) aliases: Vec<Box<str>>,
    pub(crate) of: TypeId,
    /// The default, in Avro's JSON encoding.
    default: Option<Box<str>>,
}

/// A decimal: a big-endian two's complement integer × 10^-`scale`.
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    /// The name and size in bytes, if it is a `fixed`.
    fixed: Option<(Named, usize)>,
    precision: usize,
    scale: usize,
}

/// The unit of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Schema {
    /// Compiles a schema and the named types that it refers to.
    ///
    /// # Errors
    /// The text is not a schema, or refers to undefined types.
    pub fn compile(text: &str, imports: &[Import]) -> Result<Self, SchemaError> {
        compile::compile(text, imports)
    }

    /// The type of values of the schema.
    pub(crate) const fn root(&self) -> TypeId {
        self.root
    }

    /// The type with this index.
    pub(crate) fn of(&self, TypeId(at): TypeId) -> &Type {
        // All ids are created by `compile` and valid.
        self.types.get(at).unwrap_or(&Type::Null)
    }
}

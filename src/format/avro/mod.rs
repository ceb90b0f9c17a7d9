//! Apache Avro (specification 1.12): schemas, and values of its binary encoding.
//!
//! [`compile`] makes a graph of [`Type`]s of a schema's text; [`Input`] reads and skips values of it,
//! [`Leaf`] is what a value without parts says. [`to_json`] and [`from_json`] are for people; orders
//! are decoded by [`crate::order`] directly.
//!
//! - **Invariant:** a value nests at most [`DEPTH_LIMIT`] deep, whether it is read or skipped.
//! - **Invariant:** time and memory are linear in the bytes: no length or count is believed, and values
//!   that take no bytes are counted.

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

/// How deep arrays, maps and records may nest, as lists and objects may in JSON.
pub(crate) const DEPTH_LIMIT: usize = 128;

/// A schema, compiled.
#[derive(Clone, Debug)]
pub struct Schema {
    types: Vec<Type>,
    root: TypeId,
}

/// The place of a type in its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypeId(usize);

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    /// Also a UUID that is text.
    Text,
    Fixed(Named, usize),
    Enum(Named, Vec<Box<str>>),
    Array(TypeId),
    Map(TypeId),
    Union(Vec<TypeId>),
    Record(Record),
    Decimal(Decimal),
    /// A decimal with its scale beside it.
    BigDecimal,
    /// A UUID of 16 bytes.
    Uuid(Named),
    Date,
    /// A time of day; an `int` in milliseconds, else a `long`.
    Time(Unit),
    /// A moment.
    Timestamp(Unit),
    /// A time on a wall clock.
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
    /// What it is where it is absent, in Avro's JSON encoding.
    default: Option<Box<str>>,
}

/// A decimal: an integer in two's complement, big-endian, to be divided by 10^`scale`.
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    /// The name and how many bytes it has, where it is a `fixed`.
    fixed: Option<(Named, usize)>,
    precision: usize,
    scale: usize,
}

/// In what a time is counted.
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
    /// The text is no schema, or refers to what is not there.
    pub fn compile(text: &str, imports: &[Import]) -> Result<Self, SchemaError> {
        compile::compile(text, imports)
    }

    /// The type of a whole value.
    pub(crate) const fn root(&self) -> TypeId {
        self.root
    }

    /// The type of that place; a union's branch stands for itself.
    pub(crate) fn of(&self, TypeId(at): TypeId) -> &Type {
        // All ids are made by `compile`, of places that are there.
        self.types.get(at).unwrap_or(&Type::Null)
    }
}

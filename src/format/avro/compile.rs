//! Compiles a schema's text into types: apache-avro parses and validates it, and names are resolved
//! here.

mod amend;

use std::collections::HashMap;

use apache_avro::schema::{self as parsed, InnerDecimalSchema, Name, RecordSchema, UuidSchema};
use serde_json::{Value, json};

use super::{Decimal, Field, Record, Schema, Type, TypeId, Unit};
use crate::format::{Import, SchemaError};

/// The record that contains all schemas for the parser, in dependency order.
const ALL: &str = "__vendas_all";

pub(super) fn compile(text: &str, imports: &[Import]) -> Result<Schema, SchemaError> {
    let mut amend = amend::Amend::default();
    let mut fields = Vec::new();
    let texts = imports.iter().map(|import| (Some(&*import.name), &*import.text));
    for (at, (name, text)) in texts.chain([(None, text)]).enumerate() {
        let mut schema: Value = serde_json::from_str(text).map_err(|error| match name {
            Some(name) => SchemaError::new(format!("the schema of {name} is not JSON: {error}")),
            None => SchemaError::new(format!("the schema is not JSON: {error}")),
        })?;
        amend.schema(&mut schema, "");
        fields.push(json!({ "name": format!("schema_{at}"), "type": schema }));
    }
    let all = json!({ "type": "record", "name": ALL, "fields": fields });
    let all = parsed::Schema::parse(&all).map_err(SchemaError::new)?;
    let parsed::Schema::Record(all) = &all else {
        return Err(SchemaError::new("the schema is empty"));
    };
    let mut compiler = Compiler::default();
    for field in &all.fields {
        compiler.define(&field.schema)?;
    }
    compiler.aliases();
    let whole = all.fields.last().map(|field| &field.schema);
    let root = compiler.of(whole.unwrap_or(&parsed::Schema::Null))?;
    while let Some((TypeId(at), schema)) = compiler.pending.pop() {
        let built = compiler.build(schema)?;
        if let Some(place) = compiler.types.get_mut(at) {
            *place = built;
        }
    }
    Ok(Schema { types: compiler.types, root })
}

#[derive(Default)]
struct Compiler<'s> {
    definitions: HashMap<Name, &'s parsed::Schema>,
    /// Named types that already have a place.
    placed: HashMap<Name, TypeId>,
    types: Vec<Type>,
    /// Named types that have a place but are not built yet.
    pending: Vec<(TypeId, &'s parsed::Schema)>,
}

impl<'s> Compiler<'s> {
    /// Records the named types within a schema.
    fn define(&mut self, schema: &'s parsed::Schema) -> Result<(), SchemaError> {
        if let Some(name) = name(schema)
            && self.definitions.insert(name.clone(), schema).is_some()
        {
            return Err(SchemaError::new(format!("{} is defined twice", name.fullname(None))));
        }
        match schema {
            parsed::Schema::Record(record) => {
                record.fields.iter().try_for_each(|field| self.define(&field.schema))
            }
            parsed::Schema::Array(array) => self.define(&array.items),
            parsed::Schema::Map(map) => self.define(&map.types),
            parsed::Schema::Union(union) => {
                union.variants().iter().try_for_each(|variant| self.define(variant))
            }
            _ => Ok(()),
        }
    }

    /// Adds the aliases of types, unless another type has that name.
    fn aliases(&mut self) {
        for schema in self.definitions.values().copied().collect::<Vec<_>>() {
            let Some(name) = name(schema) else { continue };
            for alias in schema.aliases().into_iter().flatten() {
                let alias = alias.fully_qualified_name(name.namespace()).into_owned();
                self.definitions.entry(alias).or_insert(schema);
            }
        }
    }

    fn place(&mut self, built: Type) -> TypeId {
        self.types.push(built);
        TypeId(self.types.len() - 1)
    }

    /// The place of a schema's type, created if necessary.
    fn of(&mut self, schema: &'s parsed::Schema) -> Result<TypeId, SchemaError> {
        let wanted = match schema {
            parsed::Schema::Ref { name } => Some(name),
            schema => name(schema),
        };
        let Some(wanted) = wanted else {
            let built = self.build(schema)?;
            return Ok(self.place(built));
        };
        let Some(definition) = self.definitions.get(wanted).copied() else {
            return Err(SchemaError::new(format!("{} is not defined", wanted.fullname(None))));
        };
        let defined = name(definition).unwrap_or(wanted);
        if let Some(placed) = self.placed.get(defined) {
            return Ok(*placed);
        }
        let placed = self.place(Type::Null);
        self.placed.insert(defined.clone(), placed);
        self.pending.push((placed, definition));
        Ok(placed)
    }

    fn build(&mut self, schema: &'s parsed::Schema) -> Result<Type, SchemaError> {
        use parsed::Schema as S;
        Ok(match schema {
            // References have their own place and are not built.
            S::Null | S::Ref { .. } => Type::Null,
            S::Boolean => Type::Boolean,
            S::Int => Type::Int,
            S::Long => Type::Long,
            S::Float => Type::Float,
            S::Double => Type::Double,
            S::String | S::Uuid(UuidSchema::String) => Type::Text,
            S::Bytes | S::Uuid(UuidSchema::Bytes) => Type::Bytes,
            S::Array(array) => Type::Array(self.of(&array.items)?),
            S::Map(map) => Type::Map(self.of(&map.types)?),
            S::Union(union) => {
                let branches = union.variants().iter().map(|variant| self.of(variant));
                Type::Union(branches.collect::<Result<_, _>>()?)
            }
            S::Record(record) => self.record(record)?,
            S::Enum(one) => {
                let symbols = one.symbols.iter().map(|symbol| symbol.as_str().into());
                Type::Enum(full(&one.name), symbols.collect())
            }
            S::Fixed(fixed) => Type::Fixed(full(&fixed.name), fixed.size),
            S::Decimal(decimal) => {
                let (precision, scale) = (decimal.precision, decimal.scale);
                match &decimal.inner {
                    InnerDecimalSchema::Bytes => {
                        Type::Decimal(Decimal { fixed: None, precision, scale })
                    }
                    InnerDecimalSchema::Fixed(fixed) if precision > max_digits(fixed.size) => {
                        Type::Fixed(full(&fixed.name), fixed.size)
                    }
                    InnerDecimalSchema::Fixed(fixed) => {
                        let fixed = Some((full(&fixed.name), fixed.size));
                        Type::Decimal(Decimal { fixed, precision, scale })
                    }
                }
            }
            S::BigDecimal => Type::BigDecimal,
            S::Uuid(UuidSchema::Fixed(fixed)) => Type::Uuid(full(&fixed.name)),
            S::Date => Type::Date,
            S::TimeMillis => Type::Time(Unit::Millis),
            S::TimeMicros => Type::Time(Unit::Micros),
            S::TimestampMillis => Type::Timestamp(Unit::Millis),
            S::TimestampMicros => Type::Timestamp(Unit::Micros),
            S::TimestampNanos => Type::Timestamp(Unit::Nanos),
            S::LocalTimestampMillis => Type::LocalTimestamp(Unit::Millis),
            S::LocalTimestampMicros => Type::LocalTimestamp(Unit::Micros),
            S::LocalTimestampNanos => Type::LocalTimestamp(Unit::Nanos),
            S::Duration(fixed) => Type::Duration(full(&fixed.name)),
        })
    }

    fn record(&mut self, record: &'s RecordSchema) -> Result<Type, SchemaError> {
        let mut fields = Vec::new();
        for field in &record.fields {
            let default = field.custom_attributes.get(amend::DEFAULT);
            fields.push(Field {
                name: field.name.as_str().into(),
                aliases: field.aliases.iter().map(|alias| alias.as_str().into()).collect(),
                of: self.of(&field.schema)?,
                default: default.map(|default| default.to_string().into()),
            });
        }
        Ok(Type::Record(Record { name: full(&record.name), fields }))
    }
}

/// The name that a schema defines.
fn name(schema: &parsed::Schema) -> Option<&Name> {
    match schema {
        parsed::Schema::Ref { .. } => None,
        schema => schema.name(),
    }
}

fn full(name: &Name) -> Box<str> {
    name.fullname(None).into()
}

/// The number of decimal digits that an integer of this many bytes can always hold (specification,
/// "Decimal"): the integer part of log10(2^(8n - 1) - 1).
const fn max_digits(size: usize) -> usize {
    // log10(2) to 15 digits, which is exact for sizes up to 10^13.
    match size.saturating_mul(8).checked_sub(1) {
        Some(bits) => bits.saturating_mul(301_029_995) / 1_000_000_000,
        None => 0,
    }
}

//! Values for roles: scalars, money in two numbers, and dates in lists.

use bumpalo::Bump;

use super::Walk;
use crate::{
    format::{
        avro::{Fault, Input, Leaf, Type, TypeId, time_of_day, uuid},
        decimal,
    },
    order::{
        decode::Found,
        value::{NumberList, Value},
    },
};

/// Stands for a value that is not a number.
const NO_DIGITS: &str = "";

impl<'p> Walk<'_, '_, 'p> {
    /// The value for a role.
    pub(super) fn whole(&mut self, of: TypeId, depth: usize) -> Result<Found<'p>, Fault> {
        if let Some(leaf) = self.input.leaf(self.schema, of)? {
            return Ok(found(leaf, self.arena));
        }
        let before = self.input;
        self.input.skip(self.schema, of, depth)?;
        let after = self.input;
        let value = match self.schema.of(of) {
            Type::Array(elements) => self.numbers(before, *elements)?,
            object => self.units(before, object, depth)?,
        };
        self.input = after;
        Ok(Found::Value(self.arena.alloc(value.unwrap_or(Value::Other))))
    }

    /// Money like google.type.Money: `units`, `nanos` or both are numbers, or texts with numbers.
    fn units(
        &mut self,
        at: Input<'p>,
        of: &'p Type,
        depth: usize,
    ) -> Result<Option<Value<'p>>, Fault> {
        self.input = at;
        let mut parts = Parts::default();
        match of {
            Type::Record(record) if !record.fields.iter().any(|field| is_part(&field.name)) => {}
            Type::Record(record) => {
                for field in &record.fields {
                    self.part(&field.name, field.of, &mut parts, depth)?;
                }
            }
            Type::Map(values) => {
                while let Some(block) = self.input.block()? {
                    for _ in 0..block.count {
                        let key = self.input.text()?;
                        self.part(key, *values, &mut parts, depth)?;
                    }
                }
            }
            _ => {}
        }
        let Parts { units, nanos } = parts;
        let is_money = units.is_some() || nanos.is_some();
        Ok(is_money.then_some(Value::Units { units, nanos }))
    }

    fn part(
        &mut self,
        name: &str,
        of: TypeId,
        parts: &mut Parts<'p>,
        depth: usize,
    ) -> Result<(), Fault> {
        let of = self.input.branch(self.schema, of)?;
        let leaf = if is_part(name) { self.input.leaf(self.schema, of)? } else { None };
        let digits = match leaf.map(|leaf| found(leaf, self.arena)) {
            Some(Found::Nothing) => return Ok(()),
            Some(Found::Json(digits) | Found::Exact(digits) | Found::Text(digits)) => digits,
            // A part that is not a number makes the money invalid, and must not be ignored.
            Some(Found::Value(_)) => NO_DIGITS,
            None => {
                self.input.skip(self.schema, of, depth)?;
                NO_DIGITS
            }
        };
        match name {
            "units" => parts.units = Some(digits),
            "nanos" => parts.nanos = Some(digits),
            _ => {}
        }
        Ok(())
    }

    /// A date in Java's list form: `[2026, 11, 22, 10, 11]`.
    fn numbers(&mut self, at: Input<'p>, elements: TypeId) -> Result<Option<Value<'p>>, Fault> {
        if !matches!(self.schema.of(elements), Type::Int | Type::Long) {
            return Ok(None);
        }
        self.input = at;
        let mut list = NumberList { numbers: [0; 7], count: 0 };
        while let Some(block) = self.input.block()? {
            for _ in 0..block.count {
                let number = i32::try_from(self.input.long()?);
                let place = list.numbers.get_mut(usize::from(list.count));
                let (Ok(number), Some(place)) = (number, place) else { return Ok(None) };
                *place = number;
                list.count += 1;
            }
        }
        Ok((list.count >= 3).then_some(Value::Numbers(list)))
    }

    /// The text, or an empty one for other values; `None` for `null`, false, 0 and empty values.
    /// Skips the value.
    pub(super) fn suspect_text(
        &mut self,
        of: TypeId,
        depth: usize,
    ) -> Result<Option<&'p str>, Fault> {
        const OTHER: &str = "";
        if let Some(leaf) = self.input.leaf(self.schema, of)? {
            let has_content = match leaf {
                Leaf::Text(text) => return Ok(Some(text).filter(|text| !text.is_empty())),
                Leaf::Null | Leaf::Flag(false) | Leaf::Whole(0) => false,
                Leaf::Float(number) => number != 0.0,
                Leaf::Double(number) => number != 0.0,
                Leaf::Bytes(bytes) => !bytes.is_empty(),
                Leaf::Decimal { unscaled, .. } => unscaled.iter().any(|byte| *byte != 0),
                _ => true,
            };
            return Ok(has_content.then_some(OTHER));
        }
        let before = self.input;
        self.input.skip(self.schema, of, depth)?;
        let after = self.input;
        self.input = before;
        let has_content = match self.schema.of(of) {
            Type::Record(record) => !record.fields.is_empty(),
            Type::Array(_) | Type::Map(_) => self.input.block()?.is_some(),
            _ => true,
        };
        self.input = after;
        Ok(has_content.then_some(OTHER))
    }
}

/// The parts of money found so far.
#[derive(Default)]
struct Parts<'p> {
    units: Option<&'p str>,
    nanos: Option<&'p str>,
}

fn is_part(name: &str) -> bool {
    matches!(name, "units" | "nanos")
}

/// A scalar value in the form that the rules take.
pub(super) fn found<'p>(leaf: Leaf<'p>, arena: &'p Bump) -> Found<'p> {
    let value = match leaf {
        Leaf::Null => return Found::Nothing,
        Leaf::Flag(flag) => return Found::Json(if flag { "true" } else { "false" }),
        Leaf::Text(text) => return Found::Text(text),
        Leaf::Whole(number) => {
            return Found::Json(arena.alloc_str(itoa::Buffer::new().format(number)));
        }
        Leaf::Float(number) if number.is_finite() => {
            return Found::Json(arena.alloc_str(zmij::Buffer::new().format_finite(number)));
        }
        Leaf::Double(number) if number.is_finite() => {
            return Found::Json(arena.alloc_str(zmij::Buffer::new().format_finite(number)));
        }
        Leaf::Decimal { unscaled, scale } => match decimal::literal(unscaled, scale, arena) {
            Some(literal) => return Found::Exact(literal),
            None => Value::Other,
        },
        Leaf::Time(time) => return Found::Text(arena.alloc_str(&time_of_day(time))),
        Leaf::Uuid(bytes) => return Found::Text(arena.alloc_str(&uuid(bytes))),
        Leaf::Moment(moment) => Value::Moment(moment),
        Leaf::Clock(clock) => Value::Clock(clock),
        Leaf::Day(day) => Value::Day(day),
        Leaf::Float(_) | Leaf::Double(_) | Leaf::Bytes(_) | Leaf::Duration(_) | Leaf::Beyond(_) => {
            Value::Other
        }
    };
    Found::Value(arena.alloc(value))
}

//! Converts values to JSON for display.

use bumpalo::Bump;

use super::{Fault, Input, Leaf, Schema, Type, TypeId, time_of_day, uuid};
use crate::format::decimal;

/// The maximum size of the text: names come from the schema, and values without bytes produce text.
const TEXT_LIMIT: usize = 64 << 20;

/// Converts a value to JSON text. Unions become the value of their branch, decimals exact numbers,
/// times and enums text, and bytes text if they are UTF-8, otherwise hexadecimal.
///
/// # Errors
/// The bytes are not a value of the schema.
pub(crate) fn to_json(bytes: &[u8], schema: &Schema) -> Result<String, Fault> {
    let mut writer = Writer { input: Input::new(bytes), schema, text: String::new() };
    writer.value(schema.root(), 0)?;
    writer.input.end()?;
    Ok(writer.text)
}

struct Writer<'p> {
    input: Input<'p>,
    schema: &'p Schema,
    text: String,
}

impl<'p> Writer<'p> {
    fn value(&mut self, of: TypeId, depth: usize) -> Result<(), Fault> {
        if self.text.len() > TEXT_LIMIT {
            return Err(self.input.fault("the text of the value must be shorter than 64 MiB"));
        }
        let schema = self.schema;
        let of = self.input.branch(schema, of)?;
        if let Some(leaf) = self.input.leaf(schema, of)? {
            self.leaf(leaf);
            return Ok(());
        }
        let depth = self.input.deeper(depth)?;
        match schema.of(of) {
            Type::Record(record) => {
                self.input.empty()?;
                self.text.push('{');
                for field in &record.fields {
                    self.comma('{');
                    self.quoted(&field.name);
                    self.text.push(':');
                    self.value(field.of, depth)?;
                }
                self.text.push('}');
            }
            Type::Array(of) => {
                self.text.push('[');
                while let Some(block) = self.input.block()? {
                    for _ in 0..block.count {
                        self.comma('[');
                        self.value(*of, depth)?;
                    }
                }
                self.text.push(']');
            }
            Type::Map(of) => {
                self.text.push('{');
                while let Some(block) = self.input.block()? {
                    for _ in 0..block.count {
                        self.comma('{');
                        let key = self.input.text()?;
                        self.quoted(key);
                        self.text.push(':');
                        self.value(*of, depth)?;
                    }
                }
                self.text.push('}');
            }
            // All others are scalars; unions are not nested.
            _ => self.text.push_str("null"),
        }
        Ok(())
    }

    fn leaf(&mut self, leaf: Leaf<'p>) {
        match leaf {
            Leaf::Null => self.text.push_str("null"),
            Leaf::Flag(flag) => self.text.push_str(if flag { "true" } else { "false" }),
            Leaf::Whole(number) | Leaf::Beyond(number) => {
                self.text.push_str(itoa::Buffer::new().format(number));
            }
            Leaf::Float(number) if number.is_finite() => {
                self.text.push_str(zmij::Buffer::new().format_finite(number));
            }
            Leaf::Double(number) if number.is_finite() => {
                self.text.push_str(zmij::Buffer::new().format_finite(number));
            }
            Leaf::Float(_) | Leaf::Double(_) => self.text.push_str("null"),
            Leaf::Text(text) => self.quoted(text),
            Leaf::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.quoted(text),
                Err(_) => self.hexadecimal(bytes),
            },
            Leaf::Decimal { unscaled, scale } => {
                let arena = Bump::new();
                match decimal::literal(unscaled, scale, &arena) {
                    Some(literal) => self.text.push_str(literal),
                    None => self.hexadecimal(unscaled),
                }
            }
            Leaf::Moment(moment) => self.quoted(&moment.to_string()),
            Leaf::Clock(clock) => self.quoted(&clock.to_string()),
            Leaf::Day(day) => self.quoted(&day.to_string()),
            Leaf::Time(time) => self.quoted(&time_of_day(time)),
            Leaf::Uuid(bytes) => self.quoted(&uuid(bytes)),
            Leaf::Duration([months, days, milliseconds]) => self.text.push_str(&format!(
                r#"{{"months":{months},"days":{days},"milliseconds":{milliseconds}}}"#
            )),
        }
    }

    /// Writes a comma, except before the first element.
    fn comma(&mut self, bracket: char) {
        if !self.text.ends_with(bracket) {
            self.text.push(',');
        }
    }

    fn quoted(&mut self, text: &str) {
        self.text.push_str(&serde_json::Value::from(text).to_string());
    }

    fn hexadecimal(&mut self, bytes: &[u8]) {
        self.text.push('"');
        for byte in bytes {
            self.text.push_str(&format!("{byte:02x}"));
        }
        self.text.push('"');
    }
}

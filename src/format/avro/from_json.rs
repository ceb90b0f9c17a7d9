//! Encodes JSON as a value of a schema.

mod decimals;
mod exact;
mod json;
mod times;
mod union;

use jiff::{Timestamp, civil::DateTime, tz::Offset};
use serde_json::value::RawValue;

use super::{DEPTH_LIMIT, Field, Record, Schema, Type, TypeId};
use json::Json;

/// The maximum number of values encoded, including attempts for a union's branches.
const STEPS_LIMIT: usize = 4_000_000;

/// Encodes the JSON value in `text`.
///
/// Fields are found by their names or else by their aliases; an absent field gets the schema's
/// default. A union's branch is the first one that the value fits, or the one named in Avro's JSON
/// encoding (`{"long": 5}`). Decimals are numbers or texts. Times are RFC 3339 texts, or whole
/// numbers in the schema's unit; a fraction below that unit is truncated.
///
/// # Errors
/// The value that does not fit the schema, and its place. Numbers are never rounded to decimals or
/// whole numbers; fields that are not in the schema are an error.
pub(crate) fn from_json(text: &str, schema: &Schema) -> Result<Vec<u8>, String> {
    let json = json::whole(text)?;
    let mut encoder = Encoder { schema, bytes: Vec::new(), steps: 0, in_default: false };
    match encoder.value(schema.root(), json, 0) {
        Ok(()) => Ok(encoder.bytes),
        Err(Misfit { place, rule }) if place.is_empty() => Err(format!("the value {rule}")),
        Err(Misfit { place, rule }) => Err(format!("{place} {rule}")),
    }
}

struct Encoder<'s> {
    schema: &'s Schema,
    bytes: Vec<u8>,
    steps: usize,
    /// Whether it encodes a schema's default, whose bytes are written as characters up to U+00FF.
    in_default: bool,
}

/// A value that does not fit.
struct Misfit {
    /// Such as `items[2].price`; empty for the whole value.
    place: String,
    /// The rule, as the rest of a sentence that starts with the place.
    rule: String,
}

impl Misfit {
    fn new(rule: impl Into<String>) -> Self {
        Self { place: String::new(), rule: rule.into() }
    }

    /// The same misfit within this part.
    fn within(self, part: String) -> Self {
        let point = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        Self { place: part + point + &self.place, ..self }
    }
}

impl<'s> Encoder<'s> {
    fn value(&mut self, of: TypeId, json: &str, depth: usize) -> Result<(), Misfit> {
        self.steps += 1;
        if self.steps > STEPS_LIMIT {
            return Err(Misfit::new("must contain fewer values"));
        }
        if depth > DEPTH_LIMIT {
            return Err(Misfit::new("must be nested at most 128 levels deep"));
        }
        let value = Json::of(json).map_err(Misfit::new)?;
        match (self.schema.of(of), value) {
            (Type::Array(of), Json::List(list)) => self.array(*of, &list, depth),
            (Type::Map(of), Json::Object(entries)) => self.map(*of, &entries, depth),
            (Type::Union(branches), value) => self.union(branches, json, &value, depth),
            (Type::Record(record), Json::Object(fields)) => self.record(record, &fields, depth),
            (leaf, value) => self.leaf(leaf, value),
        }
    }

    /// Encodes a scalar value.
    fn leaf(&mut self, of: &Type, value: Json<'_>) -> Result<(), Misfit> {
        match (of, value) {
            (Type::Null, Json::Null) => {}
            (Type::Boolean, Json::Flag(flag)) => self.bytes.push(u8::from(flag)),
            (Type::Int, Json::Number(number)) => self.int(number)?,
            (Type::Long, Json::Number(number)) => {
                let number = exact::whole(number)
                    .ok_or_else(|| Misfit::new("must be a whole number of at most 64 bits"))?;
                self.long(number);
            }
            (Type::Float, Json::Number(number)) => {
                let number = number.parse::<f32>().ok().filter(|it| it.is_finite());
                let number = number.ok_or_else(|| Misfit::new("must be within a float's range"))?;
                self.bytes.extend(number.to_le_bytes());
            }
            (Type::Double, Json::Number(number)) => {
                let number = number.parse::<f64>().ok().filter(|it| it.is_finite());
                let number =
                    number.ok_or_else(|| Misfit::new("must be within a double's range"))?;
                self.bytes.extend(number.to_le_bytes());
            }
            (Type::Text, Json::Text(text)) => self.counted(text.as_bytes()),
            (Type::Bytes, Json::Text(text)) => {
                let bytes = if self.in_default { characters(&text)? } else { text.into_bytes() };
                self.counted(&bytes);
            }
            (Type::Fixed(_, size), Json::Text(text)) => {
                let bytes = if self.in_default { characters(&text)? } else { fixed(&text, *size) };
                if bytes.len() != *size {
                    let rule = format!("must be text of {size} bytes, or as many in hexadecimal");
                    return Err(Misfit::new(rule));
                }
                self.bytes.extend(bytes);
            }
            (Type::Enum(_, symbols), Json::Text(text)) => {
                let symbol = symbols.iter().position(|symbol| **symbol == *text);
                let symbol = symbol.and_then(|symbol| i64::try_from(symbol).ok());
                let symbol = symbol
                    .ok_or_else(|| Misfit::new(format!("must be one of {}", symbols.join(", "))))?;
                self.long(symbol);
            }
            (Type::Decimal(decimal), Json::Text(text)) if self.in_default => {
                self.unscaled(decimal, &characters(&text)?)?;
            }
            (Type::Decimal(decimal), value) => {
                let unscaled = decimal.of(value.exact())?;
                self.unscaled(decimal, &unscaled.to_signed_bytes_be())?;
            }
            (Type::BigDecimal, value) => self.big_decimal(value.exact())?,
            (Type::Uuid(_), Json::Text(text)) => {
                let uuid =
                    uuid::Uuid::parse_str(&text).map_err(|_| Misfit::new("must be a UUID"))?;
                self.bytes.extend(uuid.as_bytes());
            }
            (Type::Date, value) => self.date(value)?,
            (Type::Time(unit), value) => self.time(*unit, value)?,
            (Type::Timestamp(unit), value) => {
                let moment = |text: &str| text.parse::<Timestamp>().ok();
                let rule = "must be an RFC 3339 time with an offset, or a whole number";
                self.since_1970(*unit, &value, moment, rule)?;
            }
            (Type::LocalTimestamp(unit), value) => {
                let moment =
                    |text: &str| Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
                let rule = "must be a date and time without an offset, or a whole number";
                self.since_1970(*unit, &value, moment, rule)?;
            }
            (Type::Duration(_), Json::Object(parts)) => self.duration(&parts)?,
            (of, _) => return Err(Misfit::new(format!("must be {}", of.as_json()))),
        }
        Ok(())
    }

    fn array(&mut self, of: TypeId, list: &[&RawValue], depth: usize) -> Result<(), Misfit> {
        self.length(list.len());
        for (at, element) in list.iter().enumerate() {
            let element = self.value(of, element.get(), depth + 1);
            element.map_err(|misfit| misfit.within(format!("[{at}]")))?;
        }
        self.end_of(list.len());
        Ok(())
    }

    fn map(&mut self, of: TypeId, entries: &[json::Entry<'_>], depth: usize) -> Result<(), Misfit> {
        json::no_duplicate_keys(entries).map_err(Misfit::new)?;
        self.length(entries.len());
        for (key, value) in entries {
            self.counted(key.as_bytes());
            let value = self.value(of, value.get(), depth + 1);
            value.map_err(|misfit| misfit.within(key.clone()))?;
        }
        self.end_of(entries.len());
        Ok(())
    }

    fn record(
        &mut self,
        record: &'s Record,
        values: &[json::Entry<'_>],
        depth: usize,
    ) -> Result<(), Misfit> {
        json::no_duplicate_keys(values).map_err(Misfit::new)?;
        let find = |name: &str| values.iter().position(|(key, _)| key == name);
        let mut taken = vec![false; values.len()];
        for field in &record.fields {
            let at =
                find(&field.name).or_else(|| field.aliases.iter().find_map(|alias| find(alias)));
            let encoded = match at.and_then(|at| values.get(at).zip(taken.get_mut(at))) {
                Some(((_, value), taken)) => {
                    *taken = true;
                    self.value(field.of, value.get(), depth + 1)
                }
                None => self.absent(field, depth),
            };
            encoded.map_err(|misfit| misfit.within(field.name.to_string()))?;
        }
        match values.iter().zip(taken).find(|(_, taken)| !taken) {
            None => Ok(()),
            Some(((key, _), _)) => {
                let names: Vec<_> = record.fields.iter().map(|field| &*field.name).collect();
                let rule = format!(
                    "is not a field of {} (its fields are {})",
                    record.name,
                    names.join(", ")
                );
                Err(Misfit::new(rule).within(key.clone()))
            }
        }
    }

    fn absent(&mut self, field: &'s Field, depth: usize) -> Result<(), Misfit> {
        let Some(default) = &field.default else {
            return Err(Misfit::new("is missing, and the schema has no default for it: add it"));
        };
        let before = std::mem::replace(&mut self.in_default, true);
        let encoded = self.value(field.of, default, depth + 1);
        self.in_default = before;
        encoded
    }

    fn int(&mut self, number: &str) -> Result<(), Misfit> {
        let number = exact::whole(number).filter(|it| i32::try_from(*it).is_ok());
        let number =
            number.ok_or_else(|| Misfit::new("must be a whole number of at most 32 bits"))?;
        self.long(number);
        Ok(())
    }

    fn long(&mut self, number: i64) {
        let mut bits = (number << 1 ^ number >> 63).cast_unsigned();
        while bits >= 0x80 {
            let [low, ..] = (bits & 0x7f | 0x80).to_le_bytes();
            self.bytes.push(low);
            bits >>= 7;
        }
        let [low, ..] = bits.to_le_bytes();
        self.bytes.push(low);
    }

    /// The length of data in memory always fits.
    fn length(&mut self, length: usize) {
        self.long(i64::try_from(length).unwrap_or(i64::MAX));
    }

    fn counted(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.bytes.extend(bytes);
    }

    /// Ends the only block of an array or map; an empty one has no block.
    fn end_of(&mut self, count: usize) {
        if count > 0 {
            self.bytes.push(0);
        }
    }
}

/// Bytes written as characters up to U+00FF, as in defaults (specification, "Complex Types").
fn characters(text: &str) -> Result<Vec<u8>, Misfit> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).ok())
        .collect::<Option<_>>()
        .ok_or_else(|| Misfit::new("must have no character beyond U+00FF in the schema's default"))
}

/// The bytes of a text, or the bytes that it contains in hexadecimal if these have the right size.
fn fixed(text: &str, size: usize) -> Vec<u8> {
    let nibbles: Option<Vec<_>> =
        text.chars().map(|it| it.to_digit(16).and_then(|it| u8::try_from(it).ok())).collect();
    match nibbles {
        Some(nibbles) if text.len() != size && nibbles.len() == size.saturating_mul(2) => nibbles
            .chunks_exact(2)
            .map(|two| two.iter().fold(0, |byte, it| byte << 4 | it))
            .collect(),
        _ => text.as_bytes().to_vec(),
    }
}

impl Type {
    /// The required JSON type, for messages.
    const fn as_json(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "true or false",
            Self::Int | Self::Long => "a whole number",
            Self::Float | Self::Double | Self::Decimal(_) | Self::BigDecimal => "a number",
            Self::Array(_) => "a list",
            Self::Map(_) | Self::Record(_) | Self::Duration(_) => "an object",
            Self::Bytes
            | Self::Text
            | Self::Fixed(..)
            | Self::Enum(..)
            | Self::Uuid(_)
            | Self::Date
            | Self::Time(_)
            | Self::Timestamp(_)
            | Self::LocalTimestamp(_)
            | Self::Union(_) => "text",
        }
    }
}

//! Scalar values: decodes a field's bytes by its type.

use std::{borrow::Cow, fmt, str};

use super::{
    graph::{Graph, Kind},
    wire::{Broken, Reader, Wire},
};

/// A value that is not a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'p> {
    Signed(i64),
    Unsigned(u64),
    Double(f64),
    Float(f32),
    Flag(bool),
    /// A text, or the name of an enum value.
    Text(&'p str),
    /// Bytes, or a proto2 text that is not UTF-8.
    Bytes(&'p [u8]),
}

impl<'p> Scalar<'p> {
    /// The value of a field of this type and name; `None` for messages.
    pub(crate) fn of(
        (kind, name): (Kind, &str),
        wire: Wire,
        graph: &'p Graph,
        whole: &'p [u8],
    ) -> Result<Option<Self>, Broken> {
        Ok(Some(match (kind, wire) {
            (Kind::Int32, Wire::Varint(bits)) => Self::Signed(low(bits).into()),
            (Kind::Int64, Wire::Varint(bits)) | (Kind::Sfixed64, Wire::Fixed64(bits)) => {
                Self::Signed(bits.cast_signed())
            }
            (Kind::Uint32, Wire::Varint(bits)) => Self::Unsigned(low(bits).cast_unsigned().into()),
            (Kind::Uint64, Wire::Varint(bits)) | (Kind::Fixed64, Wire::Fixed64(bits)) => {
                Self::Unsigned(bits)
            }
            (Kind::Sint32, Wire::Varint(bits)) => {
                Self::Signed(zigzag(low(bits).cast_unsigned().into()))
            }
            (Kind::Sint64, Wire::Varint(bits)) => Self::Signed(zigzag(bits)),
            (Kind::Fixed32, Wire::Fixed32(bits)) => Self::Unsigned(bits.into()),
            (Kind::Sfixed32, Wire::Fixed32(bits)) => Self::Signed(bits.cast_signed().into()),
            (Kind::Double, Wire::Fixed64(bits)) => Self::Double(f64::from_bits(bits)),
            (Kind::Float, Wire::Fixed32(bits)) => Self::Float(f32::from_bits(bits)),
            (Kind::Flag, Wire::Varint(bits)) => Self::Flag(bits != 0),
            (Kind::Enum(index), Wire::Varint(bits)) => {
                let number = low(bits);
                match graph.name(index, number) {
                    Some(name) => Self::Text(name),
                    None => Self::Signed(number.into()),
                }
            }
            (Kind::Bytes, Wire::Length(span)) => Self::Bytes(span.within(whole)),
            (Kind::Text { strict }, Wire::Length(span)) => {
                let bytes = span.within(whole);
                match str::from_utf8(bytes) {
                    Ok(text) => Self::Text(text),
                    Err(error) if strict => {
                        let rule = format!("the text {name} must be UTF-8");
                        return Err(Broken::Rule(span.start + error.valid_up_to(), rule.into()));
                    }
                    Err(_) => Self::Bytes(bytes),
                }
            }
            _ => return Ok(None),
        }))
    }

    /// The default of this type, for map entries without a value.
    pub(crate) fn default_of(kind: Kind, graph: &'p Graph) -> Option<Self> {
        Some(match kind {
            Kind::Double => Self::Double(0.0),
            Kind::Float => Self::Float(0.0),
            Kind::Flag => Self::Flag(false),
            Kind::Text { .. } => Self::Text(""),
            Kind::Bytes => Self::Bytes(&[]),
            Kind::Enum(index) => {
                let first = graph.enums.get(index).map_or(0, |it| it.first);
                graph.name(index, first).map_or(Self::Signed(first.into()), Self::Text)
            }
            Kind::Message(_) | Kind::Group(_) => return None,
            _ => Self::Signed(0),
        })
    }

    /// A number, `true` or `false` in JSON; floats in their shortest form. `None` for texts, bytes,
    /// and floats that are not finite.
    pub(crate) fn literal(&self) -> Option<Literal> {
        match self {
            Self::Signed(number) => Some(Literal::new(number)),
            Self::Unsigned(number) => Some(Literal::new(number)),
            Self::Flag(flag) => Some(Literal::new(flag)),
            Self::Double(number) if number.is_finite() => {
                let size = number.abs();
                let is_plain = size == 0.0 || (1e-7..1e21).contains(&size);
                Some(if is_plain { Literal::new(number) } else { Literal::exponential(number) })
            }
            Self::Float(number) if number.is_finite() => {
                let size = number.abs();
                let is_plain = size == 0.0 || (1e-7..1e21).contains(&size);
                Some(if is_plain { Literal::new(number) } else { Literal::exponential(number) })
            }
            _ => None,
        }
    }

    /// A map's key as text.
    pub(crate) fn key(&self) -> Cow<'p, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes),
            number => {
                Cow::Owned(number.literal().map(|it| it.as_str().to_owned()).unwrap_or_default())
            }
        }
    }
}

/// The lower half, as 32-bit numbers are truncated (protobuf.dev, "Updating A Message Type").
#[expect(clippy::cast_possible_truncation, reason = "truncation is intended")]
const fn low(bits: u64) -> i32 {
    (bits as u32).cast_signed()
}

const fn zigzag(bits: u64) -> i64 {
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}

/// The longest literal: `-1.7976931348623157e308` has 23 characters, and 20 digits before the point
/// with a sign 22.
const LITERAL_LIMIT: usize = 40;

/// A number's literal, without allocation.
pub(crate) struct Literal {
    bytes: [u8; LITERAL_LIMIT],
    length: usize,
}

impl Literal {
    fn new(value: impl fmt::Display) -> Self {
        Self::write(format_args!("{value}"))
    }

    fn exponential(value: impl fmt::LowerExp) -> Self {
        Self::write(format_args!("{value:e}"))
    }

    fn write(arguments: fmt::Arguments<'_>) -> Self {
        let mut literal = Self { bytes: [0; LITERAL_LIMIT], length: 0 };
        // It has room for every number.
        let _ = fmt::Write::write_fmt(&mut literal, arguments);
        literal
    }

    pub(crate) fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|it| str::from_utf8(it).ok()).unwrap_or_default()
    }
}

impl fmt::Write for Literal {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// The values of one occurrence of a repeated field: packed numbers, or a single value.
pub(crate) enum Values<'p> {
    Single(Option<Wire>),
    Packed(Kind, Reader<'p>),
}

impl<'p> Values<'p> {
    /// The values of one occurrence of a repeated field.
    pub(crate) fn of(kind: Kind, wire: Wire, whole: &'p [u8]) -> Self {
        match wire {
            Wire::Length(span) if !kind.has_length() => {
                Self::Packed(kind, Reader::new(whole, span, 0))
            }
            single => Self::Single(Some(single)),
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Wire>, Broken> {
        match self {
            Self::Single(wire) => Ok(wire.take()),
            Self::Packed(_, reader) if reader.is_at_end() => Ok(None),
            Self::Packed(kind, reader) => Ok(Some(match kind {
                Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Wire::Fixed64(reader.fixed64()?),
                Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Wire::Fixed32(reader.fixed32()?),
                _ => Wire::Varint(reader.varint()?),
            })),
        }
    }
}

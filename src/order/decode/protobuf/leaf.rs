//! Values without fields, in the form that the sink takes.

use std::borrow::Cow;

use bumpalo::Bump;

use super::{Found, Scalar, Value, Whole};

/// A value that is not entered.
pub(super) enum Leaf<'p> {
    Scalar(Scalar<'p>),
    /// A number in JSON.
    Number(&'p str),
    Value(&'p Value<'p>),
    /// A message or a list, and whether it is empty.
    Other {
        is_empty: bool,
    },
}

impl<'p> Leaf<'p> {
    pub(super) const OTHER: Self = Self::Other { is_empty: false };

    pub(super) const fn of(scalar: Scalar<'p>) -> Self {
        Self::Scalar(scalar)
    }

    pub(super) const fn message(is_empty: bool) -> Self {
        Self::Other { is_empty }
    }

    /// A message that represents one value.
    pub(super) fn of_whole(whole: Whole<'p>, arena: &'p Bump) -> Self {
        // A part that is not a number makes the money invalid, and must not be ignored.
        let digits = |scalar: Scalar<'p>| match scalar {
            Scalar::Text(text) => text,
            scalar => scalar.literal().map_or("", |it| arena.alloc_str(it.as_str())),
        };
        match whole {
            Whole::Scalar(scalar) => Self::Scalar(scalar),
            Whole::Number(Cow::Borrowed(number)) => Self::Number(number),
            Whole::Number(Cow::Owned(number)) => Self::Number(arena.alloc_str(&number)),
            Whole::Moment(moment) => Self::Value(arena.alloc(Value::Moment(moment))),
            Whole::Day(day) => Self::Value(arena.alloc(Value::Day(day))),
            Whole::Units(units, nanos) => Self::Value(
                arena.alloc(Value::Units { units: units.map(digits), nanos: nanos.map(digits) }),
            ),
            Whole::Unusable => Self::OTHER,
        }
    }

    pub(super) fn found(&self, arena: &'p Bump) -> Found<'p> {
        match self {
            Self::Scalar(Scalar::Text(text)) => Found::Text(text),
            Self::Scalar(scalar) => match scalar.literal() {
                Some(literal) => Found::Json(arena.alloc_str(literal.as_str())),
                None => Found::Value(&Value::Other),
            },
            Self::Number(number) => Found::Exact(number),
            Self::Value(value) => Found::Value(value),
            Self::Other { .. } => Found::Value(&Value::Other),
        }
    }

    /// The text, which may contain JSON.
    pub(super) fn text(&self) -> Option<&'p str> {
        match self {
            Self::Scalar(Scalar::Text(text)) => Some(text),
            Self::Scalar(Scalar::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Whether it corresponds to `null`, `false`, `""`, `0`, `[]` or `{}` in JSON.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Scalar(Scalar::Text(text)) => text.is_empty(),
            Self::Scalar(Scalar::Bytes(bytes)) => bytes.is_empty(),
            Self::Scalar(scalar) => {
                scalar.literal().is_some_and(|it| matches!(it.as_str(), "0" | "false"))
            }
            Self::Number(number) => is_zero(number),
            Self::Value(Value::Units { units, nanos }) => {
                let is_zero = |number: &Option<&str>| number.is_none_or(|number| number == "0");
                is_zero(units) && is_zero(nanos)
            }
            Self::Value(_) => false,
            Self::Other { is_empty } => *is_empty,
        }
    }
}

/// Whether a JSON number is zero, with any number of decimals: `0`, `-0.00`, `0e-70`.
fn is_zero(number: &str) -> bool {
    let digits = number.split(['e', 'E']).next().unwrap_or(number);
    digits.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'))
}

//! Messages that represent one value: a time, a date, a number, an amount of money, or a wrapped
//! value.

use std::borrow::Cow;

use bumpalo::Bump;
use jiff::{Timestamp, civil::Date};

use super::{
    graph::{Field, Graph, Meaning, Node},
    occurrences::Within,
    scalar::Scalar,
    wire::{Broken, Span, Wire},
};
use crate::format::decimal;

/// A message that represents one value.
pub(crate) enum Whole<'p> {
    Scalar(Scalar<'p>),
    Moment(Timestamp),
    Day(Date),
    /// A number in JSON.
    Number(Cow<'p, str>),
    /// Units and nanos, as far as the message has these fields.
    Units(Option<Scalar<'p>>, Option<Scalar<'p>>),
    /// A value outside the supported range.
    Unusable,
}

impl<'p> Whole<'p> {
    /// The value of the message in these segments; `None` for plain messages. Numbers that are not
    /// text in the message are written into `arena`.
    pub(crate) fn of(
        node: &'p Node,
        graph: &'p Graph,
        within: Within<'p>,
        segments: &[Span],
        arena: &'p Bump,
    ) -> Result<Option<Self>, Broken> {
        let message = Message { node, graph, within, segments };
        Ok(Some(match node.meaning {
            Meaning::Plain => return Ok(None),
            Meaning::Wrapper(value) => Self::Scalar(message.scalar(value)?),
            Meaning::Units(units, nanos) => {
                let stated = |index: Option<usize>| index.map(|it| message.stated(it)).transpose();
                match (stated(units)?.flatten(), stated(nanos)?.flatten()) {
                    (None, None) => return Ok(None),
                    (units, nanos) => Self::Units(units, nanos),
                }
            }
            Meaning::Moment => {
                let (seconds, nanos) = (message.integer(0)?, message.small(1)?);
                // timestamp.proto requires nanos of 0 or more, also before 1970.
                let nanos = nanos.filter(|nanos| *nanos >= 0);
                let moment = nanos.and_then(|nanos| Timestamp::new(seconds, nanos).ok());
                moment.map_or(Self::Unusable, Self::Moment)
            }
            Meaning::Day => {
                let parts = (message.small(0)?, message.small(1)?, message.small(2)?);
                let (Some(year), Some(month), Some(day)) = parts else {
                    return Ok(Some(Self::Unusable));
                };
                day_of(year, month, day).map_or(Self::Unusable, Self::Day)
            }
            Meaning::DecimalText => match message.scalar(0)? {
                Scalar::Text(text) => match number(text) {
                    Some(number) => Self::Number(number),
                    None => Self::Scalar(Scalar::Text(text)),
                },
                _ => Self::Unusable,
            },
            Meaning::DecimalBytes => {
                let scale = message.integer(2)?;
                match message.scalar(0)? {
                    Scalar::Bytes(unscaled) => match decimal::literal(unscaled, scale, arena) {
                        Some(literal) => Self::Number(literal.into()),
                        None => Self::Unusable,
                    },
                    _ => Self::Unusable,
                }
            }
        }))
    }
}

struct Message<'s, 'p> {
    node: &'p Node,
    graph: &'p Graph,
    within: Within<'p>,
    segments: &'s [Span],
}

impl<'p> Message<'_, 'p> {
    /// The value of the field with this index; `None` if it is absent and has no default.
    fn stated(&self, index: usize) -> Result<Option<Scalar<'p>>, Broken> {
        let Some(field) = self.node.fields.get(index) else { return Ok(None) };
        let is_there = self.last(field)?.is_some();
        (is_there || field.implied.is_some()).then(|| self.scalar(index)).transpose()
    }

    /// The last occurrence of the field.
    fn last(&self, field: &Field) -> Result<Option<Wire>, Broken> {
        let mut last: Option<Wire> = None;
        for segment in self.segments {
            let mut reader = self.within.reader(*segment);
            while let Some((number, wire)) = reader.next()? {
                if number == field.number && field.fits(&wire) {
                    last = Some(wire);
                }
            }
        }
        Ok(last)
    }

    /// The value of the field with this index, or its default.
    fn scalar(&self, index: usize) -> Result<Scalar<'p>, Broken> {
        let Some(field) = self.node.fields.get(index) else { return Ok(Scalar::Signed(0)) };
        let of = (field.kind, &*field.name);
        let value = match self.last(field)? {
            Some(wire) => Scalar::of(of, wire, self.graph, self.within.whole)?,
            None => Scalar::default_of(field.kind, self.graph),
        };
        Ok(value.unwrap_or(Scalar::Signed(0)))
    }

    fn integer(&self, index: usize) -> Result<i64, Broken> {
        Ok(match self.scalar(index)? {
            Scalar::Signed(number) => number,
            _ => 0,
        })
    }

    fn small(&self, index: usize) -> Result<Option<i32>, Broken> {
        self.integer(index).map(|number| i32::try_from(number).ok())
    }
}

fn day_of(year: i32, month: i32, day: i32) -> Option<Date> {
    let year = i16::try_from(year).ok().filter(|year| *year > 0)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Converts the text of google.type.Decimal to a JSON number: without a plus, and with digits on
/// both sides of a point. `None` if it is not a number.
fn number(text: &str) -> Option<Cow<'_, str>> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("", text.get(1..)?),
        _ => ("", text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if digits.is_empty() || !is_digits(digits) {
            return None;
        }
    }
    let trimmed = whole.trim_start_matches('0');
    let whole_part = if trimmed.is_empty() { "0" } else { trimmed };
    let is_json = whole == whole_part && !text.starts_with('+') && !mantissa.ends_with('.');
    if is_json {
        return Some(Cow::Borrowed(text));
    }
    let mut json = format!("{sign}{whole_part}");
    for (mark, part) in [(".", fraction), ("e", exponent.unwrap_or_default())] {
        if !part.is_empty() {
            json.push_str(mark);
            json.push_str(part);
        }
    }
    Some(Cow::Owned(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_decimals_are_numbers_of_json() {
        for (text, expected) in [
            ("0", Some("0")),
            ("12.50", Some("12.50")),
            ("-12.50", Some("-12.50")),
            ("+12.5", Some("12.5")),
            (".5", Some("0.5")),
            ("-.5", Some("-0.5")),
            ("5.", Some("5")),
            ("-5.e3", Some("-5e3")),
            ("1E3", Some("1E3")),
            ("+1E+3", Some("1e+3")),
            ("007.10", Some("7.10")),
            ("00", Some("0")),
            ("", None),
            (".", None),
            ("-", None),
            ("e5", None),
            ("1e", None),
            ("1e+", None),
            ("1.2.3", None),
            ("1,5", None),
            (" 1", None),
            ("NaN", None),
            ("+-1", None),
            ("१", None),
        ] {
            assert_eq!(number(text).as_deref(), expected, "{text}");
            if let Some(number) = number(text) {
                assert!(serde_json::from_str::<serde_json::Number>(&number).is_ok(), "{number}");
            }
        }
    }

    #[test]
    fn days_exist_or_are_unusable() {
        assert_eq!(day_of(2026, 11, 22), Some(jiff::civil::date(2026, 11, 22)));
        for (year, month, day) in
            [(0, 1, 1), (2026, 0, 1), (2026, 2, 29), (99_999, 1, 1), (2026, 400, 1)]
        {
            assert_eq!(day_of(year, month, day), None);
        }
    }
}

//! A field's value as passed from a decoder to the rules, independent of the record's format.
//!
//! No type here implements `Debug` or `Display`: the contents belong to the payload. [`decimal`]
//! and [`time`] parse numbers, money and times; [`number`] splits a number into its digits for
//! both.

pub(super) mod decimal;
mod number;
pub(super) mod time;

use std::borrow::Cow;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
};

/// A field's value.
#[derive(Clone)]
pub(super) enum Value<'p> {
    /// Null: the field counts as absent.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number in JSON's grammar (RFC 8259, section 6).
    Number(&'p str),
    /// The same, from a decimal type: it was never a binary float.
    Exact(&'p str),
    /// A text without unpaired surrogates.
    Text(Cow<'p, str>),
    /// A text with an unpaired surrogate.
    LoneSurrogate,
    /// A list of 3 to 7 integers, Java's list form of a date: year, month, day, hour, minute,
    /// second, nanosecond.
    Numbers(NumberList),
    /// Money like google.type.Money: whole units and billionths; at least one of the two is
    /// present. Both are numbers in JSON's grammar.
    Units {
        /// `units`
        units: Option<&'p str>,
        /// `nanos`
        nanos: Option<&'p str>,
    },
    /// A point in time, from a format with such a type.
    Moment(Timestamp),
    /// A local time, from a format with such a type.
    Clock(DateTime),
    /// A date, from a format with such a type.
    Day(Date),
    /// Any other list or object, or a value that no rule can read.
    Other,
}

/// See [`Value::Numbers`].
#[derive(Clone, Copy)]
pub(super) struct NumberList {
    /// Only the first `count` count.
    pub(super) numbers: [i32; 7],
    pub(super) count: u8,
}

impl Value<'_> {
    /// Whether it equals one of these texts; numbers and flags in JSON's notation.
    pub(super) fn is_one_of(&self, texts: &[String]) -> bool {
        let text = match self {
            Self::Text(text) => text,
            Self::Number(number) | Self::Exact(number) => *number,
            Self::Flag(true) => "true",
            Self::Flag(false) => "false",
            _ => return false,
        };
        texts.iter().any(|one| one == text)
    }
}

//! A field's value as a decoder hands it to the rules, whatever the record's format is.
//!
//! Nothing here prints itself: the contents are the payload's. [`decimal`] and [`time`] read numbers,
//! money and times; [`number`] splits a number into its digits for both.

pub(super) mod decimal;
mod number;
pub(super) mod time;

use std::borrow::Cow;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
};

/// What a field holds.
#[derive(Clone)]
pub(super) enum Value<'p> {
    /// Nothing: as if the field were not there.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number, as JSON's grammar writes it (RFC 8259, section 6).
    Number(&'p str),
    /// The same, of a type that holds decimals: it was never a binary float.
    Exact(&'p str),
    /// A text without half of a surrogate pair in it.
    Text(Cow<'p, str>),
    /// A text that holds half of a surrogate pair, which is no character.
    HalfCharacter,
    /// A list of 3 to 7 whole numbers, as Java writes a date: year, month, day, hour, minute, second,
    /// nanosecond.
    Numbers(NumberList),
    /// Money as google.type.Money and its likes have it: whole units, and billionths of one; at least
    /// one of the two is there. Both are numbers as JSON's grammar writes them.
    Units {
        /// `units`
        units: Option<&'p str>,
        /// `nanos`
        nanos: Option<&'p str>,
    },
    /// A moment, of a format that has a type for it.
    Moment(Timestamp),
    /// A time on a wall clock, of a format that has a type for it.
    Clock(DateTime),
    /// A day, of a format that has a type for it.
    Day(Date),
    /// A list or an object of another kind, or what no rule can read.
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
    /// Whether it is one of these texts; a number and a flag as JSON writes them.
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

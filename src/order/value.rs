//! A field's value as a decoder hands it to the rules, whatever the record's format is.
//!
//! Nothing here prints itself: what it holds is the payload's.

use std::borrow::Cow;

/// What a field holds.
#[derive(Clone)]
pub(super) enum Value<'p> {
    /// Nothing: as if the field were not there.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number, as JSON's grammar writes it (RFC 8259, section 6).
    Number(&'p str),
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
    /// A list or an object of another kind.
    Other,
}

/// See [`Value::Numbers`].
#[derive(Clone, Copy)]
pub(super) struct NumberList {
    /// Only the first `count` count.
    pub(super) numbers: [i32; 7],
    pub(super) count: u8,
}

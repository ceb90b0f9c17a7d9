//! The value of a role: that of its first place present.

use super::{super::value::Value, json_value};

/// A rank that no place has.
const NOWHERE: u8 = u8::MAX;

/// The rank of a schema's default: after all places.
const IMPLIED: u8 = u8::MAX - 1;

/// A value as found by a decoder. It is converted into a [`Value`] only when a rule needs it.
#[derive(Clone, Copy)]
pub(in crate::order) enum Found<'p> {
    /// Nothing.
    Nothing,
    /// A syntactically valid JSON value.
    Json(&'p str),
    /// A JSON number that was never a binary float.
    Exact(&'p str),
    /// A text.
    Text(&'p str),
    /// Any other value, such as from outside the record's value.
    Value(&'p Value<'p>),
}

impl<'p> Found<'p> {
    /// Whether it counts as absent.
    pub(in crate::order) fn is_null(self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Json(json) => json == "null",
            Self::Exact(_) | Self::Text(_) => false,
            Self::Value(value) => matches!(value, Value::Null),
        }
    }

    /// The value.
    pub(in crate::order) fn value(self) -> Value<'p> {
        match self {
            Self::Nothing => Value::Null,
            Self::Json(json) => json_value::value(json),
            Self::Exact(number) => Value::Exact(number),
            Self::Text(text) => Value::Text(text.into()),
            Self::Value(value) => value.clone(),
        }
    }
}

/// The value found for a role so far.
#[derive(Clone, Copy)]
pub(in crate::order) struct Slot<'p> {
    found: Found<'p>,
    place: u16,
    /// The ranks present, including `null`.
    seen: u16,
    rank: u8,
    /// Whether the value is not `null`.
    is_stated: bool,
}

/// Two fields of the same rank in one object: ambiguous.
#[derive(Clone, Copy)]
pub(in crate::order) struct Duplicate {
    rank: u8,
    pub(in crate::order) earlier: u16,
    pub(in crate::order) later: u16,
}

impl Duplicate {
    pub(super) const fn new(rank: u8, earlier: u16, later: u16) -> Self {
        Self { rank, earlier, later }
    }
}

impl Default for Slot<'_> {
    fn default() -> Self {
        Self { found: Found::Nothing, place: 0, seen: 0, rank: NOWHERE, is_stated: false }
    }
}

impl<'p> Slot<'p> {
    /// The value and its place; `null` counts as absent.
    pub(in crate::order) fn stated(&self) -> Option<(Value<'p>, u16)> {
        self.is_stated.then(|| (self.found.value(), self.place))
    }

    /// The place of the value.
    pub(in crate::order) fn place(&self) -> Option<u16> {
        self.is_stated.then_some(self.place)
    }

    /// Whether there is a value.
    pub(in crate::order) const fn is_stated(&self) -> bool {
        self.is_stated
    }

    /// Stores the value if its place has priority over the current one. Returns a duplicate of its
    /// rank.
    pub(super) fn put(&mut self, rank: u8, place: u16, found: Found<'p>) -> Option<Duplicate> {
        let bit = 1_u16.checked_shl(u32::from(rank)).unwrap_or_default();
        let again = self.seen & bit != 0;
        let earlier = if self.rank == rank { self.place } else { place };
        self.seen |= bit;
        let is_stated = !found.is_null();
        if !self.is_stated || (rank < self.rank && is_stated) {
            *self = Self { found, place, seen: self.seen, rank, is_stated };
        }
        again.then(|| Duplicate::new(rank, earlier, place))
    }

    /// Stores a default, unless there is a value.
    pub(super) const fn imply(&mut self, place: u16, found: Found<'p>) {
        if !self.is_stated {
            *self = Self { found, place, seen: self.seen, rank: IMPLIED, is_stated: true };
        }
    }

    /// Whether a duplicate matters: not if a place with priority is present.
    pub(super) const fn matters_for(&self, duplicate: Duplicate) -> bool {
        !self.is_stated || duplicate.rank <= self.rank
    }

    /// This slot or `other`, depending on which place has priority.
    pub(in crate::order) fn first<'s>(&'s self, other: Option<&'s Self>) -> &'s Self {
        match other.filter(|other| other.is_stated) {
            Some(other) if !self.is_stated || other.rank < self.rank => other,
            _ => self,
        }
    }

    /// Whether a place of `rank` would count.
    pub(in crate::order) const fn is_open_to(&self, rank: u8) -> bool {
        !self.is_stated || rank < self.rank
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(slot: &Slot<'_>) -> Option<(String, u16)> {
        let (value, place) = slot.stated()?;
        let Value::Number(number) = value else { panic!("a number was put") };
        Some((number.to_owned(), place))
    }

    #[test]
    fn the_first_place_that_is_there_counts_in_whatever_order_they_come() {
        let puts = [(1, "1"), (0, "null"), (2, "2")];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut slot = Slot::default();
            for index in order {
                let (rank, text) = puts[index];
                assert!(slot.put(rank, u16::from(rank) + 10, Found::Json(text)).is_none());
            }
            assert_eq!(number(&slot), Some(("1".to_owned(), 11)));
        }
    }

    #[test]
    fn one_rank_twice_matters_unless_a_better_one_is_there() {
        let mut slot = Slot::default();
        assert!(slot.put(1, 7, Found::Json("null")).is_none());
        let duplicate = slot.put(1, 8, Found::Json("5")).unwrap();
        assert_eq!((duplicate.earlier, duplicate.later), (7, 8));
        assert!(slot.matters_for(duplicate));
        slot.put(0, 9, Found::Json("6"));
        assert!(!slot.matters_for(duplicate));
        assert_eq!(number(&slot), Some(("6".to_owned(), 9)));
    }
}

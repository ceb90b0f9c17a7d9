//! One value for a role: that of its first place that is there.

use super::super::value::Value;

/// A rank that no place has.
const NOWHERE: u8 = u8::MAX;

/// What was found for a role so far.
#[derive(Clone)]
pub(in crate::order) struct Slot<'p> {
    value: Value<'p>,
    rank: u8,
    place: u16,
    /// The ranks that were there, `null` or not.
    seen: u16,
    twice: Option<Twice>,
}

/// Two fields of one rank in one object: which of them is meant is not for us to guess.
#[derive(Clone, Copy)]
pub(in crate::order) struct Twice {
    rank: u8,
    pub(in crate::order) earlier: u16,
    pub(in crate::order) later: u16,
}

impl Default for Slot<'_> {
    fn default() -> Self {
        Self { value: Value::Null, rank: NOWHERE, place: 0, seen: 0, twice: None }
    }
}

impl<'p> Slot<'p> {
    /// The value and its place; `null` is as if absent.
    pub(in crate::order) fn stated(&self) -> Option<(&Value<'p>, u16)> {
        (!self.value.is_null()).then_some((&self.value, self.place))
    }

    /// Whether there is a value.
    pub(in crate::order) const fn is_stated(&self) -> bool {
        !self.value.is_null()
    }

    /// Keeps the value if its place goes before what is here; says whether its rank stands twice.
    pub(super) fn put(&mut self, rank: u8, place: u16, value: Value<'p>) -> bool {
        let bit = 1_u16.checked_shl(u32::from(rank)).unwrap_or_default();
        let again = self.seen & bit != 0;
        if again {
            let earlier = if self.rank == rank { self.place } else { place };
            if self.twice.is_none_or(|twice| rank < twice.rank) {
                self.twice = Some(Twice { rank, earlier, later: place });
            }
        }
        self.seen |= bit;
        let is_better = rank < self.rank && !value.is_null();
        if is_better || self.value.is_null() {
            (self.value, self.rank, self.place) = (value, rank, place);
        }
        again
    }

    /// The two fields of one rank, unless a place that goes before them is there.
    pub(in crate::order) fn twice(&self) -> Option<Twice> {
        self.twice.filter(|twice| self.value.is_null() || twice.rank <= self.rank)
    }

    /// This one or `other`, whichever holds the place that goes before.
    pub(in crate::order) fn first<'s>(&'s self, other: Option<&'s Self>) -> &'s Self {
        match other.filter(|other| !other.value.is_null()) {
            Some(other) if self.value.is_null() || other.rank < self.rank => other,
            _ => self,
        }
    }

    /// Whether a place of `rank` would count.
    pub(in crate::order) const fn is_open_to(&self, rank: u8) -> bool {
        self.value.is_null() || rank < self.rank
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(slot: &Slot<'_>) -> Option<(String, u16)> {
        let (value, place) = slot.stated()?;
        let Value::Number(number) = value else { panic!("a number was put") };
        Some(((*number).to_owned(), place))
    }

    #[test]
    fn the_first_place_that_is_there_counts_in_whatever_order_they_come() {
        let puts = [(1, "1"), (0, "null"), (2, "2")];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut slot = Slot::default();
            for index in order {
                let (rank, text) = puts[index];
                let value = if text == "null" { Value::Null } else { Value::Number(text) };
                assert!(!slot.put(rank, u16::from(rank) + 10, value));
            }
            assert_eq!(number(&slot), Some(("1".to_owned(), 11)));
            assert!(slot.twice().is_none());
        }
    }

    #[test]
    fn one_rank_twice_matters_unless_a_better_one_is_there() {
        let mut slot = Slot::default();
        assert!(!slot.put(1, 7, Value::Null));
        assert!(slot.put(1, 8, Value::Number("5")));
        let twice = slot.twice().unwrap();
        assert_eq!((twice.earlier, twice.later), (7, 8));
        slot.put(0, 9, Value::Number("6"));
        assert!(slot.twice().is_none());
        assert_eq!(number(&slot), Some(("6".to_owned(), 9)));
    }
}

//! Picks the places of a role: the one with the best name, then places for the orders without it.

use rust_decimal::Decimal;

use crate::init::{
    dictionary::Name,
    json::Json,
    path::Path,
    profile::Place,
    value::{self, Decimals},
};

/// Numbers by line or by order; `None` for missing ones.
pub(super) type Column = Vec<Option<Decimal>>;

/// The places of a role; the first one present counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice<'p, 'j> {
    pub(super) places: Vec<&'p Place<'j>>,
    /// The score of the first place's name.
    pub(super) score: i32,
}

impl<'j> Choice<'_, 'j> {
    pub(super) const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn has(&self, place: &Place<'_>) -> bool {
        self.has_path(&place.path)
    }

    pub(super) fn has_path(&self, path: &Path) -> bool {
        self.places.iter().any(|one| one.path == *path)
    }

    pub(super) fn shares_with(&self, other: &Self) -> bool {
        self.places.iter().any(|place| other.has(place))
    }

    /// The value of an order (or line).
    pub(super) fn of(&self, owner: usize) -> Option<&'j Json> {
        self.places.iter().find_map(|place| place.of(owner))
    }

    /// The number of orders (or lines) with a value.
    pub(super) fn owners(&self, count: usize) -> usize {
        (0..count).filter(|owner| self.of(*owner).is_some()).count()
    }

    pub(super) fn column(&self, count: usize, decimals: Decimals) -> Column {
        (0..count).map(|owner| value::number(self.of(owner)?, decimals)).collect()
    }
}

/// The places whose names score at least `least` and most of whose values pass, for `count` orders
/// (or lines).
pub(super) fn choose<'p, 'j: 'p>(
    places: impl IntoIterator<Item = &'p Place<'j>>,
    count: usize,
    score: impl Fn(&Name) -> i32,
    pass: impl Fn(&Json) -> bool,
    least: i32,
) -> Choice<'p, 'j> {
    let mut scored: Vec<(i32, i32, &Place<'j>)> = Vec::new();
    for place in places {
        let score = score(&Name::of(&place.path));
        let passing = place.values.iter().filter(|(_, json)| pass(json)).count();
        if score < least || passing * 5 < place.values.len() * 3 {
            continue;
        }
        let missing = count.saturating_sub(place.owners()) * 20 / count.max(1);
        scored.push((score - i32::try_from(missing).unwrap_or_default(), score, place));
    }
    scored.sort_by_key(|(rank, ..)| -rank);
    let mut choice =
        Choice { places: Vec::new(), score: scored.first().map_or(0, |(_, score, _)| *score) };
    for (.., place) in scored {
        let adds = place.values.iter().any(|(owner, _)| choice.of(*owner).is_none());
        if adds {
            choice.places.push(place);
        }
    }
    choice
}

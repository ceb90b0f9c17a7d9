//! The lines of orders, and how they are priced.

use super::choose::{self, Choice};
use crate::init::{
    dictionary::Name,
    path::Path,
    profile::{List, Place},
    value::{self, Decimals},
};

/// How lines are priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pricing {
    /// By an amount and a unit price that agree.
    Both { discounted: bool },
    /// By an amount.
    Amount,
    /// By a unit price.
    Unit { discounted: bool },
    /// Not at all: the order's total is split over the lines.
    Unpriced,
}

/// The lines: the elements of a list, or the order itself.
#[derive(Clone, Debug)]
pub(super) struct Lines<'p, 'j> {
    pub(super) list: Option<&'p Path>,
    pub(super) places: Vec<&'p Place<'j>>,
    /// The order of each line.
    pub(super) owners: Vec<usize>,
}

impl<'p, 'j> Lines<'p, 'j> {
    pub(super) fn of_list(list: &'p List<'j>) -> Self {
        Self {
            list: Some(&list.path),
            places: list.places.iter().collect(),
            owners: list.lines.iter().map(|(owner, _)| *owner).collect(),
        }
    }

    /// The number of lines of each order.
    pub(super) fn counts(&self, orders: usize) -> Vec<usize> {
        let mut counts = vec![0; orders];
        for owner in &self.owners {
            if let Some(count) = counts.get_mut(*owner) {
                *count += 1;
            }
        }
        counts
    }

    /// The places of a role, chosen by name, that contain numbers and are not in `but`.
    pub(super) fn choose(
        &self,
        score: impl Fn(&Name) -> i32,
        decimals: Decimals,
        but: &[&Choice<'p, 'j>],
    ) -> Choice<'p, 'j> {
        let places =
            self.places.iter().copied().filter(|place| !but.iter().any(|one| one.has(place)));
        choose::choose(
            places,
            self.owners.len(),
            score,
            |json| value::number(json, decimals).is_some(),
            45,
        )
    }
}

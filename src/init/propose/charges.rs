//! Charges: shipping, taxes and discounts that may be part of an order's total but not of its
//! lines.

use rust_decimal::Decimal;

use super::{
    lines::Lines,
    scores::{self, Charge},
};
use crate::init::{
    dictionary::{Name, Word},
    path::{Path, Step},
    profile::{List, Place},
    value::{self, Decimals},
};

/// The maximum number of candidates: each one doubles the work.
const MOST: usize = 7;

/// A place of a charge, and its value for each order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChargePlace {
    pub(super) charge: Charge,
    pub(super) path: Path,
    /// Whether its name alone identifies it as a charge.
    pub(super) by_name: bool,
    /// The number of orders that have it.
    pub(super) owners: usize,
    /// By order; discounts are negative.
    values: Vec<Decimal>,
}

impl ChargePlace {
    pub(super) fn of(&self, order: usize) -> Decimal {
        self.values.get(order).copied().unwrap_or_default()
    }

    fn is_zero(&self) -> bool {
        self.values.iter().all(Decimal::is_zero)
    }
}

/// The places that may be charges: by their names, and fees and similar fields if the total
/// confirms them.
pub(super) fn candidates(
    lines: &Lines<'_, '_>,
    orders: &[Place<'_>],
    lists: &[List<'_>],
    count: usize,
    decimals: Decimals,
) -> Vec<ChargePlace> {
    let mut found = Vec::new();
    for place in orders {
        let name = Name::of(&place.path);
        let charge = scores::charge(&name);
        let is_fee = name.is(Word::Fee) && !name.is(Word::Id) && !name.foreign;
        match charge {
            Some(charge) => {
                // A tax on shipping or on a discount is part of another tax.
                let is_part =
                    name.has(Word::Tax) && name.all.any(&[Word::Shipping, Word::Discount]);
                found.extend(column(place, &|at| at, charge, !is_part, count, decimals));
            }
            None if is_fee => {
                for charge in [Charge::Shipping, Charge::Discount] {
                    found.extend(column(place, &|at| at, charge, false, count, decimals));
                }
            }
            None => {}
        }
    }
    for list in lists {
        let owner = |line: usize| list.lines.get(line).map_or(count, |(owner, _)| *owner);
        let is_of_items = lines.list == Some(&list.path);
        let above = scores::charge(&Name::of(&list.path));
        for place in &list.places {
            let name = Name::of(&place.path);
            let charge = match scores::charge(&name) {
                // An item's discount is subtracted from its line.
                Some(Charge::Discount) if is_of_items => None,
                None if !is_of_items && name.all.any(&[Word::Money, Word::Price, Word::Total]) => {
                    above
                }
                charge => charge,
            };
            let mut path = list.path.then(Step::Each);
            path.0.extend(place.path.0.iter().cloned());
            let whole = Place { path, values: place.values.clone() };
            if let Some(charge) = charge {
                found.extend(column(&whole, &owner, charge, false, count, decimals));
            }
        }
    }
    found.sort_by_key(|charge| {
        let is_total = Name::of(&charge.path).is(Word::Total);
        (charge.is_zero(), !charge.by_name, !is_total, charge.path.0.len())
    });
    found.truncate(MOST);
    found
}

fn column(
    place: &Place<'_>,
    owner: &dyn Fn(usize) -> usize,
    charge: Charge,
    by_name: bool,
    count: usize,
    decimals: Decimals,
) -> Option<ChargePlace> {
    let mut values = vec![Decimal::ZERO; count];
    let mut owners = std::collections::BTreeSet::new();
    for (at, json) in &place.values {
        let number = value::number(json, decimals)?;
        let number = if charge == Charge::Discount { -number } else { number };
        let order = owner(*at);
        if let Some(value) = values.get_mut(order) {
            *value = value.checked_add(number)?;
            owners.insert(order);
        }
    }
    Some(ChargePlace { charge, path: place.path.clone(), by_name, owners: owners.len(), values })
}

/// All subsets of `charges`: first the one with all charges identified by name, then those with
/// fewer, and last those with charges that only the total can confirm.
pub(super) fn subsets(charges: &[ChargePlace]) -> Vec<Vec<&ChargePlace>> {
    let mut subsets: Vec<Vec<&ChargePlace>> = (0..1_usize << charges.len().min(MOST))
        .map(|chosen| {
            let chosen = charges.iter().enumerate().filter(|(at, _)| chosen & (1 << at) != 0);
            chosen.map(|(_, charge)| charge).collect()
        })
        .collect();
    subsets.retain(|subset| {
        let mut paths: Vec<&Path> = subset.iter().map(|charge| &charge.path).collect();
        paths.sort();
        paths.windows(2).all(|pair| pair.first() != pair.last())
    });
    subsets.sort_by_key(|subset| {
        let named = subset.iter().filter(|charge| charge.by_name).count();
        (subset.len() - named, charges.len() - named)
    });
    subsets
}

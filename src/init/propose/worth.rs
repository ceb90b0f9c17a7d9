//! The places of quantities, prices, charges and totals, chosen by names and by whether they add
//! up.

use super::{
    charges::{self, ChargePlace},
    choose::{self, Choice},
    lines::{Lines, Pricing},
    scores,
    search::Search,
};
use crate::init::{
    dictionary::{Name, Word},
    profile::{List, Place},
    value::{self, Decimals},
};

/// The places that determine an order's value.
#[derive(Clone, Debug)]
pub(super) struct Worth<'p, 'j> {
    pub(super) quantity: Choice<'p, 'j>,
    pub(super) unit_price: Choice<'p, 'j>,
    pub(super) amount: Choice<'p, 'j>,
    pub(super) discount: Choice<'p, 'j>,
    pub(super) total: Choice<'p, 'j>,
    pub(super) charges: Vec<ChargePlace>,
    pub(super) pricing: Pricing,
    /// Whether no line has a quantity.
    pub(super) lacks_quantity: bool,
    /// Orders whose total equals lines plus charges.
    pub(super) agreeing: usize,
    pub(super) comparable: usize,
}

/// Finds the places with which lines, charges and total agree.
pub(super) fn worth<'p, 'j>(
    lines: &Lines<'p, 'j>,
    orders: &'p [Place<'j>],
    lists: &'p [List<'j>],
    count: usize,
    decimals: Decimals,
) -> Worth<'p, 'j> {
    let quantity = lines.choose(scores::quantity, decimals, &[]);
    let mut unit_price = lines.choose(scores::unit_price, decimals, &[&quantity]);
    let mut amount = if lines.list.is_some() {
        lines.choose(scores::amount, decimals, &[&quantity])
    } else {
        Choice::default()
    };
    if amount.shares_with(&unit_price) {
        if amount.score > unit_price.score {
            unit_price = lines.choose(scores::unit_price, decimals, &[&quantity, &amount]);
        } else {
            amount = lines.choose(scores::amount, decimals, &[&quantity, &unit_price]);
        }
    }
    let is_discount = |name: &Name| match scores::charge(name) {
        Some(scores::Charge::Discount) => 90 - 10 * name.unknown - name.depth,
        _ => 0,
    };
    let discount = if lines.list.is_some() {
        lines.choose(is_discount, decimals, &[&quantity, &unit_price, &amount])
    } else {
        Choice::default()
    };
    let mut search = Search {
        lines,
        count,
        line_counts: lines.counts(count),
        decimals,
        columns: [&quantity, &unit_price, &amount, &discount]
            .map(|choice| choice.column(lines.owners.len(), decimals)),
        totals: Vec::new(),
        charges: charges::candidates(lines, orders, lists, count, decimals),
    };
    let taken = [&quantity, &unit_price, &amount];
    search.totals = totals(lines, orders, count, decimals, &taken);
    let best = search.best();
    let mut worth = Worth {
        lacks_quantity: quantity.is_empty() && !lines.owners.is_empty(),
        quantity,
        unit_price,
        amount,
        discount,
        total: best.total.and_then(|at| search.totals.get(at).cloned()).unwrap_or_default(),
        charges: best.charges,
        pricing: best.pricing,
        agreeing: best.agreeing,
        comparable: best.comparable,
    };
    worth.keep_what_counts(best.swapped);
    worth
}

impl Worth<'_, '_> {
    /// Drops the places that the pricing does not use.
    fn keep_what_counts(&mut self, swapped: bool) {
        if swapped {
            std::mem::swap(&mut self.unit_price, &mut self.amount);
        }
        let (price, amount, discounted) = match self.pricing {
            Pricing::Both { discounted } => (true, true, discounted),
            Pricing::Amount => (false, true, false),
            Pricing::Unit { discounted } => (true, false, discounted),
            Pricing::Unpriced => (false, false, false),
        };
        for (choice, stays) in [
            (&mut self.unit_price, price),
            (&mut self.amount, amount),
            (&mut self.discount, discounted),
        ] {
            if !stays {
                *choice = Choice::default();
            }
        }
    }

    /// Whether lines, charges and total agree in the sample.
    pub(super) const fn is_proven(&self) -> bool {
        self.agreeing > 0 && self.agreeing * 2 >= self.comparable
    }
}

/// The candidates for the order's total, the best name first.
fn totals<'p, 'j>(
    lines: &Lines<'p, 'j>,
    orders: &'p [Place<'j>],
    count: usize,
    decimals: Decimals,
    taken: &[&Choice<'p, 'j>],
) -> Vec<Choice<'p, 'j>> {
    /// The maximum number of candidates.
    const MOST: usize = 5;
    let is_taken =
        |place: &Place<'j>| lines.list.is_none() && taken.iter().any(|one| one.has(place));
    let mut totals: Vec<Choice<'p, 'j>> = Vec::new();
    while totals.len() < MOST {
        let places = orders
            .iter()
            .filter(|place| !is_taken(place) && !totals.iter().any(|known| known.has(place)));
        let numbers = |json: &_| value::number(json, decimals).is_some();
        let next = choose::choose(places, count, scores::total, numbers, 30);
        if next.is_empty() {
            break;
        }
        totals.push(next);
    }
    totals
}

/// Whether, by its name, a line's price may also be the line total.
pub(super) fn is_doubtful_price(choice: &Choice<'_, '_>) -> bool {
    choice.places.first().is_some_and(|place| {
        let name = Name::of(&place.path);
        !name.is(Word::Unit) && !name.has(Word::Price)
    })
}

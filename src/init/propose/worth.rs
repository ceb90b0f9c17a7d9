//! Which places state quantities, prices, charges and totals: by names, and by whether they add up.

use rust_decimal::Decimal;

use super::{
    charges::{self, ChargePlace},
    choose::{self, Choice},
    scores,
};
use crate::init::{
    dictionary::{Name, Word},
    path::Path,
    profile::{List, Place},
    value::{self, Decimals},
};

/// Numbers by line or by order; `None` where there is none.
pub(super) type Column = Vec<Option<Decimal>>;

/// How lines state what they come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pricing {
    /// By an amount and by a price, which agree.
    Both { discounted: bool },
    /// By an amount.
    Amount,
    /// By the price of one.
    Unit { discounted: bool },
    /// Not at all: the order's total is shared out.
    Unpriced,
}

/// What the lines are: those of a list, or the order itself.
#[derive(Clone, Debug)]
pub(super) struct Lines<'p, 'j> {
    pub(super) list: Option<&'p Path>,
    pub(super) places: Vec<&'p Place<'j>>,
    /// The order of each line.
    pub(super) owners: Vec<usize>,
}

/// What was found out about an order's worth.
#[derive(Clone, Debug)]
pub(super) struct Worth<'p, 'j> {
    pub(super) quantity: Choice<'p, 'j>,
    pub(super) unit_price: Choice<'p, 'j>,
    pub(super) amount: Choice<'p, 'j>,
    pub(super) discount: Choice<'p, 'j>,
    pub(super) total: Choice<'p, 'j>,
    pub(super) charges: Vec<ChargePlace>,
    pub(super) pricing: Pricing,
    /// Whether no line states a quantity.
    pub(super) lacks_quantity: bool,
    /// Orders whose total is what lines and charges come to, of those that state all.
    pub(super) agreeing: usize,
    pub(super) comparable: usize,
}

impl<'p, 'j> Lines<'p, 'j> {
    pub(super) fn of_list(list: &'p List<'j>) -> Self {
        Self {
            list: Some(&list.path),
            places: list.places.iter().collect(),
            owners: list.lines.iter().map(|(owner, _)| *owner).collect(),
        }
    }

    fn choose(&self, score: impl Fn(&Name) -> i32, decimals: Decimals, but: &[&Choice<'p, 'j>]) -> Choice<'p, 'j> {
        let places = self.places.iter().copied().filter(|place| !but.iter().any(|one| one.has(place)));
        choose::choose(places, self.owners.len(), score, |json| value::number(json, decimals).is_some(), 45)
    }
}

/// Looks for what makes lines, charges and total agree.
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
    /// Drops the places that the way of pricing does not use.
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
        for (choice, stays) in
            [(&mut self.unit_price, price), (&mut self.amount, amount), (&mut self.discount, discounted)]
        {
            if !stays {
                *choice = Choice::default();
            }
        }
    }

    /// Whether lines, charges and total were seen to agree.
    pub(super) const fn is_proven(&self) -> bool {
        self.agreeing > 0 && self.agreeing * 2 >= self.comparable
    }
}

/// The places that may state the order's total, the best name first.
fn totals<'p, 'j>(
    lines: &Lines<'p, 'j>,
    orders: &'p [Place<'j>],
    count: usize,
    decimals: Decimals,
    taken: &[&Choice<'p, 'j>],
) -> Vec<Choice<'p, 'j>> {
    /// More are never compared.
    const MOST: usize = 5;
    let is_taken = |place: &Place<'j>| lines.list.is_none() && taken.iter().any(|one| one.has(place));
    let mut totals: Vec<Choice<'p, 'j>> = Vec::new();
    while totals.len() < MOST {
        let places = orders.iter().filter(|place| {
            !is_taken(place) && !totals.iter().any(|known| known.has(place))
        });
        let numbers = |json: &_| value::number(json, decimals).is_some();
        let next = choose::choose(places, count, scores::total, numbers, 30);
        if next.is_empty() {
            break;
        }
        totals.push(next);
    }
    totals
}

struct Search<'a, 'p, 'j> {
    lines: &'a Lines<'p, 'j>,
    count: usize,
    decimals: Decimals,
    /// Quantity, unit price, amount and discount of each line.
    columns: [Column; 4],
    totals: Vec<Choice<'p, 'j>>,
    charges: Vec<ChargePlace>,
}

#[derive(Debug)]
struct Best {
    pricing: Pricing,
    /// Whether the amount is a unit price in truth, or the other way round.
    swapped: bool,
    total: Option<usize>,
    charges: Vec<ChargePlace>,
    agreeing: usize,
    comparable: usize,
}

impl Search<'_, '_, '_> {
    /// What agrees in the most orders; by names alone where nothing agrees.
    fn best(&self) -> Best {
        let ways = self.ways();
        let columns: Vec<Column> =
            self.totals.iter().map(|total| total.column(self.count, self.decimals)).collect();
        let mut best: Option<(usize, Best)> = None;
        for (pricing, swapped, sums) in &ways {
            for (at, total) in columns.iter().enumerate() {
                for charges in charges::subsets(&self.charges) {
                    let (agreeing, comparable) = self.agreement(sums, total, &charges);
                    let better = best.as_ref().is_none_or(|(known, _)| agreeing > *known);
                    if agreeing > 0 && better {
                        let charges: Vec<ChargePlace> = charges.into_iter().cloned().collect();
                        let found =
                            Best { pricing: *pricing, swapped: *swapped, total: Some(at), charges, agreeing, comparable };
                        best = Some((agreeing, found));
                    }
                }
            }
        }
        match best {
            Some((_, best)) if best.agreeing * 2 >= best.comparable => best,
            _ => self.by_names(&ways, &columns),
        }
    }

    fn by_names(&self, ways: &[(Pricing, bool, Column)], columns: &[Column]) -> Best {
        let (pricing, swapped, sums) = ways.first().map_or_else(
            || (Pricing::Unpriced, false, vec![None; self.count]),
            |(pricing, swapped, sums)| (*pricing, *swapped, sums.clone()),
        );
        let charges: Vec<ChargePlace> =
            self.charges.iter().filter(|charge| charge.by_name).cloned().collect();
        // Where lines are priced, a total of a doubtful name that does not agree is none.
        let least = if sums.iter().any(Option::is_some) { 80 } else { 30 };
        let total = self.totals.first().filter(|total| total.score >= least).map(|_| 0);
        let (agreeing, comparable) = columns.first().filter(|_| total.is_some()).map_or((0, 0), |total| {
            self.agreement(&sums, total, &charges.iter().collect::<Vec<_>>())
        });
        Best { pricing, swapped, total, charges, agreeing, comparable }
    }

    /// The ways in which the lines may be priced, the likeliest first, and what the lines of each
    /// order come to by them.
    fn ways(&self) -> Vec<(Pricing, bool, Column)> {
        let [quantity, price, amount, discount] = &self.columns;
        let some = |column: &Column| column.iter().any(Option::is_some);
        let product = |at: usize, by: &Column| -> Option<Decimal> {
            let price = by.get(at).copied().flatten()?;
            let quantity = if some(quantity) { quantity.get(at).copied().flatten()? } else { Decimal::ONE };
            price.checked_mul(quantity)
        };
        let less = |at: usize| discount.get(at).copied().flatten().unwrap_or_default();
        let lines = 0..self.lines.owners.len();
        let of = |each: &dyn Fn(usize) -> Option<Decimal>| -> Column { lines.clone().map(each).collect() };
        let plain = of(&|at| product(at, price));
        let discounted = of(&|at| product(at, price)?.checked_sub(less(at)));
        let mut ways = Vec::new();
        let consistent = |by: &Column| {
            let pairs = by.iter().zip(amount).filter_map(|(by, amount)| Some(((*by)?, (*amount)?)));
            let agree: Vec<bool> = pairs.map(|(by, amount)| (by - amount).abs() <= Decimal::new(5, 3)).collect();
            !agree.is_empty() && agree.iter().filter(|agree| **agree).count() * 10 >= agree.len() * 8
        };
        if consistent(&discounted) && some(discount) {
            ways.push((Pricing::Both { discounted: true }, false, amount.clone()));
        } else if consistent(&plain) {
            ways.push((Pricing::Both { discounted: false }, false, amount.clone()));
        }
        if some(amount) {
            ways.push((Pricing::Amount, false, amount.clone()));
        }
        if some(price) && some(discount) {
            ways.push((Pricing::Unit { discounted: true }, false, discounted));
        }
        if some(price) {
            ways.push((Pricing::Unit { discounted: false }, false, plain));
        }
        if some(price) && !some(amount) && some(quantity) && self.lines.list.is_some() {
            ways.push((Pricing::Amount, true, price.clone()));
        }
        if some(amount) && !some(price) {
            ways.push((Pricing::Unit { discounted: false }, true, of(&|at| product(at, amount))));
        }
        ways.into_iter().map(|(pricing, swapped, column)| (pricing, swapped, self.sums(&column))).collect()
    }

    /// The sum over the lines of each order; `None` where a line has no number, or there is no line.
    fn sums(&self, column: &Column) -> Column {
        let mut sums: Vec<Option<Option<Decimal>>> = vec![None; self.count];
        for (owner, number) in self.lines.owners.iter().zip(column) {
            if let Some(sum) = sums.get_mut(*owner) {
                let before = sum.unwrap_or(Some(Decimal::ZERO));
                *sum = Some(before.and_then(|before| before.checked_add((*number)?)));
            }
        }
        sums.into_iter().map(Option::flatten).collect()
    }

    /// Orders whose total is what lines and charges come to, of those that state all.
    fn agreement(&self, sums: &Column, total: &Column, charges: &[&ChargePlace]) -> (usize, usize) {
        let (mut agreeing, mut comparable) = (0, 0);
        for (at, (sum, total)) in sums.iter().zip(total).enumerate() {
            let (Some(sum), Some(total)) = (sum, total) else { continue };
            comparable += 1;
            let charges: Decimal = charges.iter().map(|charge| charge.of(at)).sum();
            let lines = self.lines.owners.iter().filter(|owner| **owner == at).count();
            let tolerance = Decimal::new(5, 3).saturating_mul(lines.max(1).into());
            agreeing += usize::from((sum.saturating_add(charges) - total).abs() <= tolerance);
        }
        (agreeing, comparable)
    }
}

/// Whether a line's price may as well be what the whole line comes to: by its name.
pub(super) fn is_doubtful_price(choice: &Choice<'_, '_>) -> bool {
    choice.places.first().is_some_and(|place| {
        let name = Name::of(&place.path);
        !name.is(Word::Unit) && !name.has(Word::Price)
    })
}

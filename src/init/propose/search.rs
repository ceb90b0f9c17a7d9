//! Searches for the pricing, total and charges that agree in the most orders.

use rust_decimal::Decimal;

use super::{
    charges::{self, ChargePlace},
    choose::{Choice, Column},
    lines::{Lines, Pricing},
};
use crate::init::value::Decimals;

/// The candidates of the search.
pub(super) struct Search<'a, 'p, 'j> {
    pub(super) lines: &'a Lines<'p, 'j>,
    pub(super) count: usize,
    /// The number of lines of each order.
    pub(super) line_counts: Vec<usize>,
    pub(super) decimals: Decimals,
    /// Quantity, unit price, amount and discount of each line.
    pub(super) columns: [Column; 4],
    pub(super) totals: Vec<Choice<'p, 'j>>,
    pub(super) charges: Vec<ChargePlace>,
}

/// The best combination.
#[derive(Debug)]
pub(super) struct Best {
    pub(super) pricing: Pricing,
    /// Whether unit price and amount are swapped.
    pub(super) swapped: bool,
    pub(super) total: Option<usize>,
    pub(super) charges: Vec<ChargePlace>,
    pub(super) agreeing: usize,
    pub(super) comparable: usize,
}

impl Search<'_, '_, '_> {
    /// The combination that agrees in the most orders; if none agrees, the one chosen by names.
    pub(super) fn best(&self) -> Best {
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
                        let found = Best {
                            pricing: *pricing,
                            swapped: *swapped,
                            total: Some(at),
                            charges,
                            agreeing,
                            comparable,
                        };
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
        // If lines have prices, a total with an unclear name that does not agree is ignored.
        let least = if sums.iter().any(Option::is_some) { 80 } else { 30 };
        let total = self.totals.first().filter(|total| total.score >= least).map(|_| 0);
        let (agreeing, comparable) =
            columns.first().filter(|_| total.is_some()).map_or((0, 0), |total| {
                self.agreement(&sums, total, &charges.iter().collect::<Vec<_>>())
            });
        Best { pricing, swapped, total, charges, agreeing, comparable }
    }

    /// The possible ways of pricing, the most likely first, with the resulting sum of lines of each
    /// order.
    fn ways(&self) -> Vec<(Pricing, bool, Column)> {
        let [quantity, price, amount, discount] = &self.columns;
        let some = |column: &Column| column.iter().any(Option::is_some);
        let product = |at: usize, by: &Column| -> Option<Decimal> {
            let price = by.get(at).copied().flatten()?;
            let quantity =
                if some(quantity) { quantity.get(at).copied().flatten()? } else { Decimal::ONE };
            price.checked_mul(quantity)
        };
        let less = |at: usize| discount.get(at).copied().flatten().unwrap_or_default();
        let lines = 0..self.lines.owners.len();
        let of = |each: &dyn Fn(usize) -> Option<Decimal>| -> Column {
            lines.clone().map(each).collect()
        };
        let plain = of(&|at| product(at, price));
        let discounted = of(&|at| product(at, price)?.checked_sub(less(at)));
        let mut ways = Vec::new();
        let consistent = |by: &Column| {
            let pairs = by.iter().zip(amount).filter_map(|(by, amount)| Some(((*by)?, (*amount)?)));
            let agree: Vec<bool> =
                pairs.map(|(by, amount)| (by - amount).abs() <= Decimal::new(5, 3)).collect();
            !agree.is_empty()
                && agree.iter().filter(|agree| **agree).count() * 10 >= agree.len() * 8
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
        ways.into_iter()
            .map(|(pricing, swapped, column)| (pricing, swapped, self.sums(&column)))
            .collect()
    }

    /// The sum over the lines of each order; `None` if a line has no number or there are no lines.
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

    /// The number of orders whose total equals lines plus charges, and of those that have all
    /// values.
    fn agreement(&self, sums: &Column, total: &Column, charges: &[&ChargePlace]) -> (usize, usize) {
        let (mut agreeing, mut comparable) = (0, 0);
        for (at, (sum, total)) in sums.iter().zip(total).enumerate() {
            let (Some(sum), Some(total)) = (sum, total) else { continue };
            comparable += 1;
            let charges: Decimal = charges.iter().map(|charge| charge.of(at)).sum();
            let lines = self.line_counts.get(at).copied().unwrap_or_default();
            let tolerance = Decimal::new(5, 3).saturating_mul(lines.max(1).into());
            agreeing += usize::from((sum.saturating_add(charges) - total).abs() <= tolerance);
        }
        (agreeing, comparable)
    }
}

//! The result of processing a sample with the rules of a mapping.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::{
    format::Schemas,
    kafka::{Record, TopicPartition},
    order::{Meaning, Order, OrderKey, Reason, Rules, Unmapped},
};

/// The result of processing records in sequence.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) records: usize,
    /// The final orders: the last version of each, without cancelled ones.
    pub(crate) orders: usize,
    /// Cancelled orders.
    pub(crate) cancelled: usize,
    /// Ignored records.
    pub(crate) ignored: usize,
    /// Rejected records: the count of each reason, and the detail of the first one.
    pub(crate) dead_letters: BTreeMap<Reason, (usize, String)>,
    /// The total of the final orders.
    pub(crate) sum: Decimal,
    /// The first and the last day of sale.
    pub(crate) days: Option<(Date, Date)>,
    /// The number of times that an order was replaced with different contents.
    pub(crate) replaced: usize,
    /// The number of orders with a field that no role reads, by its kind.
    pub(crate) unmapped: BTreeMap<&'static str, usize>,
    /// The final orders, in the order of their first occurrence.
    pub(crate) kept: Vec<Order>,
}

/// Processes `sample` with `rules` and `schemas`.
pub(crate) fn outcome(
    sample: &[(TopicPartition, Record)],
    rules: &Rules,
    schemas: &Schemas,
) -> Outcome {
    let mut outcome = Outcome { records: sample.len(), ..Outcome::default() };
    let mut versions: HashMap<OrderKey, (usize, Order)> = HashMap::new();
    for (partition, record) in sample {
        match rules.understand(partition, record, schemas) {
            Ok(Meaning::Ignored) => outcome.ignored += 1,
            Ok(meaning) => {
                for order in meaning.orders() {
                    outcome.take(order, &mut versions);
                }
            }
            Err(rejection) => {
                let detail = rejection.detail().to_owned();
                outcome.dead_letters.entry(rejection.reason()).or_insert((0, detail)).0 += 1;
            }
        }
    }
    let mut orders: Vec<(usize, Order)> =
        versions.into_values().filter(|(_, order)| !order.is_cancelled()).collect();
    orders.sort_by_key(|(since, _)| *since);
    for (_, order) in orders {
        outcome.orders += 1;
        outcome.sum = outcome.sum.saturating_add(order.total());
        if let Some(day) = order.sold_at().map(|time| time.date()) {
            let (first, last) = outcome.days.unwrap_or((day, day));
            outcome.days = Some((first.min(day), last.max(day)));
        }
        outcome.kept.push(order);
    }
    outcome
}

impl Outcome {
    fn take(&mut self, order: &Order, versions: &mut HashMap<OrderKey, (usize, Order)>) {
        self.cancelled += usize::from(order.is_cancelled());
        for kind in order.unmapped().kinds() {
            if let Some(name) = Unmapped::KINDS.get(kind) {
                *self.unmapped.entry(name).or_default() += 1;
            }
        }
        let since = versions.len();
        match versions.get_mut(order.key()) {
            Some((_, known)) => {
                let changed = !order.is_cancelled() && !known.is_cancelled() && known != order;
                self.replaced += usize::from(changed);
                *known = order.clone();
            }
            None => {
                versions.insert(order.key().clone(), (since, order.clone()));
            }
        }
    }

    /// The most frequent reason for rejection, with the detail of its first record.
    pub(crate) fn commonest(&self) -> Option<(Reason, &str)> {
        // In case of a tie, the first one.
        let letters = self.dead_letters.iter().rev();
        letters
            .max_by_key(|(_, (count, _))| *count)
            .map(|(reason, (_, detail))| (*reason, &**detail))
    }

    /// Whether all records, at least one, were rejected.
    pub(crate) fn is_rejected(&self) -> bool {
        self.records > 0 && self.rejected() == self.records
    }

    /// The number of rejected records.
    pub(crate) fn rejected(&self) -> usize {
        self.dead_letters.values().map(|(count, _)| count).sum()
    }
}

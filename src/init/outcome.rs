//! What the records of a sample come to by the rules of a mapping.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::{
    config::{self, Problems, Sources},
    format::Schemas,
    init::{
        proposal::{Setting, Table},
        render,
    },
    kafka::{Record, TopicPartition},
    order::{Meaning, Order, OrderKey, Reason, Rules, Unmapped},
};

/// What records come to, taken one after the other.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) records: usize,
    /// The orders in the end: the last version of each, without those that were cancelled.
    pub(crate) orders: usize,
    /// Orders that a record cancelled.
    pub(crate) cancelled: usize,
    /// Records that were passed over.
    pub(crate) ignored: usize,
    /// Records that are no valid orders: how many of each reason, and where the first one's trouble is.
    pub(crate) dead_letters: BTreeMap<Reason, (usize, String)>,
    /// Of the orders in the end.
    pub(crate) sum: Decimal,
    /// The first and the last day of a sale.
    pub(crate) days: Option<(Date, Date)>,
    /// How often an order came again with other contents.
    pub(crate) replaced: usize,
    /// How many orders name something that no role takes up, by its kind.
    pub(crate) unmapped: BTreeMap<&'static str, usize>,
    /// The orders in the end, in the order in which they came first.
    pub(crate) kept: Vec<Order>,
}

/// What `sample` comes to by `rules` and `schemas`.
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

    /// The commonest reason for which records are no valid orders, and where the first one's trouble is.
    pub(crate) fn commonest(&self) -> Option<(Reason, &str)> {
        // Of several that are as common, the first one.
        let letters = self.dead_letters.iter().rev();
        letters
            .max_by_key(|(_, (count, _))| *count)
            .map(|(reason, (_, detail))| (*reason, &**detail))
    }

    /// Whether there are records, and none is an order, cancels one or is ignored.
    pub(crate) fn is_rejected(&self) -> bool {
        self.records > 0 && self.rejected() == self.records
    }

    /// How many records are no valid orders.
    pub(crate) fn rejected(&self) -> usize {
        self.dead_letters.values().map(|(count, _)| count).sum()
    }
}

/// The rules that `settings` make, for a shop in that time zone that keeps its books in `currency`
/// unless the settings say otherwise.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn rules(
    settings: &[Setting],
    zone: &str,
    currency: &str,
) -> Result<std::sync::Arc<Rules>, Problems> {
    let sets_currency =
        settings.iter().any(|setting| setting.table == Table::Orders && setting.key == "currency");
    let (orders, mapping): (Vec<Setting>, Vec<Setting>) =
        settings.iter().cloned().partition(|setting| setting.table == Table::Orders);
    let mut text = format!("[orders]\nshop_timezone = {zone:?}\n");
    if !sets_currency {
        text.push_str(&format!("currency = {currency:?}\n"));
    }
    for setting in orders {
        text.push_str(&format!("{}\n", setting.line()));
    }
    text.push_str(&render::toml(&mapping, None));
    let config = config::load(&Sources { text: Some(text), ..Sources::default() })?;
    Ok(std::sync::Arc::clone(&config.rules.general))
}

//! The counts of a run: its records and orders, by outcome.

use std::fmt;

use crate::{order::Unmapped, process::ProcessedBatch};

/// Counts of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records committed; a record counts each time that it is committed.
    pub records: u64,
    /// Orders in them, one or several per record, without cancelled ones.
    pub orders: u64,
    /// Cancelled orders.
    pub cancelled: u64,
    /// Records that the mapping ignores.
    pub ignored: u64,
    /// Records that became dead letters.
    pub dead_letters: u64,
    /// Orders whose record has a field of each of [`Unmapped::KINDS`] that no role reads.
    pub unmapped: [u64; Unmapped::KINDS.len()],
}

impl Tally {
    /// Counts the records of `batch`.
    pub(crate) fn of(batch: &ProcessedBatch) -> Self {
        let mut tally = Self { records: batch.outcomes().len() as u64, ..Self::default() };
        for outcome in batch.outcomes() {
            let orders = match &outcome.result {
                Ok(meaning) => meaning.orders(),
                Err(_) => {
                    tally.dead_letters += 1;
                    continue;
                }
            };
            tally.ignored += u64::from(orders.is_empty());
            for order in orders {
                let counter =
                    if order.is_cancelled() { &mut tally.cancelled } else { &mut tally.orders };
                *counter += 1;
                if !order.unmapped().is_empty() {
                    for kind in order.unmapped().kinds() {
                        if let Some(orders) = tally.unmapped.get_mut(kind) {
                            *orders += 1;
                        }
                    }
                }
            }
        }
        tally
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.orders += other.orders;
        self.cancelled += other.cancelled;
        self.ignored += other.ignored;
        self.dead_letters += other.dead_letters;
        for (orders, more) in self.unmapped.iter_mut().zip(other.unmapped) {
            *orders += more;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, orders, cancelled, ignored, dead_letters, .. } = self;
        write!(
            f,
            "{records} records: {orders} orders, {cancelled} cancelled, {ignored} ignored, \
             {dead_letters} dead letters"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use crate::{
        order::{Meaning, OrderKey, sample},
        process::tests::batch_of,
    };

    #[test]
    fn records_are_counted_once_and_each_of_their_orders() {
        let number = OrderKey::Number;
        let batch = batch_of(vec![
            Meaning::Orders(vec![sample::order(number(1), "1"), sample::cancelled(number(2))]),
            Meaning::Ignored,
            Meaning::Order(sample::order(number(3), "1")),
        ]);
        let mut tally = Tally::of(&batch);
        tally.add(&Tally { dead_letters: 1, records: 1, ..Tally::default() });
        let text = "4 records: 2 orders, 1 cancelled, 1 ignored, 1 dead letters";
        assert_eq!(tally.to_string(), text);
    }
}

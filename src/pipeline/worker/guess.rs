//! Guesses whether a partition's next orders are new.
//!
//! Most orders are, and inserting new rows costs PostgreSQL half as much as upserting them. If one
//! order already exists, the statement fails, and with it everything in flight after it.
//! Redelivered and corrected orders come in runs, so the next orders are likely to exist as well.
//! After a wrong guess the partition therefore uses upserts for a while, and for twice as long each
//! time that few inserts succeeded in between. A stream of only existing orders then has one failed
//! statement in a thousand, and a stream of only new orders has none.

use crate::store::WriteMode;

/// The number of upserts after a wrong guess that followed a run of right ones.
const FEWEST: u32 = 16;
/// The maximum number of upserts after a wrong guess.
const MOST: u32 = 1024;

/// Chooses between insert and upsert; counts are in commits.
#[derive(Debug, Default)]
pub(super) struct Guess {
    /// Remaining upserts.
    upserts: u32,
    /// The number of upserts after the last wrong guess.
    stretch: u32,
    /// Successful inserts since then.
    inserted: u32,
}

impl Guess {
    /// The way of the next commit.
    pub(super) fn next(&mut self) -> WriteMode {
        match self.upserts {
            0 => WriteMode::Insert,
            _ => {
                self.upserts -= 1;
                WriteMode::Upsert
            }
        }
    }

    /// All orders of an insert were new.
    pub(super) const fn right(&mut self) {
        self.inserted = self.inserted.saturating_add(1);
    }

    /// One of them was not.
    pub(super) fn wrong(&mut self) {
        let paid = self.inserted >= FEWEST;
        self.stretch =
            if paid { FEWEST } else { self.stretch.saturating_mul(2).clamp(FEWEST, MOST) };
        self.upserts = self.stretch;
        self.inserted = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of successful and failed inserts in `commits` commits, if every `nth` has an
    /// existing order.
    fn wrong_of(commits: u32, nth: u32) -> (u32, u32) {
        let mut guess = Guess::default();
        let (mut inserts, mut wrong) = (0, 0);
        for commit in 1..=commits {
            if guess.next() == WriteMode::Insert {
                if commit % nth == 0 {
                    guess.wrong();
                    wrong += 1;
                } else {
                    guess.right();
                    inserts += 1;
                }
            }
        }
        (inserts, wrong)
    }

    #[test]
    fn new_orders_are_always_inserted() {
        assert_eq!(wrong_of(10_000, u32::MAX), (10_000, 0));
    }

    #[test]
    fn with_only_existing_orders_few_statements_fail() {
        let (inserts, wrong) = wrong_of(100_000, 1);
        assert_eq!(inserts, 0);
        assert!(wrong < 110, "{wrong}");
    }

    #[test]
    fn with_few_existing_orders_most_are_inserted() {
        let (inserts, wrong) = wrong_of(100_000, 1000);
        assert!(inserts > 98_000 && wrong <= 100, "{inserts} {wrong}");
    }

    #[test]
    fn with_some_existing_orders_it_rarely_switches() {
        for nth in [2, 3, 5, 10] {
            let (_, wrong) = wrong_of(100_000, nth);
            assert!(wrong < 200, "{nth}: {wrong}");
        }
    }
}

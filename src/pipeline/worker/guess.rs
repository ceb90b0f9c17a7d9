//! Guesses whether a partition's next orders are new.
//!
//! Most orders are, and to insert new rows costs PostgreSQL half of what an upsert does. Where one of
//! them is there already the statement has failed for nothing, and everything in flight behind it.
//! Redelivery and corrections come in stretches, so that the next orders are likely to be there, too: after
//! a wrong guess the partition stays with upserts for a while, and for twice as long each time that
//! hardly anything was inserted in between. So a stream of nothing but such orders pays for one failed
//! statement in a thousand, and one without any for none.

use crate::store::Way;

/// Upserts after a wrong guess that came after a stretch of right ones.
const FEWEST: u32 = 16;
/// Upserts after a wrong guess at most.
const MOST: u32 = 1024;

/// Chooses between the ways of a commit; counts are in commits.
#[derive(Debug, Default)]
pub(super) struct Guess {
    /// Upserts that are still to be made.
    upserts: u32,
    /// How many were to be made after the last wrong guess.
    stretch: u32,
    /// Inserts that went well since then.
    inserted: u32,
}

impl Guess {
    /// The way of the next commit.
    pub(super) fn next(&mut self) -> Way {
        match self.upserts {
            0 => Way::Insert,
            _ => {
                self.upserts -= 1;
                Way::Upsert
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

    /// How many inserts of `commits` commits go wrong where every `nth` has an order that is there.
    fn wrong_of(commits: u32, nth: u32) -> (u32, u32) {
        let mut guess = Guess::default();
        let (mut inserts, mut wrong) = (0, 0);
        for commit in 1..=commits {
            if guess.next() == Way::Insert {
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
    fn where_all_are_there_hardly_any_statement_fails() {
        let (inserts, wrong) = wrong_of(100_000, 1);
        assert_eq!(inserts, 0);
        assert!(wrong < 110, "{wrong}");
    }

    #[test]
    fn where_few_are_there_most_are_inserted() {
        let (inserts, wrong) = wrong_of(100_000, 1000);
        assert!(inserts > 98_000 && wrong <= 100, "{inserts} {wrong}");
    }

    #[test]
    fn where_some_are_there_it_does_not_change_its_mind_all_the_time() {
        for nth in [2, 3, 5, 10] {
            let (_, wrong) = wrong_of(100_000, nth);
            assert!(wrong < 200, "{nth}: {wrong}");
        }
    }
}

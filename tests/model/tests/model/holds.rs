//! Worlds in which the protocols hold.

use commit_model::{Again, DEPTH, FirstTry, Rules, World};

use super::*;

const BATCHES: Rules = Rules::batches();
const MERGED: Rules = Rules::merged();

/// A connection breaks or an instance is killed.
const BREAK: Faults = Faults { all: 1, lost: 1, killed: 1, ..NONE };

#[test]
fn batches_of_two_instances() {
    let mut states = holds("batches, cancelled", two(BATCHES, CANCELLED, ANY));
    states += holds("batches, listed", two(BATCHES, LISTED, ANY));
    states += holds("batches, rejected", two(BATCHES, REJECTED, ANY));
    assert!(states > 400_000, "{states}");
}

#[test]
fn batches_of_one_instance() {
    let deep = World { depth: DEPTH, ..one(BATCHES, LONG, ANY) };
    let mut states = holds("batches, 5 records, 3 in flight", deep);
    states += holds("batches, two faults", one(BATCHES, LISTED, ANY_TWO));
    assert!(states > 30_000, "{states}");
}

#[test]
fn merged_of_two_instances() {
    let mut states = holds("merged, cancelled", two(MERGED, CANCELLED, ANY));
    states += holds("merged, listed", two(MERGED, LISTED, ANY));
    states += holds("merged, rejected", two(MERGED, REJECTED, ANY));
    assert!(states > 400_000, "{states}");
}

#[test]
fn merged_of_one_instance() {
    let deep = World { depth: DEPTH, ..one(MERGED, LONG, ANY) };
    let mut states = holds("merged, 5 records, 3 in flight", deep);
    states += holds("merged, two faults", one(MERGED, LISTED, ANY_TWO));
    assert!(states > 30_000, "{states}");
}

#[test]
fn two_faults_and_two_instances() {
    let mut states = holds("batches, two of each", two(BATCHES, &CANCELLED[..2], ANY_TWO));
    states += holds("merged, two of each", two(MERGED, &CANCELLED[..2], ANY_TWO));
    assert!(states > 100_000, "{states}");
}

#[test]
fn long_way_of_two_instances() {
    let mut states = holds("batches, 4 records, two instances", two(BATCHES, &LONG[..4], BREAK));
    states += holds("merged, 4 records, two instances", two(MERGED, &LONG[..4], BREAK));
    assert!(states > 100_000, "{states}");
}

#[test]
fn merged_with_any_policy_of_inserts() {
    let either = Rules { first: FirstTry::Either, ..MERGED };
    let states = holds("merged, inserts or not", two(either, &CANCELLED[..2], ANY));
    assert!(states > 10_000, "{states}");
}

#[test]
fn time_passes_within_a_statement() {
    for (name, rules) in [("batches, snapshots", BATCHES), ("merged, snapshots", MERGED)] {
        let world = World { depth: 1, snapshots: true, ..two(rules, CANCELLED, RESET) };
        let states = holds(name, world);
        assert!(states > 5_000, "{states}");
    }
}

/// The proof does not depend on these.
#[test]
fn rules_that_are_not_needed() {
    for (name, rules) in [("batches", BATCHES), ("merged", MERGED)] {
        let log = &CANCELLED[..2];
        let any_order = Rules { in_order: false, ..rules };
        holds(&format!("{name}, a connection's statements in any order"), two(any_order, log, ANY));
        let again = match rules.again {
            Again::AtOnce => Again::Settled,
            Again::Settled => Again::AtOnce,
        };
        let other_time = Rules { again, ..rules };
        holds(&format!("{name}, tried again {again:?}"), two(other_time, log, ANY));
    }
}

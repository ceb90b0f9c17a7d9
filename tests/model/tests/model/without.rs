//! Worlds without one of the rules, and the property that then fails.

use commit_model::{
    AfterDoubt, DEAD_LETTERS, DONE, NEVER, OnDuplicate, OnRejected, REPORTED, ROWS, Rules, TWICE,
    Transaction, World,
};

use super::*;

const MERGED: Rules = Rules::merged();

/// Both protocols.
const BOTH: [Rules; 2] = [Rules::batches(), MERGED];

#[test]
fn the_offset_is_not_compared() {
    for rules in BOTH {
        let rules = Rules { compare_offset: false, ..rules };
        let name = "the offset compared";
        breaks(name, two(rules, CANCELLED, NONE), TWICE);
        breaks(name, two(rules, CANCELLED, NONE), NEVER);
    }
}

#[test]
fn statements_after_a_failed_one_are_not_fenced() {
    for rules in BOTH {
        let rules = Rules { compare_offset_behind: false, ..rules };
        breaks("the offset compared after others", one(rules, LISTED, NONE), NEVER);
    }
}

#[test]
fn the_topic_is_not_compared() {
    for rules in BOTH {
        let rules = Rules { compare_topic: false, ..rules };
        breaks("the topic compared", one(rules, CANCELLED, RENEW), NEVER);
    }
}

#[test]
fn the_topic_of_the_row_is_not_checked() {
    for rules in BOTH {
        let rules = Rules { check_topic: false, ..rules };
        never_ends("the row's topic checked", one(rules, CANCELLED, RENEW));
    }
}

#[test]
fn rows_and_offset_are_two_transactions() {
    for rules in BOTH {
        let first = Rules { transaction: Transaction::RowsFirst, ..rules };
        breaks("one transaction, rows first", one(first, CANCELLED, CRASH), TWICE);
        let last = Rules { transaction: Transaction::OffsetFirst, ..rules };
        breaks("one transaction, offset first", one(last, CANCELLED, CRASH), NEVER);
    }
}

#[test]
fn a_worker_trusts_its_own_offset() {
    for rules in BOTH {
        let name = "the row read after a missing answer";
        let all = Rules { doubt: AfterDoubt::AllDone, ..rules };
        never_ends(name, one(all, CANCELLED, ANY));
        let nothing = Rules { doubt: AfterDoubt::NothingDone, ..rules };
        never_ends(name, one(nothing, CANCELLED, ANY));
        let told = Rules { doubt: AfterDoubt::AllDone, tell_row: false, ..rules };
        breaks(name, one(told, CANCELLED, ANY), REPORTED);
    }
}

#[test]
fn pending_batches_of_another_offset_are_kept() {
    for rules in BOTH {
        let rules = Rules { drop_elsewhere: false, ..rules };
        never_ends("batches of another offset dropped", two(rules, CANCELLED, NONE));
    }
}

#[test]
fn offsets_are_reported_before_they_are_durable() {
    for rules in BOTH {
        let not_durable = Rules { durable_first: false, ..rules };
        breaks("a synchronous commit first", one(not_durable, CANCELLED, CRASH), REPORTED);
        let memory = Rules { tell_row: false, ..rules };
        breaks("the row reported", one(memory, CANCELLED, CRASH), REPORTED);
    }
}

#[test]
fn the_first_version_wins() {
    for rules in BOTH {
        let rules = Rules { last_version: false, ..rules };
        breaks("the last version", one(rules, CANCELLED, NONE), ROWS);
    }
}

#[test]
fn rows_of_orders_that_must_be_deleted_are_not_checked() {
    for rules in BOTH {
        let rules = Rules { look: false, ..rules };
        breaks("the check, cancelled", one(rules, &CANCELLED[1..], NONE), ROWS);
    }
    let upserts = Rules { look: false, ..Rules::batches() };
    breaks("the check, listed", one(upserts, LISTED, NONE), ROWS);
    // A listed order also has a row in `sales`, at which an insert fails.
    let inserts = Rules { look: false, ..MERGED };
    holds("merged, without the check, listed", one(inserts, LISTED, ANY));
}

#[test]
fn the_full_statement_is_not_sent() {
    for rules in BOTH {
        let rules = Rules { full_after_not_moved: false, ..rules };
        never_ends("the full statement after it", one(rules, CANCELLED, NONE));
    }
}

#[test]
fn a_reset_does_not_wait_for_a_statement() {
    for rules in BOTH {
        let rules = Rules { reset_waits: false, ..rules };
        let world = World { depth: 1, snapshots: true, ..two(rules, CANCELLED, RESET) };
        breaks("the reset's table lock", world, ROWS);
    }
}

#[test]
fn a_rejected_row_is_not_isolated() {
    for rules in BOTH {
        let all = Rules { rejected: OnRejected::AllLetters, ..rules };
        breaks("halving, all become dead letters", one(all, REJECTED, NONE), DEAD_LETTERS);
        let none = Rules { rejected: OnRejected::LeaveOut, ..rules };
        breaks("halving, left out", one(none, REJECTED, NONE), DEAD_LETTERS);
    }
}

#[test]
fn merged_batches_are_not_adjacent() {
    let rules = Rules { adjoining: false, ..MERGED };
    breaks("adjoining", two(rules, CANCELLED, RESET), NEVER);
}

#[test]
fn an_insert_skips_existing_rows() {
    let rules = Rules { unique: false, ..MERGED };
    breaks("the unique violation", one(rules, CANCELLED, NONE), ROWS);
}

#[test]
fn a_unique_violation_is_treated_as_committed() {
    let rules = Rules { duplicate: OnDuplicate::TakeForDone, ..MERGED };
    let name = "an upsert after a unique violation, taken for done";
    never_ends(name, one(rules, CANCELLED, NONE));
    let told = Rules { tell_row: false, ..rules };
    breaks(name, one(told, CANCELLED, NONE), REPORTED);
}

#[test]
fn a_unique_violation_is_resolved_in_part() {
    let one_row = Rules { duplicate: OnDuplicate::UpsertOne, ..MERGED };
    let name = "an upsert of all after a unique violation";
    breaks(name, one(one_row, CANCELLED, NONE), NEVER);
    let skipped = Rules { duplicate: OnDuplicate::PassOver, ..MERGED };
    breaks("it, skipped", one(skipped, CANCELLED, NONE), NEVER);
    let again = Rules { duplicate: OnDuplicate::InsertAgain, ..MERGED };
    never_ends("it, inserted again", one(again, CANCELLED, NONE));
}

/// The property "everything is committed at the end" is meaningful.
#[test]
fn nothing_is_committed_at_the_end() {
    let rules = Rules { compare_topic: false, ..MERGED };
    breaks("the topic compared", one(rules, CANCELLED, RENEW), DONE);
}

//! Worlds in which a rule is taken away, and what is then found.

use commit_model::{
    AfterDoubt, DONE, LETTERS, NEVER, OnDuplicate, OnRejected, ROWS, Rules, TOLD, TWICE,
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
fn statements_behind_a_failed_one_are_not_fenced() {
    for rules in BOTH {
        let rules = Rules { compare_offset_behind: false, ..rules };
        breaks("the offset compared behind others", one(rules, LISTED, NONE), NEVER);
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
fn the_topic_of_the_row_is_not_looked_at() {
    for rules in BOTH {
        let rules = Rules { check_topic: false, ..rules };
        never_ends("the row's topic looked at", one(rules, CANCELLED, RENEW));
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
fn a_worker_trusts_its_memory_after_a_doubt() {
    for rules in BOTH {
        let name = "the row read after a doubt";
        let all = Rules { doubt: AfterDoubt::AllDone, ..rules };
        never_ends(name, one(all, CANCELLED, ANY));
        let nothing = Rules { doubt: AfterDoubt::NothingDone, ..rules };
        never_ends(name, one(nothing, CANCELLED, ANY));
        let told = Rules { doubt: AfterDoubt::AllDone, tell_row: false, ..rules };
        breaks(name, one(told, CANCELLED, ANY), TOLD);
    }
}

#[test]
fn what_is_prepared_for_elsewhere_is_kept() {
    for rules in BOTH {
        let rules = Rules { drop_elsewhere: false, ..rules };
        never_ends("batches for elsewhere dropped", two(rules, CANCELLED, NONE));
    }
}

#[test]
fn it_is_told_before_it_is_durable() {
    for rules in BOTH {
        let not_durable = Rules { durable_first: false, ..rules };
        breaks("a synchronous commit first", one(not_durable, CANCELLED, CRASH), TOLD);
        let memory = Rules { tell_row: false, ..rules };
        breaks("the row told", one(memory, CANCELLED, CRASH), TOLD);
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
fn rows_of_orders_that_have_to_go_are_not_looked_for() {
    for rules in BOTH {
        let rules = Rules { look: false, ..rules };
        breaks("the look, cancelled", one(rules, &CANCELLED[1..], NONE), ROWS);
    }
    let upserts = Rules { look: false, ..Rules::batches() };
    breaks("the look, listed", one(upserts, LISTED, NONE), ROWS);
    // A listed order has a row in `sales` as well, at which an insert fails.
    let inserts = Rules { look: false, ..MERGED };
    holds("merged, without the look, listed", one(inserts, LISTED, ANY));
}

#[test]
fn the_full_statement_does_not_follow() {
    for rules in BOTH {
        let rules = Rules { full_after_not_moved: false, ..rules };
        never_ends("the full statement after it", one(rules, CANCELLED, NONE));
    }
}

#[test]
fn a_reset_passes_a_statement_under_way() {
    for rules in BOTH {
        let rules = Rules { reset_waits: false, ..rules };
        let world = World { depth: 1, snapshots: true, ..two(rules, CANCELLED, RESET) };
        breaks("the reset's table lock", world, ROWS);
    }
}

#[test]
fn a_rejected_row_is_not_singled_out() {
    for rules in BOTH {
        let all = Rules { rejected: OnRejected::AllLetters, ..rules };
        breaks("halving, all become dead letters", one(all, REJECTED, NONE), LETTERS);
        let none = Rules { rejected: OnRejected::LeaveOut, ..rules };
        breaks("halving, left out", one(none, REJECTED, NONE), LETTERS);
    }
}

#[test]
fn merged_batches_do_not_adjoin() {
    let rules = Rules { adjoining: false, ..MERGED };
    breaks("adjoining", two(rules, CANCELLED, RESET), NEVER);
}

#[test]
fn an_insert_passes_over_what_is_there() {
    let rules = Rules { unique: false, ..MERGED };
    breaks("the unique violation", one(rules, CANCELLED, NONE), ROWS);
}

#[test]
fn a_unique_violation_is_taken_for_done() {
    let rules = Rules { duplicate: OnDuplicate::TakeForDone, ..MERGED };
    let name = "an upsert after a unique violation, taken for done";
    never_ends(name, one(rules, CANCELLED, NONE));
    let told = Rules { tell_row: false, ..rules };
    breaks(name, one(told, CANCELLED, NONE), TOLD);
}

#[test]
fn a_unique_violation_is_mended_in_part() {
    let one_row = Rules { duplicate: OnDuplicate::UpsertOne, ..MERGED };
    let name = "an upsert of all after a unique violation";
    breaks(name, one(one_row, CANCELLED, NONE), NEVER);
    let skipped = Rules { duplicate: OnDuplicate::PassOver, ..MERGED };
    breaks("it, passed over", one(skipped, CANCELLED, NONE), NEVER);
    let again = Rules { duplicate: OnDuplicate::InsertAgain, ..MERGED };
    never_ends("it, inserted again", one(again, CANCELLED, NONE));
}

/// That everything is done at the end says something.
#[test]
fn nothing_is_done_at_the_end() {
    let rules = Rules { compare_topic: false, ..MERGED };
    breaks("the topic compared", one(rules, CANCELLED, RENEW), DONE);
}

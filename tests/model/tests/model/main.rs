//! Explores the worlds: both protocols hold in all of them, and fail without any of the rules.

#![expect(clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod holds;
mod without;

use std::time::Instant;

use commit_model::{Ending, Faults, Log, PROPERTIES, Record, Rules, World, ending};
use stateright::{Checker, HasDiscoveries, Model};

/// A cancelled order between two sales of it.
const CANCELLED: Log = &[Record::Sale(0), Record::Cancelled(0), Record::Sale(0)];

/// An order that names products and then no longer does, and a dead letter.
const LISTED: Log = &[Record::Listed(0), Record::Sale(0), Record::Invalid];

/// An order with a version that the database rejects, and a version of another order.
const REJECTED: Log = &[Record::Sale(0), Record::Rejected(0), Record::Sale(1)];

/// Five records of two orders.
const LONG: Log = &[
    Record::Listed(0),
    Record::Sale(0),
    Record::Invalid,
    Record::Cancelled(0),
    Record::Rejected(1),
];

/// The records of the recreated topic.
const RECREATED: Log = &[Record::Sale(0)];

/// No fault.
const NONE: Faults = Faults { all: 0, lost: 0, killed: 0, crashes: 0, resets: 0, renewed: 0 };

/// One fault of any kind.
const ANY: Faults = Faults { all: 1, lost: 1, killed: 1, crashes: 1, resets: 1, renewed: 1 };

/// Two faults, the same or different ones.
const ANY_TWO: Faults = Faults { all: 2, lost: 2, killed: 2, crashes: 2, resets: 2, renewed: 1 };

/// PostgreSQL crashes once.
const CRASH: Faults = Faults { all: 1, crashes: 1, ..NONE };

/// The offset is set once.
const RESET: Faults = Faults { all: 1, resets: 1, ..NONE };

/// The topic is deleted and recreated.
const RENEW: Faults = Faults { all: 1, renewed: 1, ..NONE };

/// Two instances with two statements in flight each.
const fn two(rules: Rules, log: Log, faults: Faults) -> World {
    World { rules, logs: [log, RECREATED], instances: 2, depth: 2, faults, snapshots: false }
}

/// One instance with two statements in flight.
const fn one(rules: Rules, log: Log, faults: Faults) -> World {
    World { instances: 1, ..two(rules, log, faults) }
}

/// The protocol holds in every state, all states were visited, and each run terminates. Returns the
/// number of states.
fn holds(name: &str, world: World) -> usize {
    let begun = Instant::now();
    let checker = world.checker().spawn_dfs().join();
    let states = checker.unique_state_count();
    let (depth, took) = (checker.max_depth(), begun.elapsed());
    assert!(checker.is_done(), "{name}: not all states were visited");
    checker.assert_properties();
    let ends = ending(&world);
    let in_all = begun.elapsed();
    println!(
        "{name}: {states} states, depth {depth}, {took:.1?}; with the check of termination {in_all:.1?}"
    );
    assert_eq!(ends, Ending::Always { states }, "{name}");
    states
}

/// There is a state in which this property does not hold.
fn breaks(name: &str, world: World, property: &'static str) {
    let begun = Instant::now();
    let until = HasDiscoveries::AnyOf([property].into());
    let checker = world.checker().finish_when(until).spawn_bfs().join();
    let states = checker.unique_state_count();
    let Some(path) = checker.discovery(property) else {
        panic!("{name}: {property:?} holds in all of {states} states");
    };
    let steps = path.into_actions();
    let (count, took) = (steps.len(), begun.elapsed());
    println!("without {name}: not {property:?} after {count} steps, {states} states, {took:.1?}");
    if std::env::var_os("STEPS").is_some() {
        println!("{steps:#?}");
    }
}

/// Nothing wrong is written or reported, but a run does not terminate.
fn never_ends(name: &str, world: World) {
    let begun = Instant::now();
    let checker = world.checker().spawn_dfs().join();
    let found = checker.discoveries();
    let wrong = PROPERTIES.iter().find(|property| found.contains_key(**property));
    assert_eq!(wrong, None, "{name}");
    let Ending::Never { until, round } = ending(&world) else {
        panic!("{name}: every run terminates");
    };
    let (until, count, took) = (until.len(), round.len(), begun.elapsed());
    println!(
        "without {name}: does not terminate: {count} steps repeated after {until}, {took:.1?}"
    );
    if std::env::var_os("STEPS").is_some() {
        println!("{round:#?}");
    }
}

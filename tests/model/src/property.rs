//! Properties of every state, and states that must occur for these properties to be meaningful.

use stateright::Property;

use crate::{
    model::World,
    records::{Record, bit, expected},
    rules::FirstTry,
    state::{Answer, Phase, Progress, State},
};

/// No offset is accounted for twice.
pub const TWICE: &str = "no offset twice";
/// Every offset before the next offset is accounted for, and no later one.
pub const NEVER: &str = "no offset left out";
/// The rows are those of each order's last version before the next offset.
pub const ROWS: &str = "rows of the last versions";
/// The dead letters are those of the records before the next offset.
pub const DEAD_LETTERS: &str = "dead letters";
/// Offsets that were reported outside PostgreSQL are never lost.
pub const REPORTED: &str = "reported offsets are durable";
/// If no action is possible any more, everything is committed.
pub const DONE: &str = "everything is committed at the end";

/// The properties of every state.
pub const PROPERTIES: [&str; 6] = [TWICE, NEVER, ROWS, DEAD_LETTERS, REPORTED, DONE];

/// All properties, and the states that must occur.
pub(crate) fn all() -> Vec<Property<World>> {
    vec![
        Property::always(TWICE, |_, state: &State| !state.now.twice),
        Property::always(NEVER, |world: &World, state: &State| {
            let now = &state.now;
            let accounted = |offset| now.accounted & bit(now.topic, offset) != 0;
            (0..world.end(now.topic)).all(|offset| accounted(offset) == (offset < now.next))
        }),
        Property::always(ROWS, |world: &World, state: &State| {
            state.now.rows == should(world, state).0
        }),
        Property::always(DEAD_LETTERS, |world: &World, state: &State| {
            state.now.letters == should(world, state).1
        }),
        Property::always(REPORTED, |_, state: &State| state.told <= state.now.next),
        Property::always(DONE, |world: &World, state: &State| {
            let rests = |phase| matches!(phase, Phase::Exited | Phase::Halted);
            let all_rest = state.workers.iter().all(|worker| rests(worker.phase));
            !all_rest || state.now.next == world.end(state.now.topic) || {
                let mut actions = Vec::new();
                stateright::Model::actions(world, state, &mut actions);
                !actions.is_empty()
            }
        }),
        Property::sometimes("everything is done", |world: &World, state: &State| {
            state.now.next == world.end(state.now.topic) && state.told == state.now.next
        }),
        // If it is possible at all.
        Property::sometimes("a statement writes nothing", |_, state: &State| {
            answered(state, Answer::NotMoved)
        }),
        Property::sometimes("an insert fails", |world: &World, state: &State| {
            world.rules.first == FirstTry::Sales || answered(state, Answer::Duplicate)
        }),
        Property::sometimes("a row is rejected", |world: &World, state: &State| {
            let rejected = |record: &Record| matches!(record, Record::Rejected(_));
            !world.log(0).iter().any(rejected) || answered(state, Answer::Rejected)
        }),
        Property::sometimes("commits can be taken back", |world: &World, state: &State| {
            world.faults.crashes == 0 || state.durable.next < state.now.next
        }),
        Property::sometimes("statements are abandoned", |world: &World, state: &State| {
            world.faults.lost + world.faults.killed == 0 || !state.strays.is_empty()
        }),
    ]
}

fn should(world: &World, state: &State) -> (crate::Rows, u16) {
    let (now, since) = (&state.now, &state.since);
    let range = since.offset..now.next;
    expected(now.topic, world.log(now.topic), range, (since.rows, since.letters))
}

fn answered(state: &State, answer: Answer) -> bool {
    let done = Progress::Done(answer);
    state.workers.iter().any(|worker| worker.sent.iter().any(|sent| sent.progress == done))
}

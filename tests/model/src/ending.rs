//! Checks that every run terminates. The checker examines single states, and cannot show this.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
};

use stateright::Model;

use crate::{actions::Action, model::World, state::State};

/// The result for the runs of a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every run terminates, in any order of actions.
    Always {
        /// The number of different states.
        states: usize,
    },
    /// There is an infinite run.
    Never {
        /// The actions before the cycle.
        until: Vec<Action>,
        /// The actions of the cycle.
        round: Vec<Action>,
    },
}

/// A state on the path to the current one.
struct Step {
    state: State,
    hash: u64,
    came_by: Option<Action>,
    /// The actions that were not tried yet.
    left: Vec<Action>,
}

impl Step {
    fn new(world: &World, state: State, hash: u64, came_by: Option<Action>) -> Self {
        let mut left = Vec::new();
        world.actions(&state, &mut left);
        Self { state, hash, came_by, left }
    }
}

/// Visits all states depth first, and searches for a cycle.
#[must_use]
pub fn ending(world: &World) -> Ending {
    // True while the state is on the path.
    let mut seen: HashMap<u64, bool> = HashMap::new();
    let mut way = Vec::new();
    for state in world.init_states() {
        let hash = hash(&state);
        if seen.insert(hash, true).is_none() {
            way.push(Step::new(world, state, hash, None));
        }
        while let Some(step) = way.last_mut() {
            let Some(action) = step.left.pop() else {
                seen.insert(step.hash, false);
                way.pop();
                continue;
            };
            let Some(state) = world.next_state(&step.state, action) else { continue };
            let hash = self::hash(&state);
            match seen.entry(hash) {
                Entry::Vacant(entry) => {
                    entry.insert(true);
                    way.push(Step::new(world, state, hash, Some(action)));
                }
                Entry::Occupied(entry) if *entry.get() => {
                    let at = way.iter().position(|step| step.hash == hash).unwrap_or_default();
                    let round = way.split_off(at + 1);
                    let until = way.iter().filter_map(|step| step.came_by).collect();
                    let round = round.iter().filter_map(|step| step.came_by);
                    let round = round.chain([action]).collect();
                    return Ending::Never { until, round };
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    Ending::Always { states: seen.len() }
}

fn hash(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

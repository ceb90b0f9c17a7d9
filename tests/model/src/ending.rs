//! Whether everything comes to an end, which a checker of single states cannot tell.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
};

use stateright::Model;

use crate::{actions::Action, model::World, state::State};

/// What becomes of a world's runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Each comes to an end, in whatever order things happen.
    Always {
        /// How many different states they have.
        states: usize,
    },
    /// There is one that goes round for ever.
    Never {
        /// What happens until it is where it was before.
        until: Vec<Action>,
        /// What then happens again and again.
        round: Vec<Action>,
    },
}

/// A state on the way to the one that is looked at.
struct Step {
    state: State,
    hash: u64,
    came_by: Option<Action>,
    /// What was not tried yet.
    left: Vec<Action>,
}

impl Step {
    fn new(world: &World, state: State, hash: u64, came_by: Option<Action>) -> Self {
        let mut left = Vec::new();
        world.actions(&state, &mut left);
        Self { state, hash, came_by, left }
    }
}

/// Goes through all states, depth first, and looks for one from which a way leads back to it.
#[must_use]
pub fn ending(world: &World) -> Ending {
    // True while it is on the way.
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

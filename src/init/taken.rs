//! The places that the current mapping reads.

use super::path::{Path, Step};
use crate::order::{self, MappingSettings, Role};

/// All places of `mapping`, one per line, as bare names or as paths from `$`.
pub(crate) fn places(mapping: &MappingSettings) -> String {
    let mut taken: Vec<String> = Vec::new();
    let own = mapping.places.iter().flat_map(|(_, places)| places.iter().flatten());
    let kept = mapping.keep.iter().flat_map(|(_, places)| places);
    let kinds = mapping.only.iter().flat_map(|only| &only.at);
    for place in own.chain(kept).chain(kinds) {
        if let order::Place::Field { steps, .. } = place {
            let path = Path(steps.iter().map(step).collect());
            taken.extend([path.place(), path.to_string()]);
        }
    }
    taken.extend(mapping.vocabulary.iter().map(|(_, name)| name.clone()));
    if mapping.built_in {
        let names = Role::ALL.into_iter().flat_map(Role::built_in_names);
        taken.extend(names.map(|name| (*name).to_owned()));
    }
    taken.join("\n")
}

fn step(step: &order::Step) -> Step {
    match step {
        order::Step::Name(name) => Step::Name(name.clone()),
        order::Step::Each => Step::Each,
        order::Step::Text => Step::Text,
    }
}

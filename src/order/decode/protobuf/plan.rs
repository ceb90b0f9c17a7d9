//! Which fields of a message the mapping's tree names: found out once for all messages of a kind at
//! one place.

use std::{ptr, rc::Rc};

use crate::{
    format::protobuf::{Field, Node, NodeId},
    order::mapping::{Spot, Tree, Way},
};

/// What is to be done with the fields of a message.
pub(super) struct Plan<'m> {
    /// For each of its fields, by its index.
    spots: Vec<Option<&'m Spot>>,
    /// The fields that say something where they are not there, and somebody takes it.
    pub(super) implied: Vec<(usize, &'m Spot)>,
}

impl<'m> Plan<'m> {
    pub(super) fn spot(&self, index: usize) -> Option<&'m Spot> {
        self.spots.get(index).copied().flatten()
    }
}

/// The plans of a record, each for a kind of message and a place.
#[derive(Default)]
pub(super) struct Plans<'m>(Vec<(NodeId, &'m Tree, Rc<Plan<'m>>)>);

impl<'m> Plans<'m> {
    pub(super) fn of(&mut self, id: NodeId, node: &Node, tree: &'m Tree) -> Rc<Plan<'m>> {
        // There are not more of them than objects in the mapping, and the last one is asked for most.
        let known = self.0.iter().rev().find(|(own, at, _)| *own == id && ptr::eq(*at, tree));
        if let Some((.., plan)) = known {
            return Rc::clone(plan);
        }
        let spots: Vec<_> = node.fields.iter().map(|field| spot(field, node, tree)).collect();
        let implied = node.fields.iter().zip(&spots).enumerate();
        let implied = implied.filter_map(|(index, (field, spot))| {
            let spot = (*spot)?;
            (field.implied.is_some() && !spot.takers.is_empty()).then_some((index, spot))
        });
        let plan = Rc::new(Plan { implied: implied.collect(), spots });
        self.0.push((id, tree, Rc::clone(&plan)));
        plan
    }
}

/// Where the field is in the tree: by its name, or else by the one that it has in JSON.
fn spot<'m>(field: &Field, node: &Node, tree: &'m Tree) -> Option<&'m Spot> {
    let by_name = tree.names.get(&field.name);
    if by_name.is_some_and(|spot| spot.way != Way::Suspect) {
        return by_name;
    }
    let Some(name) = &field.json_name else { return by_name };
    let by_json_name = tree.names.get(name).filter(|spot| {
        // Another field may have this name for its own.
        (spot.way != Way::Suspect || by_name.is_none())
            && !node.fields.iter().any(|other| other.name == *name)
    });
    by_json_name.or(by_name)
}

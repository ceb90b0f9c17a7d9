//! The fields of a message that are in the mapping's tree, computed once per message type and
//! place.

use std::{ptr, rc::Rc};

use crate::{
    format::protobuf::{Field, Node, NodeId},
    order::mapping::{Handling, Spot, Tree},
};

/// What to do with the fields of a message.
pub(super) struct Plan<'m> {
    /// For each field, by index.
    spots: Vec<Option<&'m Spot>>,
    /// The fields with a default that a role takes.
    pub(super) implied: Vec<(usize, &'m Spot)>,
}

impl<'m> Plan<'m> {
    pub(super) fn spot(&self, index: usize) -> Option<&'m Spot> {
        self.spots.get(index).copied().flatten()
    }
}

/// The plans of a record, one per message type and place.
#[derive(Default)]
pub(super) struct Plans<'m>(Vec<(NodeId, &'m Tree, Rc<Plan<'m>>)>);

impl<'m> Plans<'m> {
    pub(super) fn of(&mut self, id: NodeId, node: &Node, tree: &'m Tree) -> Rc<Plan<'m>> {
        // There are at most as many as objects in the mapping, and the last one is the most used.
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

/// The spot of a field in the tree: by its name, or else by its JSON name.
fn spot<'m>(field: &Field, node: &Node, tree: &'m Tree) -> Option<&'m Spot> {
    let by_name = tree.names.get(&field.name);
    if by_name.is_some_and(|spot| spot.handling != Handling::Suspect) {
        return by_name;
    }
    let Some(name) = &field.json_name else { return by_name };
    let by_json_name = tree.names.get(name).filter(|spot| {
        // Another field may have this name.
        (spot.handling != Handling::Suspect || by_name.is_none())
            && !node.fields.iter().any(|other| other.name == *name)
    });
    by_json_name.or(by_name)
}

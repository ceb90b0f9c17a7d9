//! The names that matter of a record, as a tree that a decoder walks down beside it.

use super::{Role, Step, names::Names};

/// What is to be done with a value.
#[derive(Clone, Debug, Default)]
pub(in crate::order) struct Spot {
    /// Who takes the value itself.
    pub(in crate::order) takers: Vec<Taker>,
    /// Where it is an object: its fields.
    pub(in crate::order) object: Option<Box<Tree>>,
    /// Where it is a list: each of its elements.
    pub(in crate::order) each: Option<Box<Self>>,
    /// Where it is a text that holds JSON: what that is.
    pub(in crate::order) text: Option<Box<Self>>,
    /// What begins with such an object.
    pub(in crate::order) opens: Option<Opens>,
    /// Whether its list is that of an order's items: the place and its rank.
    pub(in crate::order) items: Option<(u8, u16)>,
    /// Whether it only looks as if it mattered: see [`super::suspects`].
    pub(in crate::order) suspect: u8,
    /// How to go about it; set when the tree is complete.
    pub(in crate::order) way: Way,
}

/// How to go about a value: decided once, for speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::order) enum Way {
    /// The value is taken as it is.
    #[default]
    Take,
    /// What is inside matters, and the value itself does not.
    Enter,
    /// Both matter.
    Both,
    /// It is only looked at.
    Suspect,
}

/// The fields of an object.
#[derive(Clone, Debug, Default)]
pub(in crate::order) struct Tree {
    pub(in crate::order) names: Names<Spot>,
}

/// What begins with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::order) enum Opens {
    /// An order; where another one is inside of it, that one counts in its place.
    Order,
    /// An item.
    Item,
}

/// Who takes a value. `rank` is 0 for a role's first place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::order) enum Taker {
    /// A role of the order or of the item, which has one value.
    Role { role: Role, rank: u8, place: u16 },
    /// A role of the only item of an order that has no list of items.
    Flat { role: Role, rank: u8, place: u16 },
    /// The same as [`Self::Role`], for each order of the record.
    Shared { role: Role, rank: u8, place: u16 },
    /// A charge, of which there may be several.
    Charge { place: u16 },
    /// A part of a key of several fields; `shared` by all orders of the record where it does not stand
    /// in the order.
    Part { composite: u16, part: u8, shared: bool },
    /// A field that is kept under the name of this index; `shared` likewise.
    Keep { index: u8, rank: u8, place: u16, shared: bool },
    /// What says whether the record counts.
    Only { rank: u8, place: u16 },
}

impl Spot {
    /// Decides how to go about this value and all inside of it.
    pub(super) fn settle(&mut self) {
        let inside = self.object.is_some() || self.each.is_some() || self.text.is_some();
        self.way = match (self.takers.is_empty(), inside || self.items.is_some()) {
            (false, true) => Way::Both,
            (false, false) => Way::Take,
            (true, true) => Way::Enter,
            (true, false) => Way::Suspect,
        };
        let fields = self.object.iter_mut().flat_map(|tree| tree.names.values_mut());
        for spot in fields {
            spot.settle();
        }
        for spot in [&mut self.each, &mut self.text].into_iter().flatten() {
            spot.settle();
        }
    }
}

/// The spot that these steps lead to, made where it was not there.
pub(super) fn spot<'t>(root: &'t mut Spot, prefix: &[Step], steps: &[Step]) -> &'t mut Spot {
    spot_below(spot_below(root, prefix), steps)
}

pub(super) fn spot_below<'t>(from: &'t mut Spot, steps: &[Step]) -> &'t mut Spot {
    steps.iter().fold(from, |spot, step| match step {
        Step::Name(name) => {
            let tree: &mut Tree = spot.object.get_or_insert_default();
            tree.names.entry(name)
        }
        Step::Each => spot.each.get_or_insert_default(),
        Step::Text => spot.text.get_or_insert_default(),
    })
}

impl Spot {
    /// Whether anything is done with it.
    pub(super) fn matters(&self) -> bool {
        !self.takers.is_empty()
            || self.object.is_some()
            || self.each.is_some()
            || self.text.is_some()
            || self.items.is_some()
    }
}

impl Taker {
    /// Whether it is for the same role, field or part, at the same rank.
    pub(super) fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Role { role, rank, .. }, Self::Role { role: other, rank: theirs, .. })
            | (Self::Flat { role, rank, .. }, Self::Flat { role: other, rank: theirs, .. })
            | (Self::Shared { role, rank, .. }, Self::Shared { role: other, rank: theirs, .. }) => {
                (role, rank) == (other, theirs)
            }
            (Self::Keep { index, rank, .. }, Self::Keep { index: other, rank: theirs, .. }) => {
                (index, rank) == (other, theirs)
            }
            (Self::Only { rank, .. }, Self::Only { rank: theirs, .. }) => rank == theirs,
            _ => self == other,
        }
    }

    /// The role that the place stands for, where that can be only one.
    pub(super) const fn role(self) -> Option<Role> {
        match self {
            Self::Role { role, .. } | Self::Flat { role, .. } => Some(role),
            _ => None,
        }
    }

    /// Whether built-in names stand back for it.
    pub(super) const fn is_claim(&self) -> bool {
        !matches!(self, Self::Keep { .. } | Self::Only { .. })
    }

    pub(super) const fn is_of_order(&self) -> bool {
        matches!(self, Self::Role { .. } | Self::Charge { .. })
    }
}

//! The relevant names of a record, as a tree that decoders follow.

use super::{Role, Step, names::Names};

/// What to do with a value.
#[derive(Clone, Debug, Default)]
pub(in crate::order) struct Spot {
    /// The takers of the value itself.
    pub(in crate::order) takers: Vec<Taker>,
    /// The fields, if it is an object.
    pub(in crate::order) object: Option<Box<Tree>>,
    /// The elements, if it is a list.
    pub(in crate::order) each: Option<Box<Self>>,
    /// The contained JSON, if it is a text.
    pub(in crate::order) text: Option<Box<Self>>,
    /// What an object here represents.
    pub(in crate::order) opens: Option<Opens>,
    /// The rank and place, if it is a list of items.
    pub(in crate::order) items: Option<(u8, u16)>,
    /// The bits of a suspicious field: see [`super::suspects`].
    pub(in crate::order) suspect: u8,
    /// How to process it; set when the tree is complete.
    pub(in crate::order) handling: Handling,
}

/// How to process a value, precomputed for speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::order) enum Handling {
    /// The value itself is taken.
    #[default]
    Take,
    /// Only its contents matter.
    Enter,
    /// Both the value and its contents matter.
    Both,
    /// It is only checked for suspicious content.
    Suspect,
}

/// The fields of an object.
#[derive(Clone, Debug, Default)]
pub(in crate::order) struct Tree {
    pub(in crate::order) names: Names<Spot>,
}

/// What an object represents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::order) enum Opens {
    /// An order; nested orders count instead of it.
    Order,
    /// An item.
    Item,
}

/// A taker of a value. `rank` is 0 for a role's first place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::order) enum Taker {
    /// A role of the order or of the item that has one value.
    Role { role: Role, rank: u8, place: u16 },
    /// A role of the only item of an order that has no list of items.
    Flat { role: Role, rank: u8, place: u16 },
    /// As [`Self::Role`], for all orders of the record.
    Shared { role: Role, rank: u8, place: u16 },
    /// A charge; there may be several.
    Charge { place: u16 },
    /// A part of a key of several fields; `shared` if it is outside the order and applies to all
    /// orders of the record.
    Part { composite: u16, part: u8, shared: bool },
    /// A field to keep under the name with this index; `shared` as for [`Self::Part`].
    Keep { index: u8, rank: u8, place: u16, shared: bool },
    /// The value that decides whether the record counts.
    Only { rank: u8, place: u16 },
}

impl Spot {
    /// Computes how to process this value and its contents.
    pub(super) fn settle(&mut self) {
        let inside = self.object.is_some() || self.each.is_some() || self.text.is_some();
        self.handling = match (self.takers.is_empty(), inside || self.items.is_some()) {
            (false, true) => Handling::Both,
            (false, false) => Handling::Take,
            (true, true) => Handling::Enter,
            (true, false) => Handling::Suspect,
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

/// The spot at the end of these steps, inserted if missing.
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
    /// Whether it is processed at all.
    pub(super) fn matters(&self) -> bool {
        !self.takers.is_empty()
            || self.object.is_some()
            || self.each.is_some()
            || self.text.is_some()
            || self.items.is_some()
    }
}

impl Taker {
    /// Whether both are for the same role, field or part, at the same rank.
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

    /// The role of the place, if it can have only one.
    pub(super) const fn role(self) -> Option<Role> {
        match self {
            Self::Role { role, .. } | Self::Flat { role, .. } => Some(role),
            _ => None,
        }
    }

    /// Whether it has priority over built-in names.
    pub(super) const fn is_claim(&self) -> bool {
        !matches!(self, Self::Keep { .. } | Self::Only { .. })
    }

    pub(super) const fn is_of_order(&self) -> bool {
        matches!(self, Self::Role { .. } | Self::Charge { .. })
    }
}

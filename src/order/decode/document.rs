//! What an order's record holds for each role.

use super::{Found, Slot, slot::Twice};
use crate::order::{Rejection, mapping::Role};

/// An order, not yet judged.
#[derive(Clone, Default)]
pub(in crate::order) struct Document<'p> {
    pub(in crate::order) number: Slot<'p>,
    pub(in crate::order) id: Slot<'p>,
    pub(in crate::order) total: Slot<'p>,
    pub(in crate::order) sold_at: Slot<'p>,
    pub(in crate::order) status: Slot<'p>,
    pub(in crate::order) currency: Slot<'p>,
    /// In the order in which they stand.
    pub(in crate::order) charges: Vec<Charge<'p>>,
    pub(in crate::order) items: Items<'p>,
    /// An item's roles on the order itself: what it is an order of, if it has no list of items.
    pub(in crate::order) flat: Option<Box<ItemFields<'p>>>,
    /// The parts of keys of several fields: which key's, which part, and what it is.
    pub(in crate::order) parts: Vec<(u16, u8, Found<'p>)>,
    /// Fields of the shop's own, by their index.
    pub(in crate::order) kept: Vec<Kept<'p>>,
    /// What looks as if it mattered: the bits of [`crate::order::mapping::suspects`].
    pub(in crate::order) suspects: u8,
    /// Roles of which a rank stands twice, and in which item where they are an item's.
    pub(super) twice: Vec<(Option<usize>, Role, Twice)>,
    /// Those of the item's roles on the order itself.
    pub(in crate::order) flat_twice: Vec<(Role, Twice)>,
}

/// The list of items.
#[derive(Clone, Default)]
pub(in crate::order) struct Items<'p> {
    pub(in crate::order) all: Vec<ItemFields<'p>>,
    /// The rank and the place of the list, where there is one that is not `null`.
    pub(in crate::order) list: Option<(u8, u16)>,
    /// What is wrong with the list.
    pub(in crate::order) trouble: Option<Rejection>,
    /// Ranks, places and whether it stood twice, like those of a single value.
    pub(in crate::order) slot: Slot<'p>,
}

/// What an item's object holds for each role.
#[derive(Clone, Copy, Default)]
pub(in crate::order) struct ItemFields<'p> {
    pub(in crate::order) product: Slot<'p>,
    pub(in crate::order) quantity: Slot<'p>,
    pub(in crate::order) unit_price: Slot<'p>,
    pub(in crate::order) amount: Slot<'p>,
    pub(in crate::order) discount: Slot<'p>,
}

/// What is charged beside the items.
#[derive(Clone)]
pub(in crate::order) struct Charge<'p> {
    pub(in crate::order) place: u16,
    pub(in crate::order) found: Found<'p>,
}

/// A field of the shop's own.
#[derive(Clone)]
pub(in crate::order) struct Kept<'p> {
    pub(in crate::order) index: u8,
    pub(in crate::order) slot: Slot<'p>,
}

impl<'p> Document<'p> {
    /// A role of the order that has one value.
    pub(super) const fn slot(&mut self, role: Role) -> Option<&mut Slot<'p>> {
        Some(match role {
            Role::OrderNumber => &mut self.number,
            Role::OrderId => &mut self.id,
            Role::Items => &mut self.items.slot,
            Role::Total => &mut self.total,
            Role::SoldAt => &mut self.sold_at,
            Role::Status => &mut self.status,
            Role::Currency => &mut self.currency,
            _ => return None,
        })
    }

    /// The first role that stands twice, where that matters: which one, and in which item if it is an
    /// item's.
    pub(in crate::order) fn twice(&self) -> Option<(Option<usize>, Role, Twice)> {
        self.twice.iter().copied().find(|(item, role, twice)| {
            let slot = match item {
                None => self.peek(*role),
                Some(index) => self.items.all.get(*index).and_then(|item| item.peek(*role)),
            };
            slot.is_some_and(|slot| slot.minds(*twice))
        })
    }

    const fn peek(&self, role: Role) -> Option<&Slot<'p>> {
        Some(match role {
            Role::OrderNumber => &self.number,
            Role::OrderId => &self.id,
            Role::Items => &self.items.slot,
            Role::Total => &self.total,
            Role::SoldAt => &self.sold_at,
            Role::Status => &self.status,
            Role::Currency => &self.currency,
            _ => return None,
        })
    }
}

impl<'p> ItemFields<'p> {
    pub(super) const fn slot(&mut self, role: Role) -> Option<&mut Slot<'p>> {
        Some(match role {
            Role::Product => &mut self.product,
            Role::Quantity => &mut self.quantity,
            Role::UnitPrice => &mut self.unit_price,
            Role::Amount => &mut self.amount,
            Role::ItemDiscount => &mut self.discount,
            _ => return None,
        })
    }

    const fn peek(&self, role: Role) -> Option<&Slot<'p>> {
        Some(match role {
            Role::Product => &self.product,
            Role::Quantity => &self.quantity,
            Role::UnitPrice => &self.unit_price,
            Role::Amount => &self.amount,
            Role::ItemDiscount => &self.discount,
            _ => return None,
        })
    }

    /// Those of `twice` that are about this item and matter.
    pub(in crate::order) fn minds(&self, role: Role, twice: Twice) -> bool {
        self.peek(role).is_some_and(|slot| slot.minds(twice))
    }
}

//! The values that an order has for each role.

use super::{Found, Slot, slot::Duplicate};
use crate::order::{Rejection, mapping::Role};

/// A decoded order, not yet validated.
#[derive(Clone, Default)]
pub(in crate::order) struct Document<'p> {
    pub(in crate::order) number: Slot<'p>,
    pub(in crate::order) id: Slot<'p>,
    pub(in crate::order) total: Slot<'p>,
    pub(in crate::order) sold_at: Slot<'p>,
    pub(in crate::order) status: Slot<'p>,
    pub(in crate::order) currency: Slot<'p>,
    /// In the order of the record.
    pub(in crate::order) charges: Vec<Charge<'p>>,
    pub(in crate::order) items: Items<'p>,
    /// An item's roles in the order itself, for orders without a list of items.
    pub(in crate::order) flat: Option<Box<ItemFields<'p>>>,
    /// The parts of keys of several fields: the key's index, the part's index, and the value.
    pub(in crate::order) parts: Vec<(u16, u8, Found<'p>)>,
    /// The fields to keep, by their index.
    pub(in crate::order) kept: Vec<Kept<'p>>,
    /// The suspicious fields found: the bits of [`crate::order::mapping::suspects`].
    pub(in crate::order) suspects: u8,
    /// Roles with two values of the same rank, with the item's index for an item's roles.
    pub(super) duplicate: Vec<(Option<usize>, Role, Duplicate)>,
    /// The same for an item's roles in the order itself.
    pub(in crate::order) flat_duplicates: Vec<(Role, Duplicate)>,
}

/// The list of items.
#[derive(Clone, Default)]
pub(in crate::order) struct Items<'p> {
    pub(in crate::order) all: Vec<ItemFields<'p>>,
    /// The rank and place of the list, if there is one that is not `null`.
    pub(in crate::order) list: Option<(u8, u16)>,
    /// The first problem with the list.
    pub(in crate::order) problem: Option<Rejection>,
    /// Ranks, places and duplicates, as for a single value.
    pub(in crate::order) slot: Slot<'p>,
}

/// The values that an item has for each role.
#[derive(Clone, Copy, Default)]
pub(in crate::order) struct ItemFields<'p> {
    pub(in crate::order) product: Slot<'p>,
    pub(in crate::order) quantity: Slot<'p>,
    pub(in crate::order) unit_price: Slot<'p>,
    pub(in crate::order) amount: Slot<'p>,
    pub(in crate::order) discount: Slot<'p>,
}

/// A charge in addition to the items.
#[derive(Clone)]
pub(in crate::order) struct Charge<'p> {
    pub(in crate::order) place: u16,
    pub(in crate::order) found: Found<'p>,
}

/// A field to keep.
#[derive(Clone)]
pub(in crate::order) struct Kept<'p> {
    pub(in crate::order) index: u8,
    pub(in crate::order) slot: Slot<'p>,
}

impl<'p> Document<'p> {
    /// The slot of an order's role that has one value.
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

    /// The first duplicate role that matters, with the item's index for an item's role.
    pub(in crate::order) fn duplicate(&self) -> Option<(Option<usize>, Role, Duplicate)> {
        self.duplicate.iter().copied().find(|(item, role, duplicate)| {
            let slot = match item {
                None => self.peek(*role),
                Some(index) => self.items.all.get(*index).and_then(|item| item.peek(*role)),
            };
            slot.is_some_and(|slot| slot.matters_for(*duplicate))
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

    /// Whether a duplicate of this item matters.
    pub(in crate::order) fn matters_for(&self, role: Role, duplicate: Duplicate) -> bool {
        self.peek(role).is_some_and(|slot| slot.matters_for(duplicate))
    }
}

//! Collects the values that a decoder finds, independently of the format and of what the values
//! mean.

use std::mem;

use super::{Charge, Document, ELEMENTS_LIMIT, Found, ItemFields, Kept, Slot};
use crate::order::{
    Reason, Rejection,
    mapping::{Level, Mapping, Opens, Role, Spot, Taker, suspects},
};

/// The contents of a record, as far as read.
pub(in crate::order) struct Sink<'m, 'p> {
    pub(super) mapping: &'m Mapping,
    /// The order that is being read.
    document: Document<'p>,
    /// Complete orders.
    complete: Vec<Document<'p>>,
    /// The number of orders nested in the record.
    inner_orders: usize,
    /// Whether it has a list of orders, which may be empty.
    has_list: bool,
    /// The values shared by all orders of the record.
    shared: Option<Box<Document<'p>>>,
    only: Slot<'p>,
    /// The first problem with the record's structure.
    problem: Option<Rejection>,
    aborted: bool,
}

/// The contents of a record.
pub(in crate::order) struct Decoded<'s, 'p> {
    /// The orders nested in it.
    pub(in crate::order) documents: &'s [Document<'p>],
    /// The only order, if that is the whole record, as is usual.
    pub(in crate::order) single: Option<&'s Document<'p>>,
    /// The values shared by all its orders.
    pub(in crate::order) shared: Option<&'s Document<'p>>,
    /// The value that decides whether the record counts.
    pub(in crate::order) only: Slot<'p>,
    /// The first problem with the record's structure.
    pub(in crate::order) problem: Option<&'s Rejection>,
    /// Whether it could not be read to its end.
    pub(in crate::order) aborted: bool,
}

/// The values from outside the record's value.
pub(super) struct Before<'p> {
    shared: Option<Box<Document<'p>>>,
    only: Slot<'p>,
}

impl<'m, 'p> Sink<'m, 'p> {
    pub(in crate::order) fn new(mapping: &'m Mapping) -> Self {
        Self {
            mapping,
            document: Document::default(),
            complete: Vec::new(),
            inner_orders: 0,
            has_list: false,
            shared: None,
            only: Slot::default(),
            problem: None,
            aborted: false,
        }
    }

    /// The contents found.
    pub(in crate::order) fn decoded(&self) -> Decoded<'_, 'p> {
        // Nested orders count instead of the record itself.
        let is_single = self.inner_orders == 0 && !self.has_list;
        Decoded {
            documents: &self.complete,
            single: is_single.then_some(&self.document),
            shared: self.shared.as_deref(),
            only: self.only,
            problem: self.problem.as_ref(),
            aborted: self.aborted,
        }
    }

    /// Saves the current state for [`Self::restart`].
    pub(super) fn before(&self) -> Before<'p> {
        Before { shared: self.shared.clone(), only: self.only }
    }

    /// Restores a saved state.
    pub(super) fn restart(&mut self, before: Before<'p>) {
        let Before { shared, only } = before;
        *self = Self { shared, only, ..Self::new(self.mapping) };
    }

    /// Records a problem with the record's structure.
    pub(super) fn fault(&mut self, reason: Reason, detail: impl FnOnce() -> String) {
        if self.problem.is_none() {
            self.problem = Some(Rejection::new(reason, detail()));
        }
    }

    /// Records that the record could not be read to its end.
    pub(super) fn abort(&mut self, why: Rejection) {
        self.aborted = true;
        self.problem.get_or_insert(why);
    }

    /// The name of the current list of items.
    pub(super) fn items_name(&self) -> &'m str {
        self.document.items.list.map_or("", |(_, place)| self.mapping.name(place))
    }

    /// Passes the value to all its takers.
    pub(super) fn take(&mut self, spot: &'m Spot, found: Found<'p>) {
        for taker in &spot.takers {
            self.give(*taker, found);
        }
    }

    /// Records a suspicious field; `text` is its value, if that is a text.
    pub(super) fn suspect(&mut self, spot: &Spot, text: Option<&str>) {
        let events = spot.suspect & (suspects::EVENT_OF_RECORD | suspects::EVENT_OF_ORDER);
        self.document.suspects |= spot.suspect & !events;
        if events != 0 && text.is_some_and(suspects::is_cancellation) {
            self.of(events & suspects::EVENT_OF_RECORD != 0).suspects |= suspects::STATUS;
        }
    }

    pub(in crate::order) fn give(&mut self, taker: Taker, found: Found<'p>) {
        let document = &mut self.document;
        match taker {
            Taker::Role { role, rank, place } => {
                let (item, slot) = match role.level() {
                    Level::Order => (None, document.slot(role)),
                    Level::Item => {
                        let index = document.items.all.len().checked_sub(1);
                        (index, document.items.all.last_mut().and_then(|item| item.slot(role)))
                    }
                };
                if let Some(duplicate) = slot.and_then(|slot| slot.put(rank, place, found)) {
                    document.duplicate.push((item, role, duplicate));
                }
            }
            Taker::Flat { role, rank, place } => {
                let slot = document.flat.get_or_insert_default().slot(role);
                if let Some(duplicate) = slot.and_then(|slot| slot.put(rank, place, found)) {
                    document.flat_duplicates.push((role, duplicate));
                }
            }
            Taker::Shared { role, rank, place } => {
                let shared = self.shared.get_or_insert_default();
                let slot = shared.slot(role);
                if let Some(duplicate) = slot.and_then(|slot| slot.put(rank, place, found)) {
                    shared.duplicate.push((None, role, duplicate));
                }
            }
            Taker::Charge { place } => document.charges.push(Charge { place, found }),
            Taker::Part { composite, part, shared } => {
                self.of(shared).parts.push((composite, part, found));
            }
            Taker::Keep { index, rank, place, shared } => {
                // The first of two duplicate fields is kept.
                self.kept(index, shared).put(rank, place, found);
            }
            Taker::Only { rank, place } => {
                self.only.put(rank, place, found);
            }
        }
    }

    /// Passes the default of an absent field to the takers for which it is meaningful. Identities
    /// and charges take no defaults.
    pub(super) fn imply(&mut self, spot: &'m Spot, found: Found<'p>) {
        for taker in &spot.takers {
            let document = &mut self.document;
            match *taker {
                Taker::Role { role: Role::OrderNumber | Role::OrderId, .. }
                | Taker::Shared { .. }
                | Taker::Charge { .. }
                | Taker::Part { .. } => {}
                Taker::Role { role, place, .. } => {
                    let slot = match role.level() {
                        Level::Order => document.slot(role),
                        Level::Item => {
                            document.items.all.last_mut().and_then(|item| item.slot(role))
                        }
                    };
                    if let Some(slot) = slot {
                        slot.imply(place, found);
                    }
                }
                Taker::Flat { role, place, .. } => {
                    if let Some(slot) = document.flat.get_or_insert_default().slot(role) {
                        slot.imply(place, found);
                    }
                }
                Taker::Keep { index, place, shared, .. } => {
                    self.kept(index, shared).imply(place, found);
                }
                Taker::Only { place, .. } => self.only.imply(place, found),
            }
        }
    }

    /// Begins an object of this spot. Returns the argument for [`Self::close`].
    pub(super) fn open(&mut self, spot: &Spot, is_whole: bool) -> Option<Opens> {
        match spot.opens? {
            Opens::Order if is_whole => None,
            Opens::Order => {
                self.inner_orders += 1;
                if self.inner_orders > ELEMENTS_LIMIT {
                    self.fault(Reason::OutOfRange, || {
                        format!("the record must contain at most {ELEMENTS_LIMIT} orders")
                    });
                }
                // The values of the whole record count only if it has no nested orders.
                self.document = Document::default();
                Some(Opens::Order)
            }
            Opens::Item => {
                self.document.items.all.push(ItemFields::default());
                Some(Opens::Item)
            }
        }
    }

    /// Whether the record has no nested order.
    pub(super) const fn has_no_order(&self) -> bool {
        self.inner_orders == 0
    }

    /// What all orders of the record share, or the order in work.
    fn of(&mut self, shared: bool) -> &mut Document<'p> {
        if shared { self.shared.get_or_insert_default() } else { &mut self.document }
    }

    /// The slot of the kept field with this index.
    fn kept(&mut self, index: u8, shared: bool) -> &mut Slot<'p> {
        let kept = &mut self.of(shared).kept;
        let at = kept.iter().position(|kept| kept.index == index).unwrap_or_else(|| {
            kept.push(Kept { index, slot: Slot::default() });
            kept.len() - 1
        });
        &mut kept[at].slot
    }

    /// Begins a list of orders.
    pub(super) const fn begin_orders(&mut self) {
        self.has_list = true;
    }

    /// Ends an object.
    pub(super) fn close(&mut self, opened: Option<Opens>) {
        match opened {
            Some(Opens::Order) => {
                let document = mem::take(&mut self.document);
                if self.complete.len() < ELEMENTS_LIMIT {
                    self.complete.push(document);
                }
            }
            Some(Opens::Item) | None => {}
        }
    }

    /// Begins a list of items, or a value in its place. Returns whether its elements count.
    pub(super) fn begin_items(&mut self, (rank, place): (u8, u16), is_null: bool) -> bool {
        let items = &mut self.document.items;
        let found = if is_null { Found::Nothing } else { Found::Json("[]") };
        if let Some(duplicate) = items.slot.put(rank, place, found) {
            self.document.duplicate.push((None, Role::Items, duplicate));
            return false;
        }
        if is_null || items.list.is_some_and(|(known, _)| known < rank) {
            return false;
        }
        items.list = Some((rank, place));
        items.all.clear();
        items.problem = None;
        true
    }

    /// Records a problem with the current list of items.
    pub(super) fn items_fault(&mut self, reason: Reason, detail: impl FnOnce(&str) -> String) {
        let Some((_, place)) = self.document.items.list else { return };
        if self.document.items.problem.is_none() {
            let detail = detail(self.mapping.name(place));
            self.document.items.problem = Some(Rejection::new(reason, detail));
        }
    }
}

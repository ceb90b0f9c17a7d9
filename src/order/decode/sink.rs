//! Where a decoder puts what it finds. It knows no format and no money.

use std::mem;

use super::{Charge, Document, ELEMENTS_LIMIT, ItemFields, Kept, Slot};
use crate::order::{
    Reason, Rejection,
    mapping::{Mapping, Opens, Spot, Taker},
    value::Value,
};

/// What a record holds, as far as it was read.
pub(in crate::order) struct Sink<'m, 'p> {
    pub(super) mapping: &'m Mapping,
    /// The order whose fields come in now.
    document: Document<'p>,
    item: ItemFields<'p>,
    /// Orders that are complete.
    complete: Vec<Document<'p>>,
    /// How many orders the record has within it.
    inner_orders: usize,
    /// Whether it has a list of them, which may be empty.
    has_list: bool,
    /// What all orders of the record share.
    shared: Option<Box<Document<'p>>>,
    only: Slot<'p>,
    /// What is wrong with the record's shape; the first find counts.
    trouble: Option<Rejection>,
    aborted: bool,
}

/// What a record holds.
pub(in crate::order) struct Decoded<'p> {
    /// Its orders.
    pub(in crate::order) documents: Vec<Document<'p>>,
    /// The only one of them, where that is the whole record, as it mostly is.
    pub(in crate::order) single: Option<Document<'p>>,
    pub(in crate::order) shared: Option<Box<Document<'p>>>,
    /// What says whether the record counts.
    pub(in crate::order) only: Slot<'p>,
    /// What is wrong with the record's shape.
    pub(in crate::order) trouble: Option<Rejection>,
    /// Whether it could not be read to its end.
    pub(in crate::order) aborted: bool,
}

impl<'m, 'p> Sink<'m, 'p> {
    pub(in crate::order) fn new(mapping: &'m Mapping) -> Self {
        Self {
            mapping,
            document: Document::default(),
            item: ItemFields::default(),
            complete: Vec::new(),
            inner_orders: 0,
            has_list: false,
            shared: None,
            only: Slot::default(),
            trouble: None,
            aborted: false,
        }
    }

    /// What was found.
    pub(in crate::order) fn finish(self) -> Decoded<'p> {
        let Self {
            document, complete, inner_orders, has_list, shared, only, trouble, aborted, ..
        } = self;
        // Orders within the record count in its own place.
        let single = (inner_orders == 0 && !has_list).then_some(document);
        Decoded { documents: complete, single, shared, only, trouble, aborted }
    }

    /// Notes what is wrong with the record's shape.
    pub(super) fn fault(&mut self, reason: Reason, detail: impl FnOnce() -> String) {
        if self.trouble.is_none() {
            self.trouble = Some(Rejection::new(reason, detail()));
        }
    }

    /// The record could not be read to its end.
    pub(super) fn abort(&mut self, why: Rejection) {
        self.aborted = true;
        self.trouble.get_or_insert(why);
    }

    /// The name of the list of items that is in work.
    pub(super) fn items_name(&self) -> &'m str {
        self.document.items.list.map_or("", |(_, place)| self.mapping.name(place))
    }

    /// Gives the value to all that take it.
    pub(super) fn take(&mut self, spot: &'m Spot, value: Value<'p>) {
        match spot.takers.as_slice() {
            [taker] => self.give(*taker, value),
            takers => {
                for taker in takers {
                    self.give(*taker, value.clone());
                }
            }
        }
    }

    /// Notes a field that only looks as if it mattered.
    pub(super) const fn suspect(&mut self, spot: &Spot) {
        self.document.suspects |= spot.suspect;
    }

    pub(in crate::order) fn give(&mut self, taker: Taker, value: Value<'p>) {
        match taker {
            Taker::Role { role, rank, place } => {
                let slot = self.document.slot(role).or_else(|| self.item.slot(role));
                if slot.is_some_and(|slot| slot.put(rank, place, value)) {
                    self.document.has_twice = true;
                }
            }
            Taker::Flat { role, rank, place } => {
                if let Some(slot) = self.document.flat.slot(role) {
                    slot.put(rank, place, value);
                }
            }
            Taker::Shared { role, rank, place } => {
                if let Some(slot) = self.shared.get_or_insert_default().slot(role) {
                    slot.put(rank, place, value);
                }
            }
            Taker::Charge { place } => self.document.charges.push(Charge { place, value }),
            Taker::Part { composite, part } => self.document.parts.push((composite, part, value)),
            Taker::Keep { index, rank, place } => {
                let kept = &mut self.document.kept;
                match kept.iter_mut().find(|kept| kept.index == index) {
                    Some(kept) => drop(kept.slot.put(rank, place, value)),
                    None => {
                        let mut slot = Slot::default();
                        slot.put(rank, place, value);
                        kept.push(Kept { index, slot });
                    }
                }
            }
            Taker::Only { rank, place } => drop(self.only.put(rank, place, value)),
        }
    }

    /// An object of this spot begins. Returns what [`Self::close`] wants to know of it.
    pub(super) fn open(&mut self, spot: &Spot, is_whole: bool) -> Option<Opens> {
        match spot.opens? {
            Opens::Order if is_whole => None,
            Opens::Order => {
                self.inner_orders += 1;
                if self.inner_orders > ELEMENTS_LIMIT {
                    self.fault(Reason::OutOfRange, || {
                        format!("the record must hold at most {ELEMENTS_LIMIT} orders")
                    });
                }
                // What the whole record holds is kept only where no order is within it.
                self.document = Document::default();
                Some(Opens::Order)
            }
            Opens::Item => {
                self.item = ItemFields::default();
                Some(Opens::Item)
            }
        }
    }

    /// Whether no order was found within the record.
    pub(super) const fn has_no_order(&self) -> bool {
        self.inner_orders == 0
    }

    /// Has all orders of the record share what has come in so far, from beside its value.
    pub(in crate::order) fn share(&mut self) {
        let Document { parts, kept, .. } = mem::take(&mut self.document);
        let shared = self.shared.get_or_insert_default();
        shared.parts = parts;
        shared.kept = kept;
    }

    /// A list of orders begins.
    pub(super) const fn begin_orders(&mut self) {
        self.has_list = true;
    }

    /// The object ends.
    pub(super) fn close(&mut self, opened: Option<Opens>) {
        match opened {
            Some(Opens::Order) => {
                let document = mem::take(&mut self.document);
                if self.complete.len() < ELEMENTS_LIMIT {
                    self.complete.push(document);
                }
            }
            Some(Opens::Item) => self.document.items.all.push(mem::take(&mut self.item)),
            None => {}
        }
    }

    /// A list of items begins, or what stands in its place: whether its elements count.
    pub(super) fn begin_items(&mut self, (rank, place): (u8, u16), is_null: bool) -> bool {
        let items = &mut self.document.items;
        let value = if is_null { Value::Null } else { Value::Other };
        if items.slot.put(rank, place, value) {
            self.document.has_twice = true;
            return false;
        }
        if is_null || items.list.is_some_and(|(known, _)| known < rank) {
            return false;
        }
        items.list = Some((rank, place));
        items.all.clear();
        items.trouble = None;
        true
    }

    /// Notes what is wrong with the list of items that is in work.
    pub(super) fn items_fault(&mut self, reason: Reason, detail: impl FnOnce(&str) -> String) {
        let Some((_, place)) = self.document.items.list else { return };
        if self.document.items.trouble.is_none() {
            let detail = detail(self.mapping.name(place));
            self.document.items.trouble = Some(Rejection::new(reason, detail));
        }
    }
}

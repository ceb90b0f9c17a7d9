//! The structure of a record relative to the mapping's tree, for all formats: which values are
//! orders, lists or items, and which are out of place.

use super::Sink;
use crate::order::{
    Reason,
    mapping::{Opens, Spot},
};

/// A sink and the position of its decoder in the record.
pub(super) struct Shape<'s, 'm, 'p> {
    pub(super) sink: &'s mut Sink<'m, 'p>,
    pub(super) at: At,
}

/// What is being read.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// An ordinary value.
    Value,
    /// A value in the place of a list of items, with its rank and place.
    Items((u8, u16)),
    /// The item with this index.
    Item(usize),
}

/// How a value was reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// It is the whole record.
    Whole,
    /// It is an element of a list.
    List,
    /// By its name, or as the JSON in a text.
    Field,
}

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// It has fields.
    Object,
    /// It has elements.
    List,
    /// It is a text.
    Text,
    /// It cannot be entered.
    Other,
}

impl Spot {
    /// Whether the mapping enters a value of this type.
    pub(super) const fn enters(&self, made: Made) -> bool {
        match made {
            Made::Object => self.object.is_some(),
            Made::List => self.each.is_some() || self.items.is_some(),
            Made::Text => self.text.is_some(),
            Made::Other => false,
        }
    }
}

impl Shape<'_, '_, '_> {
    pub(super) fn not_an_object(&mut self) {
        self.sink.fault(Reason::NotAnObject, || {
            "the record must be one object, or a list of them".to_owned()
        });
    }

    /// Handles a value of a type that the mapping does not enter.
    pub(super) fn other(&mut self, spot: &Spot, from: From, is_null: bool) {
        if let Some(items) = spot.items
            && self.sink.begin_items(items, is_null)
        {
            self.sink.items_fault(Reason::InvalidItems, |items| format!("{items} must be a list"));
        }
        match spot.opens {
            Some(Opens::Order) if from != From::Field || !is_null => self.not_an_object(),
            Some(Opens::Item) => {
                if let At::Item(index) = self.at {
                    self.sink.items_fault(Reason::InvalidItems, |items| {
                        format!("{items}[{index}] must be an object")
                    });
                }
            }
            _ => {}
        }
    }
}

//! What values are to the mapping's tree, whatever format they are of: which of them are orders, lists
//! and items, and which are out of place.

use super::Sink;
use crate::order::{
    Reason,
    mapping::{Opens, Spot},
};

/// A sink, and where in the record its decoder is.
pub(super) struct Shape<'s, 'm, 'p> {
    pub(super) sink: &'s mut Sink<'m, 'p>,
    pub(super) at: At,
}

/// What is being read.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// A value of no special kind.
    Value,
    /// What stands in the place of a list of items, by its rank and place.
    Items((u8, u16)),
    /// The item of this index.
    Item(usize),
}

/// How a value was come to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// It is the whole record.
    Whole,
    /// It is an element of a list.
    List,
    /// By its name, or as what a text holds.
    Field,
}

/// What a value is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// Of fields.
    Object,
    /// Of elements.
    List,
    /// Of characters.
    Text,
    /// Of nothing that can be entered.
    Other,
}

impl Spot {
    /// Whether the mapping looks into a value that is made so.
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

    /// What stands here is of no kind that the mapping looks into.
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

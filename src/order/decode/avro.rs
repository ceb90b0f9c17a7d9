//! Decodes Avro in one pass over the bytes, guided by the schema and the mapping's tree.
//!
//! The tree treats a record or map like an object in JSON, an array like a list, and a union like
//! its branch. Texts are borrowed; numbers are written into the arena as JSON literals.

mod whole;

use bumpalo::Bump;

use super::{
    ELEMENTS_LIMIT, Found, Sink, json,
    shape::{At, From, Made, Shape},
};
use crate::{
    format::avro::{Fault, Field, Input, Leaf, Record, Schema, Type, TypeId},
    order::{
        Reason, Rejection,
        mapping::{Handling, Opens, Spot, Tree},
        value::Value,
    },
};
use whole::found;

/// Reads `bytes`, a value of `schema`, into `sink`. `arena` holds values that the rules need in
/// another form.
///
/// # Errors
/// The bytes are not a value of the schema. Problems with the value's structure are recorded in the
/// sink.
pub(in crate::order) fn read<'m, 'p>(
    bytes: &'p [u8],
    schema: &'p Schema,
    root: &'m Spot,
    sink: &mut Sink<'m, 'p>,
    arena: &'p Bump,
) -> Result<(), Rejection> {
    let before = sink.before();
    let shape = Shape { sink, at: At::Value };
    let mut walk = Walk { shape, input: Input::new(bytes), schema, arena };
    let read = walk.value(schema.root(), root, From::Whole, 0).and_then(|()| walk.input.end());
    read.map_err(|fault| {
        walk.shape.sink.restart(before);
        let reason = if fault.is_too_deep() { Reason::TooDeep } else { Reason::NotAvro };
        Rejection::new(reason, format!("the bytes must be a value of their Avro schema: {fault}"))
    })
}

/// A scalar value, as keys often are; `None` for others and for bytes that are not a value of the
/// schema.
pub(in crate::order) fn single<'p>(
    bytes: &'p [u8],
    schema: &'p Schema,
    arena: &'p Bump,
) -> Option<Found<'p>> {
    let mut input = Input::new(bytes);
    let of = input.branch(schema, schema.root()).ok()?;
    let leaf = input.leaf(schema, of).ok()??;
    input.end().ok()?;
    Some(found(leaf, arena))
}

struct Walk<'s, 'm, 'p> {
    shape: Shape<'s, 'm, 'p>,
    input: Input<'p>,
    schema: &'p Schema,
    arena: &'p Bump,
}

impl<'m, 'p> Walk<'_, 'm, 'p> {
    /// Reads a value at nesting depth `depth`.
    fn value(&mut self, of: TypeId, spot: &'m Spot, from: From, depth: usize) -> Result<(), Fault> {
        let of = self.input.branch(self.schema, of)?;
        match spot.handling {
            Handling::Take => {
                let found = self.whole(of, depth)?;
                self.shape.sink.take(spot, found);
                Ok(())
            }
            Handling::Enter => self.enter(of, spot, from, depth),
            Handling::Both => self.both(of, spot, depth),
            Handling::Suspect => {
                if let Some(text) = self.suspect_text(of, depth)? {
                    self.shape.sink.suspect(spot, Some(text));
                }
                Ok(())
            }
        }
    }

    /// A value that is taken or entered, depending on its type.
    fn both(&mut self, of: TypeId, spot: &'m Spot, depth: usize) -> Result<(), Fault> {
        let made = match self.schema.of(of) {
            Type::Record(_) | Type::Map(_) => Made::Object,
            Type::Array(_) => Made::List,
            Type::Text | Type::Enum(..) | Type::Bytes => Made::Text,
            _ => Made::Other,
        };
        let enters = spot.enters(made);
        let before = self.input;
        let found = self.whole(of, depth)?;
        // A composite that is also a value is both taken and entered, such as money with its
        // currency.
        let is_whole = matches!(found, Found::Value(Value::Units { .. } | Value::Numbers(_)));
        if !enters || is_whole {
            self.shape.sink.take(spot, found);
        }
        // A value in the place of a list of items is judged as such.
        if !enters && (spot.items.is_none() || found.is_null()) {
            return Ok(());
        }
        self.input = before;
        self.enter(of, spot, From::Field, depth)
    }

    /// Reads the contents of a value.
    fn enter(&mut self, of: TypeId, spot: &'m Spot, from: From, depth: usize) -> Result<(), Fault> {
        match self.schema.of(of) {
            Type::Record(record) => match &spot.object {
                Some(tree) => {
                    let opened = self.shape.sink.open(spot, from == From::Whole);
                    self.record(record, tree, depth)?;
                    self.shape.sink.close(opened);
                    Ok(())
                }
                None => self.out_of_place(of, spot, from, depth),
            },
            Type::Map(values) => match &spot.object {
                Some(tree) => {
                    let opened = self.shape.sink.open(spot, from == From::Whole);
                    self.map(*values, tree, depth)?;
                    self.shape.sink.close(opened);
                    Ok(())
                }
                None => self.out_of_place(of, spot, from, depth),
            },
            Type::Array(elements) => match &spot.each {
                Some(element) => {
                    self.array(*elements, spot, element, depth)?;
                    if from == From::Whole && self.shape.sink.has_no_order() {
                        self.shape.not_an_object();
                    }
                    Ok(())
                }
                None => self.out_of_place(of, spot, from, depth),
            },
            Type::Text | Type::Enum(..) | Type::Bytes => {
                let text = match self.input.leaf(self.schema, of)? {
                    Some(Leaf::Text(text)) => Some(text),
                    Some(Leaf::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
                    _ => None,
                };
                match (&spot.text, text) {
                    (Some(spot), Some(text)) => {
                        json::read_within(text, spot, self.shape.sink, self.arena);
                    }
                    _ => self.shape.other(spot, from, false),
                }
                Ok(())
            }
            Type::Null => {
                self.shape.other(spot, from, true);
                self.input.empty()
            }
            _ => self.out_of_place(of, spot, from, depth),
        }
    }

    /// Skips a value that the mapping does not enter.
    fn out_of_place(
        &mut self,
        of: TypeId,
        spot: &'m Spot,
        from: From,
        depth: usize,
    ) -> Result<(), Fault> {
        self.shape.other(spot, from, false);
        self.input.skip(self.schema, of, depth)
    }

    fn record(&mut self, record: &'p Record, tree: &'m Tree, depth: usize) -> Result<(), Fault> {
        let depth = self.input.deeper(depth)?;
        self.input.empty()?;
        for field in &record.fields {
            match spot_of(field, tree) {
                Some(spot) => self.field(field.of, spot, depth)?,
                None => self.input.skip(self.schema, field.of, depth)?,
            }
        }
        Ok(())
    }

    /// A field that a record leaves out is `null` and counts as absent.
    fn field(&mut self, of: TypeId, spot: &'m Spot, depth: usize) -> Result<(), Fault> {
        let of = self.input.branch(self.schema, of)?;
        match self.schema.of(of) {
            Type::Null => self.input.empty(),
            _ => self.value(of, spot, From::Field, depth),
        }
    }

    fn map(&mut self, values: TypeId, tree: &'m Tree, depth: usize) -> Result<(), Fault> {
        let depth = self.input.deeper(depth)?;
        while let Some(block) = self.input.block()? {
            for _ in 0..block.count {
                let key = self.input.text()?;
                match tree.names.get(key) {
                    Some(spot) => self.field(values, spot, depth)?,
                    None => self.input.skip(self.schema, values, depth)?,
                }
            }
        }
        Ok(())
    }

    fn array(
        &mut self,
        elements: TypeId,
        spot: &'m Spot,
        element: &'m Spot,
        depth: usize,
    ) -> Result<(), Fault> {
        let depth = self.input.deeper(depth)?;
        match element.opens {
            Some(Opens::Item) => {
                let counts =
                    spot.items.is_some_and(|items| self.shape.sink.begin_items(items, false));
                if !counts {
                    while let Some(block) = self.input.block()? {
                        self.input.skip_block(block, (self.schema, elements), false, depth)?;
                    }
                    return Ok(());
                }
                self.items(elements, element, depth)
            }
            opens => {
                if opens.is_some() {
                    self.shape.sink.begin_orders();
                }
                while let Some(block) = self.input.block()? {
                    for _ in 0..block.count {
                        self.value(elements, element, From::List, depth)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn items(&mut self, elements: TypeId, element: &'m Spot, depth: usize) -> Result<(), Fault> {
        let mut index = 0;
        while let Some(block) = self.input.block()? {
            for _ in 0..block.count {
                if index < ELEMENTS_LIMIT {
                    self.shape.at = At::Item(index);
                    self.value(elements, element, From::List, depth)?;
                    index += 1;
                    continue;
                }
                // Elements beyond the limit are validated but not kept.
                self.input.skip(self.schema, elements, depth)?;
                self.shape.sink.items_fault(Reason::OutOfRange, |items| {
                    format!("{items} must contain at most {ELEMENTS_LIMIT} items")
                });
            }
        }
        self.shape.at = At::Value;
        Ok(())
    }
}

/// The mapping's spot for a field: by its name, or else by its aliases.
fn spot_of<'m>(field: &Field, tree: &'m Tree) -> Option<&'m Spot> {
    tree.names
        .get(&field.name)
        .or_else(|| field.aliases.iter().find_map(|alias| tree.names.get(alias)))
}

//! Decodes JSON in one pass, guided by the mapping's tree, without an intermediate document.
//!
//! Names that are not in the tree are skipped. Only the values of roles are kept, as slices of the
//! record's bytes where possible.

mod name;

use std::fmt;

use bumpalo::Bump;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    ELEMENTS_LIMIT, Found, Sink,
    json_value::value,
    shape::{At, From, Made, Shape},
};
use crate::order::{
    Reason, Rejection,
    mapping::{Handling, Opens, Spot, Tree},
    text,
    value::Value,
};

use name::Name;

/// Reads `text`, nested at most 128 levels deep, into `sink`. `arena` holds unescaped texts that
/// contain JSON.
///
/// # Errors
/// The text is not JSON. Problems with the document's structure are recorded in the sink.
pub(in crate::order) fn read<'m, 'p>(
    text: &'p str,
    root: &'m Spot,
    sink: &mut Sink<'m, 'p>,
    arena: &'p Bump,
) -> Result<(), Rejection> {
    let before = sink.before();
    let shape = Shape { sink, at: At::Value };
    let mut reader = Reader { shape, arena, is_second: false };
    if reader.walk(text, root).is_ok() {
        return Ok(());
    }
    reader.shape.sink.restart(before);
    // The original error may quote the payload. The error of this second parse only contains the
    // expected syntax, line and column.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Err(Rejection::new(Reason::NotJson, error.to_string()));
    }
    reader.is_second = true;
    if reader.walk(text, root).is_err() {
        reader.unread();
    }
    Ok(())
}

struct Reader<'s, 'm, 'p> {
    shape: Shape<'s, 'm, 'p>,
    arena: &'p Bump,
    /// Whether this is the second attempt, after the first failed at field names with an unpaired
    /// surrogate. It reads names undecoded, which is slower.
    is_second: bool,
}

impl<'m, 'p> Reader<'_, 'm, 'p> {
    fn walk(&mut self, text: &'p str, root: &'m Spot) -> Result<(), serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(text);
        Walk { reader: self, spot: root, from: From::Whole }.deserialize(&mut json)?;
        json.end()
    }

    /// Reading ended at a number that serde_json cannot represent, in place of another value.
    fn unread(&mut self) {
        let items = |sink: &Sink<'m, 'p>| sink.items_name().to_owned();
        let (reason, detail) = match self.shape.at {
            At::Value => (Reason::NotAnObject, "found a number, must be an object".to_owned()),
            At::Items((_, place)) => (
                Reason::InvalidItems,
                format!("{} must be a list", self.shape.sink.mapping.name(place)),
            ),
            At::Item(index) => (
                Reason::InvalidItems,
                format!("{}[{index}] must be an object", items(self.shape.sink)),
            ),
        };
        self.shape.sink.abort(Rejection::new(reason, detail));
    }

    fn object<M: MapAccess<'p>>(&mut self, tree: &'m Tree, map: &mut M) -> Result<(), M::Error> {
        let is_second = self.is_second;
        while let Some(found) = map.next_key_seed(Name { tree, is_second })? {
            let Some(spot) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            match spot.handling {
                Handling::Take => {
                    let json = map.next_value::<&'p RawValue>()?.get();
                    self.shape.sink.take(spot, Found::Json(json));
                }
                Handling::Enter => map.next_value_seed(Walk::into(self, spot))?,
                Handling::Both => {
                    let json = map.next_value::<&'p RawValue>()?.get();
                    self.both(spot, json).map_err(M::Error::custom)?;
                }
                Handling::Suspect => {
                    let json = map.next_value::<&'p RawValue>()?.get();
                    if !matches!(json, "null" | "false" | "\"\"" | "0" | "[]" | "{}") {
                        let text = json.strip_prefix('"');
                        self.shape.sink.suspect(spot, text);
                    }
                }
            }
        }
        Ok(())
    }

    /// A value that is taken or entered, depending on its type.
    fn both(&mut self, spot: &'m Spot, json: &'p str) -> Result<(), serde_json::Error> {
        let enters = spot.enters(match json.as_bytes().first() {
            Some(b'{') => Made::Object,
            Some(b'[') => Made::List,
            Some(b'"') => Made::Text,
            _ => Made::Other,
        });
        // A composite that is also a value is both taken and entered, such as money with its
        // currency.
        let is_whole = matches!(value(json), Value::Units { .. } | Value::Numbers(_));
        if !enters || is_whole {
            self.shape.sink.take(spot, Found::Json(json));
        }
        if !enters {
            // A value in the place of a list of items is judged as such.
            if spot.items.is_some() && json != "null" {
                self.shape.other(spot, From::Field, false);
            }
            return Ok(());
        }
        serde_json::Deserializer::from_str(json).deserialize_any(Walk::into(self, spot))
    }

    fn list<S: SeqAccess<'p>>(&mut self, spot: &'m Spot, list: &mut S) -> Result<(), S::Error> {
        let Some(element) = spot.each.as_deref() else { return skip_list(list) };
        match element.opens {
            Some(Opens::Item) => {
                let counts =
                    spot.items.is_some_and(|items| self.shape.sink.begin_items(items, false));
                if counts { self.items(element, list) } else { skip_list(list) }
            }
            Some(Opens::Order) => {
                self.shape.sink.begin_orders();
                while list.next_element_seed(Walk::element(self, element))?.is_some() {}
                Ok(())
            }
            None => {
                while list.next_element_seed(Walk::element(self, element))?.is_some() {}
                Ok(())
            }
        }
    }

    fn items<S: SeqAccess<'p>>(&mut self, element: &'m Spot, list: &mut S) -> Result<(), S::Error> {
        for index in 0..ELEMENTS_LIMIT {
            self.shape.at = At::Item(index);
            if list.next_element_seed(Walk::element(self, element))?.is_none() {
                self.shape.at = At::Value;
                return Ok(());
            }
        }
        // Elements beyond the limit are parsed but not kept.
        while list.next_element::<IgnoredAny>()?.is_some() {
            self.shape.sink.items_fault(Reason::OutOfRange, |items| {
                format!("{items} must contain at most {ELEMENTS_LIMIT} items")
            });
        }
        self.shape.at = At::Value;
        Ok(())
    }

    /// A text that may contain JSON.
    fn text(&mut self, spot: &'m Spot, json: &'p str) {
        let is_deep = text::is_too_deep(json);
        let mut inner = serde_json::Deserializer::from_str(json);
        let walk = Walk::into(self, spot);
        if is_deep || walk.deserialize(&mut inner).and_then(|()| inner.end()).is_err() {
            self.shape.sink.fault(Reason::NotJson, || {
                "a text that the mapping reads as JSON must contain JSON, nested at most 128 \
                 levels deep"
                    .to_owned()
            });
        }
    }
}

/// Reads JSON in a text within a record of another format.
pub(super) fn read_within<'m, 'p>(
    json: &'p str,
    spot: &'m Spot,
    sink: &mut Sink<'m, 'p>,
    arena: &'p Bump,
) {
    let shape = Shape { sink, at: At::Value };
    Reader { shape, arena, is_second: false }.text(spot, json);
}

fn skip_list<'p, S: SeqAccess<'p>>(list: &mut S) -> Result<(), S::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Enters a value.
struct Walk<'r, 's, 'm, 'p> {
    reader: &'r mut Reader<'s, 'm, 'p>,
    spot: &'m Spot,
    from: From,
}

impl<'r, 's, 'm, 'p> Walk<'r, 's, 'm, 'p> {
    const fn into(reader: &'r mut Reader<'s, 'm, 'p>, spot: &'m Spot) -> Self {
        Self { reader, spot, from: From::Field }
    }

    const fn element(reader: &'r mut Reader<'s, 'm, 'p>, spot: &'m Spot) -> Self {
        Self { reader, spot, from: From::List }
    }

    fn other(self, is_null: bool) {
        self.reader.shape.other(self.spot, self.from, is_null);
    }
}

impl<'p> DeserializeSeed<'p> for Walk<'_, '_, '_, 'p> {
    type Value = ();

    fn deserialize<D: Deserializer<'p>>(self, json: D) -> Result<(), D::Error> {
        match self.spot.handling {
            Handling::Enter => {
                if let Some(items) = self.spot.items {
                    self.reader.shape.at = At::Items(items);
                }
                json.deserialize_any(self)
            }
            Handling::Take | Handling::Both | Handling::Suspect => {
                let json = <&'p RawValue as serde::Deserialize>::deserialize(json)?.get();
                if self.spot.handling == Handling::Both {
                    self.reader.both(self.spot, json).map_err(D::Error::custom)
                } else {
                    self.reader.shape.sink.take(self.spot, Found::Json(json));
                    Ok(())
                }
            }
        }
    }
}

impl<'p> Visitor<'p> for Walk<'_, '_, '_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<M: MapAccess<'p>>(self, mut map: M) -> Result<(), M::Error> {
        let Some(tree) = &self.spot.object else {
            self.other(false);
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let Self { reader, spot, from } = self;
        let opened = reader.shape.sink.open(spot, from == From::Whole);
        reader.object(tree, &mut map)?;
        reader.shape.sink.close(opened);
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'p>>(self, mut list: S) -> Result<(), S::Error> {
        if self.spot.each.is_none() {
            self.other(false);
            return skip_list(&mut list);
        }
        let Self { reader, spot, from } = self;
        reader.list(spot, &mut list)?;
        if from == From::Whole && reader.shape.sink.has_no_order() {
            reader.shape.not_an_object();
        }
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'p str) -> Result<(), E> {
        match &self.spot.text {
            Some(spot) => self.reader.text(spot, text),
            None => self.other(false),
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match &self.spot.text {
            Some(spot) => {
                let text = self.reader.arena.alloc_str(text);
                self.reader.text(spot, text);
            }
            None => self.other(false),
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.other(true);
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.other(false);
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.other(false);
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.other(false);
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.other(false);
        Ok(())
    }
}

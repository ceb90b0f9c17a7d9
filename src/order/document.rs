//! The record's fields as they were written, sorted by role; their values are not yet judged.
//!
//! Nothing here prints itself: what it holds is the payload's.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Reason, Rejection, Role, Vocabulary, literal, vocabulary::Level};

/// How many items an order may have.
const ITEMS_LIMIT: usize = 9_999;

/// A field: the name by which the vocabulary knows it, and its value as JSON text.
#[derive(Clone, Copy)]
pub(super) struct Field<'v, 'p> {
    pub(super) name: &'v str,
    pub(super) json: &'p str,
}

/// A field that may be missing.
#[derive(Clone, Copy, Default)]
pub(super) struct Slot<'v, 'p>(Option<Field<'v, 'p>>);

impl<'v, 'p> Slot<'v, 'p> {
    /// `null` is as if absent.
    pub(super) fn stated(self) -> Option<Field<'v, 'p>> {
        self.0.filter(|field| field.json != "null")
    }

    /// The name that was here before: then two fields stand for one role.
    fn put(&mut self, field: Field<'v, 'p>) -> Option<&'v str> {
        self.0.replace(field).map(|earlier| earlier.name)
    }
}

/// What an order's object holds for each role.
#[derive(Default)]
pub(super) struct Document<'v, 'p> {
    pub(super) number: Slot<'v, 'p>,
    pub(super) id: Slot<'v, 'p>,
    pub(super) total: Slot<'v, 'p>,
    pub(super) sold_at: Slot<'v, 'p>,
    /// The name under which the items stand, if they do.
    pub(super) items_name: Option<&'v str>,
    pub(super) items: Vec<ItemFields<'v, 'p>>,
}

/// What an item's object holds for each role.
#[derive(Clone, Copy, Default)]
pub(super) struct ItemFields<'v, 'p> {
    pub(super) product: Slot<'v, 'p>,
    pub(super) quantity: Slot<'v, 'p>,
    pub(super) unit_price: Slot<'v, 'p>,
}

/// Reads one object from `text`, which nests at most 128 deep.
///
/// A role that stands twice in one object is a duplicate even where one of the two is `null`: which
/// one was meant is not for us to guess.
pub(super) fn read<'v, 'p>(
    text: &'p str,
    vocabulary: &'v Vocabulary,
) -> Result<Document<'v, 'p>, Rejection> {
    let mut reader =
        Reader { vocabulary, document: Document::default(), trouble: None, at: At::Order };
    let mut json = serde_json::Deserializer::from_str(text);
    match (&mut reader).deserialize(&mut json).and_then(|()| json.end()) {
        Ok(()) => reader.trouble.map_or(Ok(reader.document), Err),
        Err(_) => Err(reader.why_unread(text)),
    }
}

/// Gathers the document; also the seed and the visitor of the order's object.
struct Reader<'v, 'p> {
    vocabulary: &'v Vocabulary,
    document: Document<'v, 'p>,
    /// What is wrong with a text that is JSON all the same; the first find counts.
    trouble: Option<Rejection>,
    at: At,
}

/// What is expected next, so that a value of another kind can be told from a text that is no JSON.
#[derive(Clone, Copy)]
enum At {
    Order,
    Items,
    Item(usize),
}

impl Reader<'_, '_> {
    /// The error itself is not asked: it may quote the payload.
    fn why_unread(self, text: &str) -> Rejection {
        if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
            // This one only names what JSON wants at which line and column.
            return Rejection::new(Reason::NotJson, error.to_string());
        }
        let items = self.document.items_name.unwrap_or_default();
        match self.at {
            At::Order => Rejection::new(Reason::NotAnObject, "the record must be one JSON object"),
            At::Items => Rejection::new(Reason::InvalidItems, format!("{items} must be a list")),
            At::Item(index) => {
                Rejection::new(Reason::InvalidItems, format!("{items}[{index}] must be an object"))
            }
        }
    }

    /// `place` is the object in which the role stands twice, with a space behind it.
    fn note_duplicate(&mut self, place: &str, role: Role, earlier: &str, later: &str) {
        self.trouble.get_or_insert_with(|| {
            let detail = if earlier == later {
                format!("{place}holds {later} twice")
            } else {
                format!(
                    "{place}holds both {earlier} and {later}, which stand for the same ({role})"
                )
            };
            Rejection::new(Reason::DuplicateField, detail)
        });
    }
}

impl<'v, 'p> Reader<'v, 'p> {
    fn read_items<M: MapAccess<'p>>(&mut self, name: &'v str, map: &mut M) -> Result<(), M::Error> {
        if let Some(earlier) = self.document.items_name.replace(name) {
            self.note_duplicate("the order ", Role::Items, earlier, name);
            return map.next_value::<IgnoredAny>().map(drop);
        }
        // Behind the items nothing else is expected to be of one kind, so this is never set back.
        self.at = At::Items;
        map.next_value_seed(Items(self))
    }
}

impl<'p> DeserializeSeed<'p> for &mut Reader<'_, 'p> {
    type Value = ();

    fn deserialize<D: Deserializer<'p>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'p> Visitor<'p> for &mut Reader<'_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an order")
    }

    fn visit_map<M: MapAccess<'p>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(found) = map.next_key_seed(Name(self.vocabulary, Level::Order))? {
            let Some((role, name)) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let slot = match role {
                Role::OrderNumber => &mut self.document.number,
                Role::OrderId => &mut self.document.id,
                Role::Total => &mut self.document.total,
                Role::SoldAt => &mut self.document.sold_at,
                Role::Items => {
                    self.read_items(name, &mut map)?;
                    continue;
                }
                Role::Product | Role::Quantity | Role::UnitPrice => return Err(wrong_level()),
            };
            let json = map.next_value::<&'p RawValue>()?.get();
            if let Some(earlier) = slot.put(Field { name, json }) {
                self.note_duplicate("the order ", role, earlier, name);
            }
        }
        Ok(())
    }
}

/// The list of items: `null` or a list of objects.
struct Items<'r, 'v, 'p>(&'r mut Reader<'v, 'p>);

impl<'p> DeserializeSeed<'p> for Items<'_, '_, 'p> {
    type Value = ();

    fn deserialize<D: Deserializer<'p>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_option(self)
    }
}

impl<'p> Visitor<'p> for Items<'_, '_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'p>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }

    fn visit_seq<S: SeqAccess<'p>>(self, mut items: S) -> Result<(), S::Error> {
        let Self(reader) = self;
        for index in 0..ITEMS_LIMIT {
            reader.at = At::Item(index);
            if items.next_element_seed(Item { reader, index })?.is_none() {
                return Ok(());
            }
        }
        // What is beyond the limit is read as JSON, but no longer kept.
        while items.next_element::<IgnoredAny>()?.is_some() {
            let name = reader.document.items_name.unwrap_or_default();
            reader.trouble.get_or_insert_with(|| {
                let detail = format!("{name} must hold at most {ITEMS_LIMIT} items");
                Rejection::new(Reason::OutOfRange, detail)
            });
        }
        Ok(())
    }
}

/// One item's object.
struct Item<'r, 'v, 'p> {
    reader: &'r mut Reader<'v, 'p>,
    index: usize,
}

impl<'p> DeserializeSeed<'p> for Item<'_, '_, 'p> {
    type Value = ();

    fn deserialize<D: Deserializer<'p>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'p> Visitor<'p> for Item<'_, '_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item")
    }

    fn visit_map<M: MapAccess<'p>>(self, mut map: M) -> Result<(), M::Error> {
        let Self { reader, index } = self;
        let mut item = ItemFields::default();
        while let Some(found) = map.next_key_seed(Name(reader.vocabulary, Level::Item))? {
            let Some((role, name)) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let slot = match role {
                Role::Product => &mut item.product,
                Role::Quantity => &mut item.quantity,
                Role::UnitPrice => &mut item.unit_price,
                Role::OrderNumber | Role::OrderId | Role::Items | Role::Total | Role::SoldAt => {
                    return Err(wrong_level());
                }
            };
            let json = map.next_value::<&'p RawValue>()?.get();
            if let Some(earlier) = slot.put(Field { name, json }) {
                let items = reader.document.items_name.unwrap_or_default();
                reader.note_duplicate(&format!("{items}[{index}] "), role, earlier, name);
            }
        }
        reader.document.items.push(item);
        Ok(())
    }
}

/// Looks a field's name up; `None` for a name that stands for no role.
struct Name<'v>(&'v Vocabulary, Level);

impl<'v, 'p> DeserializeSeed<'p> for Name<'v> {
    type Value = Option<(Role, &'v str)>;

    fn deserialize<D: Deserializer<'p>>(self, json: D) -> Result<Self::Value, D::Error> {
        // As written, since a name that is no text (half a surrogate pair) is merely unknown.
        let name = <&RawValue as serde::Deserialize>::deserialize(json)?.get();
        Ok(literal::text(name).ok().flatten().and_then(|name| self.0.find(self.1, &name)))
    }
}

/// The vocabulary finds at each level that level's roles only.
fn wrong_level<E: Error>() -> E {
    E::custom("a role of another object")
}

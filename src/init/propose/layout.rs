//! Where the orders are in the records: one per record, in lists, or inside a text.

use super::scores;
use crate::init::{
    dictionary::{Name, Word},
    json::Json,
    path::{Path, Step},
    profile::Profile,
    value,
};

/// An order of the sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit<'j> {
    /// The record, as an index into the sample.
    pub(crate) record: usize,
    /// The order.
    pub(crate) order: &'j Json,
}

/// The location of the orders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout<'j> {
    /// The setting `records`, if needed.
    pub(crate) records: Vec<String>,
    /// The orders.
    pub(crate) units: Vec<Unit<'j>>,
    /// Whether a record has several orders, or has them in a nested list.
    pub(crate) has_wholes: bool,
}

/// Finds the orders in `documents`.
pub(crate) fn layout<'j>(documents: &[(usize, &'j Json)]) -> Layout<'j> {
    let objects: Vec<&Json> = documents
        .iter()
        .map(|(_, json)| *json)
        .filter(|json| matches!(json, Json::Object(_)))
        .collect();
    let list = list_of_orders(&Profile::of(&objects));
    let mut layout = Layout::default();
    let (mut in_texts, mut in_lists) = (false, false);
    for (record, document) in documents {
        let below = list.as_ref().and_then(|path| path.find(document));
        let orders: Vec<&Json> = match (document, below) {
            (Json::Embedded(inner), _) => {
                in_texts = true;
                match &**inner {
                    Json::List(elements) => elements.iter().collect(),
                    one => vec![one],
                }
            }
            (Json::List(elements), _) => elements.iter().collect(),
            (_, Some(Json::List(elements))) => {
                in_lists = true;
                elements.iter().collect()
            }
            _ => vec![document],
        };
        layout.units.extend(orders.into_iter().map(|order| Unit { record: *record, order }));
    }
    if in_texts {
        layout.records.push("$~".to_owned());
    }
    if let Some(path) = list.filter(|_| in_lists) {
        layout.records.push(path.then(Step::Each).to_string());
        layout.has_wholes = true;
    }
    layout
}

/// The list whose elements are orders, not items of one order.
fn list_of_orders(profile: &Profile<'_>) -> Option<Path> {
    let best = |places: &[crate::init::profile::Place<'_>]| {
        let scores = places.iter().filter(|place| place.all(value::is_identity));
        scores.map(|place| scores::identity(&Name::of(&place.path))).max().unwrap_or_default()
    };
    let outside = best(&profile.places);
    let lists = profile.lists.iter().filter(|list| {
        let name = Name::of(&list.path);
        let inside = best(&list.places);
        let is_of_items = name.is(Word::Item) || name.is(Word::Product) || name.is(Word::Line);
        let has_worth = list.lines.iter().any(|(_, line)| has_list_of_objects(line))
            || list.places.iter().any(|place| scores::total(&Name::of(&place.path)) >= 60);
        let own_id = inside >= 90 || (inside >= 65 && !is_of_items);
        own_id && outside < 90 && has_worth && !name.foreign
    });
    lists.map(|list| list.path.clone()).next()
}

fn has_list_of_objects(line: &Json) -> bool {
    matches!(line, Json::Object(fields) if fields.iter().any(|(_, value)| value.is_list_of_objects()))
}

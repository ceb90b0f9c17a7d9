//! The places of a sample: where values occur, and in how many records.

use std::collections::BTreeMap;

use super::{
    json::Json,
    path::{Path, Step},
};

/// A place and its values, each with the order (or line) that it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Place<'j> {
    pub(crate) path: Path,
    pub(crate) values: Vec<(usize, &'j Json)>,
}

impl<'j> Place<'j> {
    /// The value of one order (or line).
    pub(crate) fn of(&self, owner: usize) -> Option<&'j Json> {
        let found = self.values.binary_search_by_key(&owner, |(owner, _)| *owner).ok()?;
        self.values.get(found).map(|(_, value)| *value)
    }

    /// Whether all values pass.
    pub(crate) fn all(&self, pass: impl Fn(&Json) -> bool) -> bool {
        self.values.iter().all(|(_, value)| pass(value))
    }

    /// The number of orders with a value: a place within a list may have several values per order.
    pub(crate) fn owners(&self) -> usize {
        let mut owners: Vec<usize> = self.values.iter().map(|(owner, _)| *owner).collect();
        owners.dedup();
        owners.len()
    }
}

/// A list of objects, such as an order's items.
#[derive(Clone, Debug)]
pub(crate) struct List<'j> {
    /// The list's path, without the step into its elements.
    pub(crate) path: Path,
    /// The elements, each with its order.
    pub(crate) lines: Vec<(usize, &'j Json)>,
    /// The places within an element; their owners are indices into `lines`.
    pub(crate) places: Vec<Place<'j>>,
}

/// All places of the orders in a sample.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile<'j> {
    /// Places outside of lists of objects.
    pub(crate) places: Vec<Place<'j>>,
    /// Lists of objects.
    pub(crate) lists: Vec<List<'j>>,
}

impl<'j> Profile<'j> {
    /// The places of `orders`.
    pub(crate) fn of(orders: &[&'j Json]) -> Self {
        let mut found = Found::default();
        for (owner, order) in orders.iter().enumerate() {
            found.walk(owner, order, &Path::default());
        }
        let lists = found.lists.into_iter().map(|(path, lines)| {
            let elements: Vec<&Json> = lines.iter().map(|(_, line)| *line).collect();
            // Lists within lines are not lines of the order.
            let places = Self::of(&elements).places;
            List { path, lines, places }
        });
        Self {
            lists: lists.collect(),
            places: found.places.into_iter().map(|(path, values)| Place { path, values }).collect(),
        }
    }
}

#[derive(Default)]
struct Found<'j> {
    places: BTreeMap<Path, Vec<(usize, &'j Json)>>,
    lists: BTreeMap<Path, Vec<(usize, &'j Json)>>,
}

impl<'j> Found<'j> {
    fn walk(&mut self, owner: usize, json: &'j Json, path: &Path) {
        match json {
            Json::Null => {}
            Json::Object(fields) => {
                if json.is_units_and_nanos() {
                    self.add(owner, json, path);
                }
                for (name, value) in fields {
                    let is_part = matches!(name.as_str(), "units" | "nanos");
                    if !(is_part && json.is_units_and_nanos()) {
                        self.walk(owner, value, &path.then(Step::Name(name.clone())));
                    }
                }
            }
            Json::Embedded(inner) => self.walk(owner, inner, &path.then(Step::Text)),
            Json::List(elements) if json.is_list_of_objects() => {
                let lines = self.lists.entry(path.clone()).or_default();
                lines.extend(elements.iter().map(|element| (owner, element)));
            }
            Json::List(elements) if elements.is_empty() => {}
            Json::List(_) | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {
                self.add(owner, json, path);
            }
        }
    }

    /// A name that occurs twice in an object counts once.
    fn add(&mut self, owner: usize, json: &'j Json, path: &Path) {
        let values = self.places.entry(path.clone()).or_default();
        if values.last().is_none_or(|(last, _)| *last != owner) {
            values.push((owner, json));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_their_values_by_order_and_lists_of_objects_their_lines() {
        let records = [
            r#"{"id": 1, "customer": {"name": "x"}, "items": [{"p": {"name": "a"}}, {"p": {"name": "b"}}]}"#,
            r#"{"id": 2, "data": "{\"total\": 5}", "items": [{"qty": 1}], "tags": ["x"], "none": null}"#,
        ];
        let parsed: Vec<Json> = records.iter().map(|text| Json::parse(text).unwrap()).collect();
        let profile = Profile::of(&parsed.iter().collect::<Vec<_>>());
        let places: Vec<_> =
            profile.places.iter().map(|one| (one.path.to_string(), one.owners())).collect();
        let expected = [("$.customer.name", 1), ("$.data~.total", 1), ("$.id", 2), ("$.tags", 1)];
        assert_eq!(places, expected.map(|(place, owners)| (place.to_owned(), owners)));
        let [items] = &profile.lists[..] else { panic!() };
        assert_eq!(items.path.to_string(), "$.items");
        assert_eq!(items.lines.iter().map(|(owner, _)| *owner).collect::<Vec<_>>(), [0, 0, 1]);
        let places: Vec<_> =
            items.places.iter().map(|one| (one.path.to_string(), one.owners())).collect();
        assert_eq!(places, [("$.p.name".to_owned(), 2), ("$.qty".to_owned(), 1)]);
        assert_eq!(items.places[1].of(2), Some(&Json::Number("1".to_owned())));
        assert_eq!(items.places[1].of(0), None);
    }
}

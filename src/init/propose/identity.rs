//! The identity of orders: a field, several fields, the record's key, or its coordinates.

use std::collections::{BTreeMap, BTreeSet};

use super::{choose, choose::Choice, scores};
use crate::init::{
    dictionary::{Name, Word},
    json::Json,
    profile::{Place, Profile},
    value,
};

/// The identity of orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity {
    /// The places, each consisting of one or several fields; the first one present counts.
    pub(super) places: Vec<Vec<String>>,
    /// The number of orders that have one.
    pub(super) owners: usize,
    /// Why it is in doubt, if it is.
    pub(super) doubt: Option<Doubtful>,
    /// The number of orders that repeat a key with different contents.
    pub(super) replaced: usize,
}

/// Why an identity is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubtful {
    /// The field repeats with different products: each record may be a line of an order.
    Lines,
    /// The record's key, whose meaning is unclear.
    Key,
    /// A field with an unclear name.
    Name,
}

/// The data from which to determine the identity.
pub(super) struct Evidence<'a, 'p, 'j> {
    pub(super) profile: &'p Profile<'j>,
    pub(super) orders: &'a [&'j Json],
    /// The key of each order's record.
    pub(super) keys: &'a [Option<Json>],
    /// The keys of records without a value.
    pub(super) tombstones: &'a [Option<Json>],
    /// Whether orders are single lines without a list of items.
    pub(super) is_flat: bool,
    /// The product, if orders are single lines.
    pub(super) product: &'a Choice<'p, 'j>,
    /// The places to exclude.
    pub(super) excluded: &'a dyn Fn(&Place<'j>) -> bool,
}

impl<'p, 'j> Evidence<'_, 'p, 'j> {
    pub(super) fn identity(&self) -> (Identity, Choice<'p, 'j>) {
        let places = self.profile.places.iter().filter(|place| !(self.excluded)(place));
        let count = self.orders.len();
        let choice = choose::choose(places, count, scores::identity, value::is_identity, 35);
        if choice.is_empty() {
            return (self.without_field(), choice);
        }
        let mut identity = Identity {
            places: choice.places.iter().map(|place| vec![place.path.place()]).collect(),
            owners: choice.owners(count),
            doubt: (choice.score < 55).then_some(Doubtful::Name),
            replaced: 0,
        };
        if let Some(shop) = self.shop_of(&choice)
            && let Some(first) = identity.places.first_mut()
        {
            first.insert(0, shop);
        }
        let repeated = self.repeated(&choice);
        if !repeated.is_empty() {
            identity.replaced = repeated.iter().map(|group| group.len() - 1).sum();
            if self.is_flat {
                self.more_fields(&mut identity, &repeated);
            }
        }
        (identity, choice)
    }

    /// The shop's id, if the order number is unique only within a shop.
    fn shop_of(&self, choice: &Choice<'p, 'j>) -> Option<String> {
        let first = Name::of(&choice.places.first()?.path);
        let is_shop = |place: &&Place<'j>| {
            let name = Name::of(&place.path);
            name.is_only(&[Word::Shop, Word::Id, Word::Number])
                && name.is(Word::Id)
                && place.all(value::is_identity)
                && place.owners() == self.orders.len()
        };
        let shop = first.is(Word::Shop).then(|| self.profile.places.iter().find(is_shop))??;
        Some(shop.path.place())
    }

    /// The groups of orders that share a key and have different contents.
    fn repeated(&self, choice: &Choice<'p, 'j>) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<&Json, Vec<usize>> = BTreeMap::new();
        for order in 0..self.orders.len() {
            if let Some(key) = choice.of(order) {
                groups.entry(key).or_default().push(order);
            }
        }
        let differ = |group: &Vec<usize>| {
            let contents: BTreeSet<_> = group.iter().map(|order| self.orders.get(*order)).collect();
            contents.len() > 1
        };
        groups.into_values().filter(|group| group.len() > 1).filter(differ).collect()
    }

    /// Adds a second field to the key if the records with the same key are lines of an order.
    fn more_fields(&self, identity: &mut Identity, repeated: &[Vec<usize>]) {
        let separates = |place: &&Place<'j>| {
            repeated.iter().all(|group| {
                let values: BTreeSet<_> = group.iter().map(|order| place.of(*order)).collect();
                values.len() == group.len() && !values.contains(&None)
            })
        };
        let is_line = |place: &&Place<'j>| {
            let name = Name::of(&place.path);
            let is_id = name.is(Word::Id)
                || name.is(Word::Number)
                || name.is_only(&[Word::Line, Word::Item]);
            !name.foreign
                && (name.is(Word::Line) || name.is(Word::Item))
                && is_id
                && place.all(value::is_identity)
        };
        let line = self.profile.places.iter().filter(is_line).find(separates);
        let is_code = |place: &&Place<'j>| {
            let name = Name::of(&place.path);
            !name.foreign && name.has(Word::Product) && name.is(Word::Id)
        };
        let code = self.profile.places.iter().filter(is_code).find(separates);
        let product = code.or_else(|| self.product.places.iter().copied().find(separates));
        let Some(second) = line.or(product) else { return };
        // If the product stays the same, an order was updated.
        let one_product = repeated.iter().all(|group| {
            let products: BTreeSet<_> = group.iter().map(|order| self.product.of(*order)).collect();
            products.len() == 1
        });
        if one_product && line.is_none() {
            return;
        }
        if let Some(first) = identity.places.first_mut() {
            first.push(second.path.place());
        }
        identity.replaced = 0;
        identity.doubt = line.is_none().then_some(Doubtful::Lines);
    }

    /// The identity by the record's key, or otherwise by its coordinates.
    fn without_field(&self) -> Identity {
        let count = self.orders.len();
        let all = |pass: &dyn Fn(&Json) -> bool| {
            count > 0 && self.keys.iter().all(|key| key.as_ref().is_some_and(pass))
        };
        let inner = |key: &Json| match key {
            Json::Object(_) => {
                let profile = Profile::of(&[key]);
                choose::choose(&profile.places, 1, scores::identity, value::is_identity, 35)
                    .places
                    .first()
                    .map(|place| format!("key:{}", place.path))
            }
            _ => None,
        };
        let place = if all(&value::is_identity) {
            Some("key".to_owned())
        } else if all(&|key| inner(key).is_some()) {
            self.keys.first().and_then(Option::as_ref).and_then(inner)
        } else {
            None
        };
        let Some(place) = place else {
            let places = vec![vec!["coordinates".to_owned()]];
            return Identity { places, owners: count, ..Identity::default() };
        };
        let different: BTreeSet<_> = self.keys.iter().flatten().collect();
        let deletes = self.tombstones.iter().flatten().any(|key| different.contains(key));
        let tells_apart = deletes || (different.len() == count && count > 1);
        Identity {
            places: vec![vec![place]],
            owners: count,
            doubt: (!tells_apart).then_some(Doubtful::Key),
            replaced: 0,
        }
    }
}

//! The analysis of a sample: where its orders are, and which places have which role.

use jiff::tz::TimeZone;

use super::{
    choose::{self, Choice},
    circumstances::{self, Few},
    identity::{Evidence, Identity},
    layout::{self, Layout},
    lines::Lines,
    money, scores,
    worth::{self, Worth},
};
use crate::{
    init::{
        dictionary::Name,
        json::Json,
        path::{Path, Step},
        profile::{List, Place, Profile},
        times::Look,
        value::{self, Decimals},
    },
    kafka::{Record, TopicPartition},
};

/// The input of a proposal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// Records of one topic, in sending order as far as known.
    pub(crate) sample: &'a [(TopicPartition, Record)],
    /// The shop's time zone.
    pub(crate) shop_timezone: &'a TimeZone,
}

/// The records of a sample that are JSON, with their indices, and the keys of all records.
pub(crate) struct Documents {
    pub(super) values: Vec<(usize, Json)>,
    pub(super) keys: Vec<Option<Json>>,
    /// The keys of records without a value.
    pub(super) tombstones: Vec<Option<Json>>,
}

/// Reads the records.
pub(super) fn documents(sample: &[(TopicPartition, Record)]) -> Documents {
    let keys: Vec<Option<Json>> = sample.iter().map(|(_, record)| key(record)).collect();
    let values = sample.iter().enumerate().filter_map(|(at, (_, record))| {
        let text = std::str::from_utf8(record.payload.as_deref()?).ok()?;
        Some((at, Json::parse(text)?))
    });
    let without_value =
        sample.iter().zip(&keys).filter(|((_, record), _)| record.payload.is_none());
    let tombstones = without_value.map(|(_, key)| key.clone()).collect();
    Documents { values: values.collect(), keys, tombstones }
}

/// A key that is text, or a JSON object.
fn key(record: &Record) -> Option<Json> {
    let text = std::str::from_utf8(record.key.as_deref()?).ok()?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    Some(match Json::parse(text) {
        Some(object @ Json::Object(_)) => object,
        _ => Json::Text(text.to_owned()),
    })
}

/// The analysis of a sample.
pub(super) struct Study<'j> {
    pub(super) input: Input<'j>,
    pub(super) documents: &'j Documents,
    pub(super) layout: Layout<'j>,
    pub(super) profile: Profile<'j>,
    pub(super) decimals: money::Notation,
    /// The path of Debezium's envelope, if there is one.
    pub(super) change_event: Option<Path>,
}

impl<'j> Study<'j> {
    pub(super) fn of(input: Input<'j>, documents: &'j Documents) -> Self {
        let values: Vec<(usize, &Json)> =
            documents.values.iter().map(|(at, json)| (*at, json)).collect();
        let layout = layout::layout(&values);
        let orders: Vec<&Json> = layout.units.iter().map(|unit| unit.order).collect();
        let profile = Profile::of(&orders);
        let decimals = money::notation(&profile, &values);
        let change_event = change_event(&profile);
        Self { input, documents, layout, profile, decimals, change_event }
    }

    /// The number of orders.
    pub(super) fn count(&self) -> usize {
        self.layout.units.len()
    }

    pub(super) const fn reading(&self) -> Decimals {
        self.decimals.decimals
    }

    /// Whether a place belongs to an earlier state, a schema or similar.
    pub(super) fn is_excluded(&self, path: &Path) -> bool {
        let is_connect = self.profile.places.iter().any(|place| place.path.is_below("payload"));
        let before = self.change_event.as_ref().is_some_and(|envelope| {
            let inner = path.0.strip_prefix(envelope.0.as_slice());
            let name = inner.and_then(<[Step]>::first);
            ["before", "source", "transaction"]
                .iter()
                .any(|excluded| name == Some(&Step::Name((*excluded).to_owned())))
        });
        before || (is_connect && path.is_below("schema"))
    }

    /// The places of the order that may have a role.
    pub(super) fn places(&self) -> Vec<&Place<'j>> {
        self.profile.places.iter().filter(|place| !self.is_excluded(&place.path)).collect()
    }

    /// The list of items, if there is one.
    pub(super) fn items(&self) -> Option<&List<'j>> {
        let numbers = |json: &Json| value::number(json, self.reading()).is_some();
        let scored =
            self.profile.lists.iter().filter(|list| !self.is_excluded(&list.path)).map(|list| {
                let best = |score: &dyn Fn(&Name) -> i32, pass: &dyn Fn(&Json) -> bool| {
                    !choose::choose(&list.places, list.lines.len(), score, pass, 45).is_empty()
                };
                let has_product = best(&|name| scores::product(name, false), &is_product);
                let has_quantity = best(&scores::quantity, &numbers);
                let has_money =
                    best(&scores::unit_price, &numbers) || best(&scores::amount, &numbers);
                let name = scores::items(&Name::of(&list.path));
                let contents = 20 * i32::from(has_product)
                    + 30 * i32::from(has_quantity)
                    + 30 * i32::from(has_money);
                (if name == 0 { 0 } else { name + contents }, list)
            });
        scored
            .filter(|(score, _)| *score >= 80)
            .max_by_key(|(score, _)| *score)
            .map(|(_, list)| list)
    }

    /// The product of each line.
    pub(super) fn product<'p>(&'p self, lines: &Lines<'p, 'j>) -> Choice<'p, 'j> {
        let alone = lines.list.is_none();
        let places =
            lines.places.iter().copied().filter(|place| !counts_lines(place, lines, alone));
        let score = |name: &Name| scores::product(name, alone);
        choose::choose(places, lines.owners.len(), score, is_product, 45)
    }

    /// The lines of the orders: of their list of items, or each order itself.
    pub(super) fn lines<'p>(&'p self, items: Option<&'p List<'j>>) -> Lines<'p, 'j> {
        match items {
            Some(list) => Lines::of_list(list),
            None => {
                Lines { list: None, places: self.places(), owners: (0..self.count()).collect() }
            }
        }
    }

    pub(super) fn worth<'p>(
        &'p self,
        lines: &Lines<'p, 'j>,
        orders: &'p [Place<'j>],
    ) -> Worth<'p, 'j> {
        worth::worth(lines, orders, &self.profile.lists, self.count(), self.reading())
    }

    pub(super) fn identity<'p>(
        &'p self,
        is_flat: bool,
        product: &Choice<'p, 'j>,
        worth: Option<&Path>,
    ) -> (Identity, Choice<'p, 'j>) {
        let inner = self.inner_identity(worth);
        let orders: Vec<&Json> = self.layout.units.iter().map(|unit| unit.order).collect();
        let keys: Vec<Option<Json>> = (self.layout.units.iter())
            .map(|unit| self.documents.keys.get(unit.record).cloned().flatten())
            .collect();
        let evidence = Evidence {
            profile: &self.profile,
            orders: &orders,
            keys: &keys,
            tombstones: &self.documents.tombstones,
            is_flat,
            product,
            excluded: &|place| {
                let outer = inner.as_ref().is_some_and(|inner| {
                    !place.path.0.starts_with(&inner.0)
                        && scores::identity(&Name::of(&place.path)) <= 70
                });
                outer || self.is_excluded(&place.path)
            },
        };
        evidence.identity()
    }

    /// The object that contains the order's value, if it is not the record itself and has an id:
    /// the record's `id` is then that of an event around it.
    fn inner_identity(&self, worth: Option<&Path>) -> Option<Path> {
        let mut object = worth?.clone();
        object.0.pop();
        let mut places =
            self.profile.places.iter().filter(|place| place.path.0.starts_with(&object.0));
        let has_id = places.any(|place| {
            place.all(value::is_identity) && scores::identity(&Name::of(&place.path)) >= 60
        });
        (has_id && !object.0.is_empty()).then_some(object)
    }

    pub(super) fn sold_at(&self) -> (Choice<'_, 'j>, Vec<Look>) {
        circumstances::sold_at(&self.places(), self.count())
    }

    pub(super) fn status(&self) -> Option<Few<'_, 'j>> {
        circumstances::status(&self.places())
    }
}

fn is_product(json: &Json) -> bool {
    matches!(json, Json::Text(_)) || value::is_integer(json)
}

/// Whether a place only numbers the lines of each order: 0, 1, 2, or 1, 2, 3.
fn counts_lines(place: &Place<'_>, lines: &Lines<'_, '_>, alone: bool) -> bool {
    if alone || !place.all(value::is_integer) {
        return false;
    }
    let (mut order, mut next) = (None, 0);
    let counts = |first: i64| {
        (order, next) = (None, first);
        place.values.iter().all(|(line, json)| {
            let owner = lines.owners.get(*line).copied();
            if owner != order {
                (order, next) = (owner, first);
            }
            next += 1;
            matches!(json, Json::Number(text) | Json::Text(text) if text.parse() == Ok(next - 1))
        })
    };
    [0, 1].into_iter().any(counts)
}

/// The envelope that contains `op` next to `before` and `after`.
fn change_event(profile: &Profile<'_>) -> Option<Path> {
    let kinds = ["c", "u", "d", "r", "t"];
    let operations = profile.places.iter().filter(|place| {
        place.path.names().next_back() == Some("op")
            && place.all(|json| json.as_text().is_some_and(|text| kinds.contains(&text)))
    });
    let envelopes = operations.map(|place| {
        let mut envelope = place.path.clone();
        envelope.0.pop();
        envelope
    });
    let mut envelopes = envelopes.filter(|envelope| {
        let after = envelope.then(Step::Name("after".to_owned()));
        let mut paths = profile.places.iter().map(|place| &place.path);
        paths.any(|path| path.0.starts_with(&after.0) && path.0.len() > after.0.len())
    });
    envelopes.next()
}

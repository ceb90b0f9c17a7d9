//! The time of sale, the status, the event type and the currency of orders.

use std::collections::BTreeMap;

use super::{choose, choose::Choice, scores};
use crate::init::{
    dictionary::{Ending, Name, Word, ending},
    json::Json,
    profile::Place,
    times::{self, Look},
    value,
};

/// The maximum number of values of a status or event type.
const MOST_VALUES: usize = 16;

/// A field with few values, and the orders that have each.
#[derive(Clone, Debug)]
pub(super) struct Few<'p, 'j> {
    pub(super) place: &'p Place<'j>,
    pub(super) values: BTreeMap<&'j str, Vec<usize>>,
}

impl<'p, 'j> Few<'p, 'j> {
    /// `None` if it has many values, or values other than texts.
    fn of(place: &'p Place<'j>) -> Option<Self> {
        let mut values: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (owner, json) in &place.values {
            values.entry(json.as_text()?).or_default().push(*owner);
        }
        (values.len() <= MOST_VALUES).then_some(Self { place, values })
    }

    /// The values that exclude an order.
    pub(super) fn endings(&self) -> Vec<(&'j str, Ending)> {
        self.values.keys().filter_map(|value| Some((*value, ending(value)?))).collect()
    }
}

/// The place of the status; one with excluding values is preferred.
pub(super) fn status<'p, 'j>(places: &[&'p Place<'j>]) -> Option<Few<'p, 'j>> {
    let scored = places.iter().filter_map(|place| {
        let score = scores::status(&Name::of(&place.path));
        let few = Few::of(place).filter(|_| score >= 40)?;
        Some((!few.endings().is_empty(), score, few))
    });
    scored.max_by_key(|(ends, score, _)| (*ends, *score)).map(|(.., few)| few)
}

/// The place of the event type, if there are several types.
pub(super) fn event_type<'p, 'j>(places: &[&'p Place<'j>], records: usize) -> Option<Few<'p, 'j>> {
    let scored = places.iter().filter_map(|place| {
        let score = scores::event_type(&Name::of(&place.path));
        let few = Few::of(place).filter(|few| score >= 40 && few.values.len() > 1)?;
        (place.owners() * 10 >= records * 9).then_some((score, few))
    });
    scored.max_by_key(|(score, _)| *score).map(|(_, few)| few)
}

/// The place of the time of sale, and the formats of its values.
pub(super) fn sold_at<'p, 'j>(
    places: &[&'p Place<'j>],
    count: usize,
) -> (Choice<'p, 'j>, Vec<Look>) {
    let is_time = |json: &Json| times::look(json).is_some();
    let choice = choose::choose(places.iter().copied(), count, scores::sold_at, is_time, 30);
    let looks = choice.places.iter().flat_map(|place| &place.values);
    let looks = looks.filter_map(|(_, json)| times::look(json)).collect();
    (choice, looks)
}

/// The format of times given as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Known without a setting.
    Known,
    /// This format; no value contradicts it.
    Certain(&'static str),
    /// Day/month or month/day.
    DayOrMonth {
        /// Whether they include a time of day.
        timed: bool,
    },
    /// Several formats that no single setting covers.
    Mixed,
}

pub(super) fn format(looks: &[Look]) -> Format {
    let mut slashed = looks.iter().filter_map(|look| match look {
        Look::Slashed { first, second, timed } => Some((*first, *second, *timed)),
        _ => None,
    });
    let others: Vec<&str> = looks
        .iter()
        .filter_map(|look| match look {
            Look::Other(format) => Some(*format),
            _ => None,
        })
        .collect();
    if let Some(other) = others.first() {
        let one = others.iter().all(|format| format == other) && others.len() == looks.len();
        return if one { Format::Certain(other) } else { Format::Mixed };
    }
    let all: Vec<_> = slashed.by_ref().collect();
    let timed = all.iter().all(|(.., timed)| *timed);
    // 31/02 is not a valid date in either order, and decides nothing.
    let day_first = all.iter().any(|(first, second, _)| *first > 12 && *second <= 12);
    let month_first = all.iter().any(|(first, second, _)| *first <= 12 && *second > 12);
    match (all.is_empty(), day_first, month_first) {
        (true, ..) | (_, true, false) => Format::Known,
        (_, true, true) => Format::Mixed,
        (_, false, true) if all.len() < looks.len() => Format::Mixed,
        (_, false, true) => Format::Certain(if timed { "%m/%d/%Y %H:%M:%S" } else { "%m/%d/%Y" }),
        (_, false, false) => Format::DayOrMonth { timed },
    }
}

/// The place of the currency, and the currencies.
pub(super) fn currency<'p, 'j>(places: &[&'p Place<'j>]) -> Option<Few<'p, 'j>> {
    let found = places.iter().filter(|place| {
        let name = Name::of(&place.path);
        name.is(Word::Currency)
            && !name.all.any(&[Word::Person, Word::Shop])
            && place.all(value::is_currency)
    });
    let few = found.filter_map(|place| Some((place.owners(), Few::of(place)?)));
    few.max_by_key(|(owners, few)| {
        (*owners, -i64::try_from(few.place.path.0.len()).unwrap_or_default())
    })
    .map(|(_, few)| few)
}

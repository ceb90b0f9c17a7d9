//! How numbers of money are written: decimals, cents, floats of 32 bits, more decimals than money has.

use super::scores;
use crate::init::{
    dictionary::{Name, Word},
    json::Json,
    profile::{Place, Profile},
    value::{self, Decimals},
};

/// How decimal numbers are written, and whether that is certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Notation {
    pub(super) decimals: Decimals,
    /// Whether numbers with a point and numbers with a comma were seen, or no scale.
    pub(super) is_doubtful: bool,
}

fn is_sum(place: &Place<'_>) -> bool {
    let name = Name::of(&place.path);
    let best =
        [scores::total(&name), scores::unit_price(&name), scores::amount(&name)].into_iter().max();
    best.is_some_and(|best| best >= 45) || scores::charge(&name).is_some()
}

/// How decimals are written in texts.
pub(super) fn notation(profile: &Profile<'_>, documents: &[(usize, &Json)]) -> Notation {
    let places = profile.places.iter().chain(profile.lists.iter().flat_map(|list| &list.places));
    let sums: Vec<&Place<'_>> = places.filter(|place| is_sum(place)).collect();
    let values = || sums.iter().flat_map(|place| &place.values).map(|(_, json)| *json);
    let commas = values().filter(|json| value::is_comma_only(json)).count();
    let points = values()
        .filter(|json| json.as_text().is_some_and(|text| text.contains('.')))
        .filter(|json| value::number(json, Decimals::Comma).is_none())
        .filter(|json| value::number(json, Decimals::Point).is_some())
        .count();
    if commas > 0 {
        return Notation { decimals: Decimals::Comma, is_doubtful: points > 0 };
    }
    let has_numbers = values().any(|json| matches!(json, Json::Number(_)));
    let in_base64 = !has_numbers
        && sums.iter().any(|place| {
            place.all(value::is_base64)
                && place.all(|json| value::number(json, Decimals::Point).is_none())
        });
    if in_base64 {
        let scale = documents.iter().find_map(|(_, document)| scale(document));
        return Notation {
            decimals: Decimals::Base64(scale.unwrap_or(2)),
            is_doubtful: scale.is_none(),
        };
    }
    Notation::default()
}

/// The scale that Kafka Connect's schema states for its decimals.
fn scale(json: &Json) -> Option<u32> {
    match json {
        Json::Object(fields) => {
            let is_decimal = json.field("name").and_then(Json::as_text)
                == Some("org.apache.kafka.connect.data.Decimal");
            let stated = json.field("parameters").and_then(|parameters| parameters.field("scale"));
            match stated {
                Some(Json::Text(scale) | Json::Number(scale)) if is_decimal => scale.parse().ok(),
                _ => fields.iter().find_map(|(_, value)| self::scale(value)),
            }
        }
        Json::List(elements) => elements.iter().find_map(scale),
        _ => None,
    }
}

/// Whether money is in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cents {
    /// By its name.
    Yes,
    /// It is not, or does not look so.
    No,
    /// All are integers, and large enough to be cents.
    Perhaps,
    /// Some names say so and some numbers have decimals.
    Mixed,
}

/// Whether the money in `places` is in cents.
pub(super) fn cents(places: &[&Place<'_>]) -> Cents {
    let named = places.iter().any(|place| Name::of(&place.path).is(Word::Cents));
    let whole = places.iter().all(|place| place.all(value::is_integer));
    let large = places.iter().flat_map(|place| &place.values).any(|(_, json)| {
        value::number(json, Decimals::Point).is_some_and(|number| number.abs() >= 100.into())
    });
    match (named, whole && !places.is_empty()) {
        (true, true) => Cents::Yes,
        (true, false) => Cents::Mixed,
        (false, true) if large => Cents::Perhaps,
        (false, _) => Cents::No,
    }
}

/// How many of the numbers of money are floats of 32 bits, and how many have too many decimals.
pub(super) fn long_numbers(places: &[&Place<'_>]) -> (usize, usize) {
    let long = || {
        let values = places.iter().flat_map(|place| &place.values);
        values.map(|(_, json)| *json).filter(|json| value::is_long(json))
    };
    let floats = long().filter(|json| value::is_float32(json)).count();
    (floats, long().count() - floats)
}

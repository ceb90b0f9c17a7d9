//! The notation of amounts: decimals, cents, 32-bit floats, too many decimals.

use super::scores;
use crate::init::{
    dictionary::{Name, Word},
    json::Json,
    profile::{Place, Profile},
    value::{self, Decimals},
};

/// The notation of decimal numbers, and whether it is certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Notation {
    pub(super) decimals: Decimals,
    /// Whether numbers with a point and with a comma occur, or the scale is unknown.
    pub(super) is_doubtful: bool,
}

fn is_sum(place: &Place<'_>) -> bool {
    let name = Name::of(&place.path);
    let best =
        [scores::total(&name), scores::unit_price(&name), scores::amount(&name)].into_iter().max();
    best.is_some_and(|best| best >= 45) || scores::charge(&name).is_some()
}

/// The notation of decimals in texts.
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

/// The scale of decimals in Kafka Connect's schema.
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
    /// Yes, by a name.
    Yes,
    /// No, or there is no indication.
    No,
    /// All values are integers large enough to be cents.
    Perhaps,
    /// A name indicates cents, but some numbers have decimals.
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

/// The number of amounts that are 32-bit floats, and of those with too many decimals.
pub(super) fn long_numbers(places: &[&Place<'_>]) -> (usize, usize) {
    let long = || {
        let values = places.iter().flat_map(|place| &place.values);
        values.map(|(_, json)| *json).filter(|json| value::is_long(json))
    };
    let floats = long().filter(|json| value::is_float32(json)).count();
    (floats, long().count() - floats)
}

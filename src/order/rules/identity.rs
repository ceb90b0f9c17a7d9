//! The identity of an order: its number, its id, or a key of several fields.

use std::borrow::Cow;

use super::{
    super::{
        OrderKey, Reason, Rejection, Rules, decode::Document, mapping::Identity, value::Value,
    },
    stored,
};

/// The maximum length of a record's coordinates: a topic name of 249 characters, a UUID, two
/// numbers and the order's index in the record.
const COORDINATES_LIMIT: usize = 340;

impl Rules {
    /// The order's key. `index` is its index in a record of several orders.
    pub(super) fn key(
        &self,
        document: &Document<'_>,
        shared: Option<&Document<'_>>,
        index: Option<usize>,
    ) -> Result<OrderKey, Rejection> {
        let mapping = &self.mapping;
        let number = document.number.first(shared.map(|shared| &shared.number)).stated();
        let slot = document.id.first(shared.map(|shared| &shared.id));
        let composite = mapping.composites().iter().zip(0..).find_map(|(composite, which)| {
            if !slot.is_open_to(composite.rank) {
                return None;
            }
            let parts: Option<Vec<_>> = (0..composite.parts)
                .map(|part| {
                    let of = |document: &'_ Document<'_>| {
                        let mut parts = document.parts.iter();
                        parts.position(|(whose, which_part, found)| {
                            (*whose, *which_part) == (which, part) && !found.is_null()
                        })
                    };
                    let own = of(document).and_then(|at| document.parts.get(at));
                    own.or_else(|| shared.and_then(|it| it.parts.get(of(it)?)))
                })
                .map(|part| part.map(|(_, _, found)| found.value()))
                .collect();
            Some((composite.place, parts?))
        });
        let id = slot.stated();
        let has_id = id.is_some() || composite.is_some();
        // An id from outside the value is a fallback for values without a number.
        let is_fallback = !document.id.is_stated() && composite.is_none();
        let by = match (number.as_ref().map(|(_, place)| *place), has_id) {
            (None, false) => {
                let detail = "the order must have a number or an id";
                return Err(Rejection::new(Reason::MissingIdentity, detail));
            }
            (Some(_), false) => Identity::OrderNumber,
            (None, true) => Identity::OrderId,
            (Some(number), true) => match mapping.settings().identity {
                Some(identity) => identity,
                None if is_fallback => Identity::OrderNumber,
                None => {
                    let id = composite.as_ref().map(|(place, _)| *place);
                    let id = id.or(slot.place()).unwrap_or_default();
                    let (number, id) = (mapping.name(number), mapping.name(id));
                    let detail = format!("{number} and {id} must not both be present");
                    return Err(Rejection::new(Reason::TwoIdentities, detail));
                }
            },
        };
        match (by, number, composite, id) {
            (Identity::OrderNumber, Some((value, place)), ..) => {
                self.number(&value, mapping.name(place)).map(OrderKey::Number)
            }
            (_, _, Some((place, parts)), _) => joined(parts, mapping.name(place)).map(OrderKey::Id),
            (_, _, None, Some((value, place))) => {
                let shown = mapping.shown(place);
                if let (true, Value::Text(text)) = (shown.is_some_and(|it| it.coordinates), &value)
                {
                    return Ok(OrderKey::Id(coordinates(text, index)));
                }
                id_text(value, mapping.name(place)).map(OrderKey::Id)
            }
            // Unreachable: the chosen one is present.
            (_, _, None, None) => {
                let detail = "the order must have a number or an id";
                Err(Rejection::new(Reason::MissingIdentity, detail))
            }
        }
    }

    /// A plain integer that fits the column of `sales`, or a text with one.
    fn number(&self, value: &Value<'_>, name: &str) -> Result<i64, Rejection> {
        let digits = match value {
            Value::Text(text) if stored::is_plain_integer(text) => Some(&**text),
            value => stored::plain_integer(value),
        };
        let Some(digits) = digits else {
            let detail = format!("{name} must be a plain integer");
            return Err(Rejection::new(Reason::InvalidOrderNumber, detail));
        };
        let (least, most) = match self.bounds.wide_numbers {
            true => (i64::MIN, i64::MAX),
            false => (i64::from(i32::MIN), i64::from(i32::MAX)),
        };
        digits.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            let detail = format!("{name} must be between {least} and {most}");
            Rejection::new(Reason::OutOfRange, detail)
        })
    }
}

/// A text, or the digits of an integer.
fn id_text(value: Value<'_>, name: &str) -> Result<String, Rejection> {
    let invalid = |rule| Rejection::new(Reason::InvalidOrderId, format!("{name} {rule}"));
    if let Value::Text(_) | Value::LoneSurrogate = value {
        let place = || name.to_owned();
        return stored::text(value, Reason::InvalidOrderId, place).map(Cow::into_owned);
    }
    let digits =
        stored::plain_integer(&value).ok_or_else(|| invalid("must be text or a plain integer"))?;
    if stored::is_too_long(digits) {
        return Err(invalid("must have at most 200 characters"));
    }
    Ok(digits.to_owned())
}

/// The fields of a key of several, joined by `/`.
fn joined(parts: Vec<Value<'_>>, name: &str) -> Result<String, Rejection> {
    let mut key = String::new();
    for value in parts {
        if !key.is_empty() {
            key.push('/');
        }
        key.push_str(&id_text(value, name)?);
    }
    if stored::is_too_long(&key) {
        let detail = format!("the fields of {name} must have at most 200 characters together");
        return Err(Rejection::new(Reason::InvalidOrderId, detail));
    }
    Ok(key)
}

/// The record's coordinates and the order's index in it.
fn coordinates(record: &str, index: Option<usize>) -> String {
    let mut text = String::with_capacity(COORDINATES_LIMIT);
    text.push_str(record);
    if let Some(index) = index {
        text.push_str(&format!("/{index}"));
    }
    text
}

//! The fields of `mapping.keep`, stored with the order as a JSON object.

use super::super::{
    Reason, Rejection, Rules,
    decode::{Document, Kept},
    value::Value,
};
use super::stored;

/// The maximum length of a kept number.
const NUMBER_LIMIT: usize = 40;

/// The object; `None` if the order has none of the fields.
///
/// # Errors
/// A field is a list or an object, too long, or a text that PostgreSQL cannot store.
pub(super) fn json(
    rules: &Rules,
    document: &Document<'_>,
    shared: Option<&Document<'_>>,
) -> Result<Option<Box<str>>, Rejection> {
    let settings = rules.mapping.settings();
    let mut object = String::new();
    for (index, (name, _)) in (0_u8..).zip(&settings.keep) {
        let of = |kept: &'_ [Kept<'_>]| kept.iter().position(|kept| kept.index == index);
        let own = of(&document.kept).and_then(|at| document.kept.get(at));
        let shared = shared.and_then(|it| it.kept.get(of(&it.kept)?));
        let Some(slot) = own.or(shared).map(|kept| &kept.slot) else { continue };
        let slot = slot.first(shared.map(|kept| &kept.slot));
        let Some((value, place)) = slot.stated() else { continue };
        object.push(if object.is_empty() { '{' } else { ',' });
        object.push_str(&quoted(name));
        object.push(':');
        object.push_str(&one(&value, || rules.mapping.name(place).to_owned())?);
    }
    if object.is_empty() {
        return Ok(None);
    }
    object.push('}');
    Ok(Some(object.into()))
}

fn one(value: &Value<'_>, place: impl Fn() -> String) -> Result<String, Rejection> {
    let invalid = |rule: &str| Rejection::new(Reason::InvalidKept, format!("{} {rule}", place()));
    match value {
        Value::Flag(flag) => Ok(flag.to_string()),
        Value::Number(number) | Value::Exact(number)
            if number.len() > NUMBER_LIMIT || number.contains(['e', 'E']) =>
        {
            Err(invalid("must be a number of at most 40 characters, without an exponent"))
        }
        Value::Number(number) | Value::Exact(number) => Ok((*number).to_owned()),
        Value::Text(text) if text.is_empty() => Ok(quoted(text)),
        Value::Moment(moment) => Ok(quoted(&moment.to_string())),
        Value::Clock(at) => Ok(quoted(&at.to_string())),
        Value::Day(day) => Ok(quoted(&day.to_string())),
        Value::Text(_) | Value::LoneSurrogate => {
            Ok(quoted(&stored::text(value.clone(), Reason::InvalidKept, place)?))
        }
        _ => Err(invalid("must be text, a number, true or false")),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

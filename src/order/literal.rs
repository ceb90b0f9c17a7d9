//! A field's value where it is text or an integer: the order's number and id, products.

use std::borrow::Cow;

use super::{Reason, Rejection, document::Field};

/// How many characters (Unicode scalar values, as PostgreSQL counts) a text may have.
const CHARACTERS_LIMIT: usize = 200;

/// Half of a surrogate pair stands in a JSON string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LoneSurrogate;

/// What a JSON string says, without a copy where it holds no escape; `None` for another JSON value.
pub(super) fn text(json: &str) -> Result<Option<Cow<'_, str>>, LoneSurrogate> {
    let Some(inner) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Ok(None);
    };
    if !inner.as_bytes().contains(&b'\\') {
        return Ok(Some(Cow::Borrowed(inner)));
    }
    // The escapes' grammar has been checked already, so that nothing else can be wrong.
    serde_json::from_str(json).map(|text| Some(Cow::Owned(text))).map_err(|_| LoneSurrogate)
}

/// A text that will be stored: `reason` where it is empty, only blanks, too long or no text at all.
/// Nothing is trimmed. `place` is where it stands.
pub(super) fn stored_text<'p>(
    json: &'p str,
    reason: Reason,
    place: impl Fn() -> String,
) -> Result<Cow<'p, str>, Rejection> {
    let reject = |reason, rule| Err(Rejection::new(reason, format!("{} {rule}", place())));
    let text = match text(json) {
        Ok(Some(text)) => text,
        Ok(None) => return reject(reason, "must be text"),
        Err(LoneSurrogate) => {
            return reject(Reason::LoneSurrogate, "must not hold half of a surrogate pair");
        }
    };
    if text.chars().all(char::is_whitespace) {
        return reject(reason, "must be more than blanks");
    }
    if text.len() > CHARACTERS_LIMIT && text.chars().count() > CHARACTERS_LIMIT {
        return reject(reason, "must have at most 200 characters");
    }
    if text.as_bytes().contains(&0) {
        return reject(Reason::NulCharacter, "must not hold the character U+0000");
    }
    Ok(text)
}

/// The order's number: a plain integer that fits PostgreSQL's INT, or a string that holds one.
pub(super) fn order_number(field: Field<'_, '_>) -> Result<i64, Rejection> {
    let text = text(field.json).ok().flatten();
    let digits = text.as_deref().unwrap_or(field.json);
    if !is_plain_integer(digits) {
        let detail = format!("{} must be a plain integer", field.name);
        return Err(Rejection::new(Reason::InvalidOrderNumber, detail));
    }
    digits.parse::<i32>().map(i64::from).map_err(|_| {
        let detail = format!("{} must lie between {} and {}", field.name, i32::MIN, i32::MAX);
        Rejection::new(Reason::OutOfRange, detail)
    })
}

/// The order's id: a text, or an integer, which is taken as its digits.
pub(super) fn order_id(field: Field<'_, '_>) -> Result<String, Rejection> {
    let invalid = |rule| Rejection::new(Reason::InvalidOrderId, format!("{} {rule}", field.name));
    if field.json.starts_with('"') {
        let place = || field.name.to_owned();
        return Ok(stored_text(field.json, Reason::InvalidOrderId, place)?.into_owned());
    }
    if !is_plain_integer(field.json) {
        return Err(invalid("must be text or a plain integer"));
    }
    if field.json.len() > CHARACTERS_LIMIT {
        return Err(invalid("must have at most 200 characters"));
    }
    Ok(field.json.to_owned())
}

/// Digits without a leading zero, perhaps behind a minus; -0 is none.
fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Result<i64, Reason> {
        order_number(Field { name: "order_number", json }).map_err(|it| it.reason())
    }

    fn id(json: &str) -> Result<String, Reason> {
        order_id(Field { name: "order_id", json }).map_err(|it| it.reason())
    }

    #[test]
    fn order_numbers_are_plain_integers_or_strings_of_them() {
        for (json, expected) in [
            ("17", 17),
            (r#""17""#, 17),
            (r#""\u00317""#, 17),
            ("0", 0),
            ("-17", -17),
            (r#""-1""#, -1),
            ("2147483647", i64::from(i32::MAX)),
            ("-2147483648", i64::from(i32::MIN)),
        ] {
            assert_eq!(number(json), Ok(expected), "{json}");
        }
        for json in [
            "17.0",
            "1e2",
            "-0",
            "1E2",
            r#""017""#,
            r#""-0""#,
            r#""+1""#,
            r#"" 17""#,
            r#""17 ""#,
            r#""""#,
            r#""-""#,
            r#""1e2""#,
            r#""17.0""#,
            r#""\ud800""#,
            "true",
            "[17]",
            "{}",
            r#""１７""#,
        ] {
            assert_eq!(number(json), Err(Reason::InvalidOrderNumber), "{json}");
        }
    }

    #[test]
    fn an_order_number_must_fit_int() {
        for json in ["2147483648", "-2147483649", &"9".repeat(100_000)] {
            assert_eq!(number(json), Err(Reason::OutOfRange));
        }
    }

    #[test]
    fn an_order_id_is_text_of_up_to_200_characters_as_it_stands() {
        let longest = "ç".repeat(200);
        for text in ["0d9f", " 17 ", "017", "null", "\u{301}", &longest] {
            assert_eq!(id(&format!("\"{text}\"")).unwrap(), text);
        }
        assert_eq!(id(r#""\u00e7\n\ud83d\ude00""#).unwrap(), "ç\n😀");
        for json in [r#""""#, r#""  ""#, r#""\t\u00a0""#, "17.0", "1e2", "-0", "true", "[]", "{}"] {
            assert_eq!(id(json), Err(Reason::InvalidOrderId), "{json}");
        }
        assert_eq!(id(&format!("\"{longest}ç\"")), Err(Reason::InvalidOrderId));
        assert_eq!(id(r#""a\u0000b""#), Err(Reason::NulCharacter));
        assert_eq!(id(r#""a\ud800b""#), Err(Reason::LoneSurrogate));
        assert_eq!(id(r#""\udc00""#), Err(Reason::LoneSurrogate));
    }

    #[test]
    fn an_integer_as_an_order_id_is_taken_as_its_digits() {
        let longest = "9".repeat(200);
        for digits in ["17", "-17", "0", "340282366920938463463374607431768211456", &longest] {
            assert_eq!(id(digits).unwrap(), digits);
        }
        assert_eq!(id(&"9".repeat(201)), Err(Reason::InvalidOrderId));
    }
}

//! Recognizes values that are points in time.

use jiff::{civil::DateTime, fmt::strtime};

use super::{json::Json, value};

/// The format of a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// With its offset to UTC.
    WithOffset,
    /// A local time without an offset, in an unknown time zone.
    Naive(DateTime),
    /// A date without a time.
    Day,
    /// Two numbers and a year: day/month or month/day.
    Slashed {
        /// The first number.
        first: u8,
        /// The second number.
        second: u8,
        /// Whether it includes a time of day.
        timed: bool,
    },
    /// Unix time.
    Epoch,
    /// A list of year, month, day, and so on.
    Parts,
    /// A format that requires `sold_at_format`.
    Other(&'static str),
}

/// Formats that require `sold_at_format`.
const FORMATS: [&str; 14] = [
    "%Y%m%d%H%M%S",
    "%Y%m%d",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %Z",
    "%b %d, %Y",
    "%b %d, %Y %H:%M:%S",
    "%d %b %Y",
    "%d %b %Y %H:%M:%S",
    "%d-%b-%Y",
    "%a %b %d %H:%M:%S %Y",
    "%d/%m/%y",
];

/// The format of `json` as a point in time; `None` if it does not look like one.
pub(crate) fn look(json: &Json) -> Option<Look> {
    match json {
        Json::Text(text) => of_text(text.trim()),
        Json::Number(literal) => {
            let whole = literal.split('.').next().unwrap_or_default();
            // From 2001 to 2286 in seconds, milliseconds, microseconds and nanoseconds.
            let is_epoch = matches!(whole.len(), 10 | 13 | 16 | 19)
                && whole.bytes().all(|byte| byte.is_ascii_digit())
                && !whole.starts_with('0');
            // A number such as 20261122 may be a date, but a format does not apply to numbers.
            is_epoch.then_some(Look::Epoch)
        }
        Json::List(elements) => {
            let year = elements.first().is_some_and(|first| {
                matches!(first, Json::Number(year) if year.len() == 4 && (year.starts_with("20") || year.starts_with("19")))
            });
            ((3..=7).contains(&elements.len()) && year && elements.iter().all(value::is_integer))
                .then_some(Look::Parts)
        }
        _ => None,
    }
}

fn of_text(text: &str) -> Option<Look> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| {
        bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let separator = |at: usize| matches!(bytes.get(at), Some(b'-' | b'/'));
    if digits(0, 4) && separator(4) && digits(5, 7) && separator(7) && digits(8, 10) {
        return Some(of_iso(text));
    }
    if digits(0, 2) && separator(2) && digits(3, 5) && separator(5) && digits(6, 10) {
        let number = |from: usize| text.get(from..from + 2)?.parse().ok();
        return Some(Look::Slashed {
            first: number(0)?,
            second: number(3)?,
            timed: text.len() > 10,
        });
    }
    FORMATS.into_iter().find(|format| parses(format, text)).map(Look::Other)
}

fn parses(format: &str, text: &str) -> bool {
    strtime::parse(format, text)
        .is_ok_and(|parsed| parsed.to_date().is_ok_and(|date| (1970..=2100).contains(&date.year())))
}

fn of_iso(text: &str) -> Look {
    if text.len() == 10 {
        return Look::Day;
    }
    let time = text.get(11..).unwrap_or_default();
    if time.ends_with(['Z', 'z']) || time.contains(['+', '-']) {
        return Look::WithOffset;
    }
    let plain = text.replace('/', "-");
    plain.parse().map_or(Look::Other("%Y-%m-%d %H:%M:%S"), Look::Naive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Look> {
        look(&Json::parse(text).unwrap())
    }

    #[test]
    fn points_in_time_are_known_by_their_looks() {
        assert_eq!(of(r#""2026-11-22T13:11:12.000Z""#), Some(Look::WithOffset));
        assert_eq!(of(r#""2026-11-22T10:11:12.1234567-03:00""#), Some(Look::WithOffset));
        assert!(matches!(of(r#""2026-11-22 10:11:12""#), Some(Look::Naive(_))));
        assert!(matches!(of(r#""2026/11/22 10:11:12""#), Some(Look::Naive(_))));
        assert_eq!(of(r#""2026-11-22""#), Some(Look::Day));
        let slashed = Look::Slashed { first: 22, second: 11, timed: true };
        assert_eq!(of(r#""22-11-2026 10:11:12""#), Some(slashed));
        for epoch in ["1795000000", "1795000000.25", "1795000000123", "1795000000123456"] {
            assert_eq!(of(epoch), Some(Look::Epoch), "{epoch}");
        }
        assert_eq!(of("[2026, 11, 22, 10, 11]"), Some(Look::Parts));
        assert_eq!(of(r#""22.11.2026""#), Some(Look::Other("%d.%m.%Y")));
        for none in [r#""ORD-000041""#, "20261122000123", "5", "[1, 2, 3]", "true"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}

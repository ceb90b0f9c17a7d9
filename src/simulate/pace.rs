//! Parses shares, rates and numbers of days.

use std::{str::FromStr, time::Duration};

use rust_decimal::Decimal;

/// A share, such as `1%` or `0.05%`, with a precision of a millionth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// The parts of 100 %.
    pub const WHOLE: u32 = 1_000_000;

    /// Its parts, up to [`WHOLE`](Self::WHOLE).
    #[must_use]
    pub const fn parts(self) -> u32 {
        self.0
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "must be a percentage from 0% to 100%, such as 1% or 0.05%";
        let percent: Decimal = text.strip_suffix('%').and_then(|n| n.parse().ok()).ok_or(rule)?;
        let parts = percent.checked_mul(10_000.into()).ok_or(rule)?.normalize();
        // A remaining scale means more precision than a millionth.
        let parts = Some(parts).filter(|parts| parts.scale() == 0);
        parts
            .and_then(|parts| u32::try_from(parts).ok())
            .filter(|parts| *parts <= Self::WHOLE)
            .map(Self)
            .ok_or(rule)
    }
}

/// A rate of records, such as `100/s` or `90/min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    records: u32,
    seconds: u32,
}

impl Rate {
    /// The number of records due after `elapsed`.
    #[must_use]
    pub fn due(self, elapsed: Duration) -> u64 {
        let nanoseconds = u128::from(self.seconds) * 1_000_000_000;
        let due = (elapsed.as_nanos() * u128::from(self.records)).checked_div(nanoseconds);
        due.and_then(|due| u64::try_from(due).ok()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "must be a whole number above 0 per second or minute, such as 100/s or 90/min";
        let (records, unit) = text.split_once('/').ok_or(rule)?;
        let records = records.parse().ok().filter(|records| *records > 0).ok_or(rule)?;
        let seconds = match unit {
            "s" => 1,
            "min" => 60,
            _ => return Err(rule),
        };
        Ok(Self { records, seconds })
    }
}

/// A number of days, such as `30d`, up to ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u32);

impl Days {
    /// The number.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0
    }
}

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        days.filter(|days| (1..=3650).contains(days))
            .map(Self)
            .ok_or("must be a number of days from 1d to 3650d, such as 30d")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        for (text, parts) in
            [("0%", 0), ("1%", 10_000), ("0.05%", 500), ("0.0001%", 1), ("100%", 1_000_000)]
        {
            assert_eq!(text.parse(), Ok(Share(parts)), "{text}");
        }
        for text in ["1", "0.01", "-1%", "100.0001%", "0.00001%", "%", "1 %", "x%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn rates_say_how_many_are_due() {
        let rate: Rate = "90/min".parse().unwrap();
        assert_eq!(rate.due(Duration::from_millis(665)), 0);
        assert_eq!(rate.due(Duration::from_millis(667)), 1);
        assert_eq!(rate.due(Duration::from_secs(3_600)), 5_400);
        for text in ["100", "0/s", "-1/s", "1.5/s", "1/h", "/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_whole_and_at_most_ten_years() {
        assert_eq!("1d".parse(), Ok(Days(1)));
        assert_eq!("3650d".parse(), Ok(Days(3650)));
        for text in ["30", "0d", "3651d", "-1d", "1.5d", "d", "1 d", "2w"] {
            assert!(text.parse::<Days>().is_err(), "{text}");
        }
    }
}

//! When an order was sold: two ways to write it, read digit by digit.

use jiff::{
    ToSpan,
    civil::DateTime,
    tz::{Offset, TimeZone},
};

/// What is wrong with a date, as the rule that it breaks.
type Rule = &'static str;

const FORM: Rule = "must be DD/MM/YYYY HH:MM:SS or ISO 8601 (YYYY-MM-DDTHH:MM:SS, up to 6 decimals, Z or an offset or neither)";
const EXISTS: Rule = "must be a date and time that exist";
const YEARS: Rule = "must lie in the years 0001 to 9999";

/// The wall clock that `text` states, to the microsecond.
///
/// Where it has an offset (`Z`, `±HH:MM`, `±HHMM` or `±HH`, up to 23:59), the wall clock that
/// `shop` showed at that moment.
pub(super) fn parse(text: &str, shop: &TimeZone) -> Result<DateTime, Rule> {
    let mut rest = Rest(text.as_bytes());
    let stated = if text.as_bytes().get(2) == Some(&b'/') { rest.brazilian() } else { rest.iso() };
    let Stated { parts: [year, month, day, hour, minute, second], nanosecond, offset } =
        stated.filter(|_| rest.0.is_empty()).ok_or(FORM)?;
    let small = |part: i16| i8::try_from(part).map_err(|_| EXISTS);
    let (month, day, hour) = (small(month)?, small(day)?, small(hour)?);
    let (minute, second) = (small(minute)?, small(second)?);
    let at =
        DateTime::new(year, month, day, hour, minute, second, nanosecond).map_err(|_| EXISTS)?;
    if at.year() < 1 {
        return Err(YEARS);
    }
    offset.map_or(Ok(at), |offset| at_shop(at, offset, shop).ok_or(YEARS))
}

/// The wall clock of `shop` when it was `at` under `offset`; `None` outside the years 1 to 9999.
fn at_shop(at: DateTime, offset: Offset, shop: &TimeZone) -> Option<DateTime> {
    // jiff's moments end a day before year 9999 does. The calendar repeats every 400 years, and so
    // do the rules of a time zone that are still in force that late.
    let shift = if at.year() == 9999 { 400.years() } else { 0.years() };
    let moment = offset.to_timestamp(at.checked_sub(shift).ok()?).ok()?;
    let there = shop.to_datetime(moment).checked_add(shift).ok()?;
    (there.year() >= 1).then_some(there)
}

/// A date as it was written: year, month, day, hour, minute, second.
struct Stated {
    parts: [i16; 6],
    nanosecond: i32,
    offset: Option<Offset>,
}

/// What is still to be read.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    /// `DD/MM/YYYY HH:MM:SS`
    fn brazilian(&mut self) -> Option<Stated> {
        let day = self.digits(2)?;
        let month = self.byte(b'/')?.digits(2)?;
        let year = self.byte(b'/')?.digits(4)?;
        let [hour, minute, second] = self.byte(b' ')?.time()?;
        let parts = [year, month, day, hour, minute, second];
        Some(Stated { parts, nanosecond: 0, offset: None })
    }

    /// `YYYY-MM-DDTHH:MM:SS`, perhaps a fraction, perhaps an offset
    fn iso(&mut self) -> Option<Stated> {
        let year = self.digits(4)?;
        let month = self.byte(b'-')?.digits(2)?;
        let day = self.byte(b'-')?.digits(2)?;
        let [hour, minute, second] = self.byte(b'T')?.time()?;
        let nanosecond = if self.byte(b'.').is_some() { self.fraction()? } else { 0 };
        let offset = if self.0.is_empty() { None } else { Some(self.offset()?) };
        let parts = [year, month, day, hour, minute, second];
        Some(Stated { parts, nanosecond, offset })
    }

    /// `HH:MM:SS`
    fn time(&mut self) -> Option<[i16; 3]> {
        let hour = self.digits(2)?;
        let minute = self.byte(b':')?.digits(2)?;
        let second = self.byte(b':')?.digits(2)?;
        Some([hour, minute, second])
    }

    /// One to six digits behind a point, in nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        let mut nanosecond = 0;
        let mut worth = 100_000_000;
        while let Some((digit @ b'0'..=b'9', rest)) = self.0.split_first() {
            if worth < 1_000 {
                return None;
            }
            nanosecond += i32::from(digit - b'0') * worth;
            worth /= 10;
            self.0 = rest;
        }
        (worth < 100_000_000).then_some(nanosecond)
    }

    /// `Z`, `±HH:MM`, `±HHMM` or `±HH`
    fn offset(&mut self) -> Option<Offset> {
        if self.byte(b'Z').is_some() {
            return Some(Offset::UTC);
        }
        let sign = if self.byte(b'+').is_some() { 1 } else { self.byte(b'-').map(|_| -1)? };
        let hours = self.digits(2)?;
        let minutes =
            if self.byte(b':').is_none() && self.0.is_empty() { 0 } else { self.digits(2)? };
        if hours > 23 || minutes > 59 {
            return None;
        }
        Offset::from_seconds(sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60)).ok()
    }

    /// `count` digits, at most 4, as a number.
    fn digits(&mut self, count: usize) -> Option<i16> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i16::from(digit - b'0'))
        })
    }

    fn byte(&mut self, wanted: u8) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(&[wanted])?;
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Rule> {
        let shop = TimeZone::get("America/Sao_Paulo").unwrap();
        parse(text, &shop).map(|at| at.to_string())
    }

    #[test]
    fn the_wall_clock_is_kept_as_it_was_stated() {
        for (text, expected) in [
            ("22/11/2026 10:11:12", "2026-11-22T10:11:12"),
            ("29/02/2024 23:59:59", "2024-02-29T23:59:59"),
            ("01/01/0001 00:00:00", "0001-01-01T00:00:00"),
            ("31/12/9999 23:59:59", "9999-12-31T23:59:59"),
            ("2026-11-22T10:11:12", "2026-11-22T10:11:12"),
            ("2026-11-22T10:11:12.5", "2026-11-22T10:11:12.5"),
            ("2026-11-22T10:11:12.123456", "2026-11-22T10:11:12.123456"),
            ("2018-11-04T00:30:00", "2018-11-04T00:30:00"), // a half hour that São Paulo skipped
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_explicit_offset_is_converted_to_the_shop_s_wall_clock() {
        for (text, expected) in [
            ("2026-11-22T10:11:12Z", "2026-11-22T07:11:12"),
            ("2026-11-22T10:11:12.000001Z", "2026-11-22T07:11:12.000001"),
            ("2026-11-22T10:11:12-03:00", "2026-11-22T10:11:12"),
            ("2026-11-22T10:11:12+0530", "2026-11-22T01:41:12"),
            ("2026-11-22T10:11:12+00", "2026-11-22T07:11:12"),
            ("2026-11-22T10:11:12-00:00", "2026-11-22T07:11:12"),
            ("2026-01-01T01:00:00Z", "2025-12-31T22:00:00"),
            ("2018-12-01T12:00:00Z", "2018-12-01T10:00:00"), // daylight saving time
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T20:59:59.999999"),
            ("0001-01-02T00:00:00Z", "0001-01-01T20:53:32"), // local mean time
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_date_stays_within_the_years_1_to_9999() {
        for text in [
            "01/01/0000 00:00:00",
            "0000-12-31T23:59:59",
            "0001-01-01T00:00:00Z",
            "9999-12-31T22:00:00-23:00",
        ] {
            assert_eq!(read(text), Err(YEARS), "{text}");
        }
    }

    #[test]
    fn a_date_must_exist() {
        for text in [
            "31/02/2026 10:11:12",
            "29/02/2026 10:11:12",
            "31/04/2026 10:11:12",
            "00/01/2026 10:11:12",
            "01/00/2026 10:11:12",
            "01/13/2026 10:11:12",
            "22/11/2026 24:00:00",
            "22/11/2026 10:60:12",
            "22/11/2026 10:11:60",
            "2026-02-30T10:11:12",
            "2016-12-31T23:59:60Z",
            "2026-11-22T24:00:00",
        ] {
            assert_eq!(read(text), Err(EXISTS), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            " ",
            "22/11/26 10:11:12",
            "22/11/2026",
            "22/11/2026 10:11",
            "22/11/2026 10:11:12.5",
            "22/11/2026 10:11:12Z",
            "22/11/2026T10:11:12",
            "22/11/2026  10:11:12",
            " 22/11/2026 10:11:12",
            "22/11/2026 10:11:12 ",
            "2/11/2026 10:11:12",
            "22-11-2026 10:11:12",
            "22.11.2026 10:11:12",
            "2026/11/22 10:11:12",
            "2026-11-22",
            "2026-11-22 10:11:12",
            "2026-11-22t10:11:12",
            "2026-11-22T10:11:12z",
            "2026-11-22T10:11:12 Z",
            "2026-11-22T10:11",
            "2026-11-22T10:11Z",
            "2026-11-22T10:11:12.",
            "2026-11-22T10:11:12.Z",
            "2026-11-22T10:11:12,5",
            "2026-11-22T10:11:12.1234567",
            "2026-11-22T10:11:12.1234560",
            "2026-11-22T10:11:12+3",
            "2026-11-22T10:11:12+03:0",
            "2026-11-22T10:11:12+030",
            "2026-11-22T10:11:12+24:00",
            "2026-11-22T10:11:12+03:60",
            "2026-11-22T10:11:12+03:00Z",
            "2026-11-22T10:11:12[America/Sao_Paulo]",
            "-2026-11-22T10:11:12",
            "+002026-11-22T10:11:12",
            "20261122T101112",
            "2026-W47-7T10:11:12",
            "2026-326T10:11:12",
            "1763800000",
            "２２/11/2026 10:11:12",
            "22/11/２０２６ 10:11:12",
            "22/11/2026 10:11:1\u{0}",
        ] {
            assert_eq!(read(text), Err(FORM), "{text}");
        }
    }
}

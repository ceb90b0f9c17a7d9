//! Parses times of sale: dates in common formats, Unix time, and lists of numbers.

use jiff::{
    Timestamp, ToSpan,
    civil::{DateTime, Time},
    fmt::strtime::BrokenDownTime,
    tz::{Offset, TimeZone},
};

use super::{NumberList, Value, number::Literal};
use crate::kafka::Record;

/// The rule that a value violates; completes "PLACE must …".
pub(in crate::order) type Rule = &'static str;

const FORM: Rule = "must be a date (DD/MM/YYYY, DD-MM-YYYY, YYYY-MM-DD or YYYY/MM/DD), optionally \
                    with a time (T or one space, then HH:MM or HH:MM:SS with optional decimals, \
                    then optionally Z or an offset), Unix time as a number, or a list [year, \
                    month, day, hour, minute, second, nanosecond]; for other formats set \
                    mapping.sold_at_format";
const FORMAT: Rule = "must be text in the format of mapping.sold_at_format, Unix time as a number, \
                      or a list [year, month, day, hour, minute, second, nanosecond]";
const EXISTS: Rule = "must be an existing date and time";
const YEARS: Rule = "must be in the years 0001 to 9999";
const MAGNITUDE: Rule = "must be Unix time in seconds, milliseconds, microseconds or nanoseconds, of \
    the years 1990 to 2199";

/// The accepted range of Unix time, in microseconds: numbers outside it are probably something
/// else, such as the date 20261122.
const UNIX_TIMES: std::ops::Range<i64> = 631_152_000_000_000..7_258_118_400_000_000;

/// How to parse times.
#[derive(Clone, Debug)]
pub(in crate::order) struct Times {
    /// The shop's time zone, to which all times are converted.
    pub(in crate::order) shop: TimeZone,
    /// The time zone of times without an offset; `None`: the shop's.
    pub(in crate::order) zoneless: Option<TimeZone>,
    /// The strptime format of times given as text; `None`: the common formats.
    pub(in crate::order) format: Option<String>,
}

/// Parses `value` as a local time in the shop's time zone, truncated to microseconds, in the years
/// 1 to 9999.
///
/// Unix time and times with an offset or time zone are converted to the shop's time zone. A time
/// without one is converted from [`Times::zoneless`], or taken unchanged. A date alone is midnight
/// and never converted. At time zone transitions of `zoneless`, an ambiguous time is the first of
/// the two, and a skipped time is moved by the gap (RFC 5545, section 3.3.5).
pub(in crate::order) fn parse(value: &Value<'_>, times: &Times) -> Result<DateTime, Rule> {
    match (value, &times.format) {
        (Value::Text(text), None) => text_time(text, times),
        (Value::Text(text), Some(format)) => formatted_time(text, format, times),
        (Value::Number(number) | Value::Exact(number), _) => unix_time(number, times),
        (Value::Numbers(list), _) => list_time(list, times),
        (Value::Moment(moment), _) => at_moment(*moment, times),
        (Value::Clock(at), _) => at_shop(cut(*at)?, None, times),
        (Value::Day(day), _) => within_years(day.to_datetime(Time::midnight())),
        (_, None) => Err(FORM),
        (_, Some(_)) => Err(FORMAT),
    }
}

/// Parses one of the common formats.
fn text_time(text: &str, times: &Times) -> Result<DateTime, Rule> {
    let mut rest = Rest(text.as_bytes());
    let stated = rest.stated().filter(|_| rest.0.is_empty()).ok_or(FORM)?;
    let Stated { date: [year, month, day], time, offset } = stated;
    let [hour, minute, second] = time.unwrap_or_default().clock;
    let small = |part: i16| i8::try_from(part).map_err(|_| EXISTS);
    let (month, day, hour) = (small(month)?, small(day)?, small(hour)?);
    let (minute, second) = (small(minute)?, small(second)?);
    let nanosecond = time.unwrap_or_default().nanosecond;
    let at =
        DateTime::new(year, month, day, hour, minute, second, nanosecond).map_err(|_| EXISTS)?;
    if time.is_some() { at_shop(at, offset, times) } else { within_years(at) }
}

/// Parses a text with jiff's strptime.
///
/// It reads a second of 60 as 59, and `%y` covers the years 1969 to 2068.
fn formatted_time(text: &str, format: &str, times: &Times) -> Result<DateTime, Rule> {
    let parts = BrokenDownTime::parse(format, text).map_err(|_| FORMAT)?;
    if let Some(moment) = parts.timestamp() {
        let fraction = i64::from(parts.subsec_nanosecond().unwrap_or_default());
        let fraction = if moment < Timestamp::UNIX_EPOCH { -fraction } else { fraction };
        let moment = moment.checked_add(fraction.nanoseconds()).map_err(|_| YEARS)?;
        return at_moment(moment, times);
    }
    let at = parts.to_datetime().map_err(|_| EXISTS)?;
    if parts.hour().is_none() {
        within_years(at)
    } else if parts.iana_time_zone().is_some() {
        at_moment(parts.to_zoned().map_err(|_| EXISTS)?.timestamp(), times)
    } else {
        at_shop(cut(at)?, parts.offset(), times)
    }
}

/// Parses Unix time. Its magnitude determines its unit: up to 11 digits before the point are
/// seconds (to the year 5138), up to 14 milliseconds, 17 microseconds, 20 nanoseconds.
fn unix_time(number: &str, times: &Times) -> Result<DateTime, Rule> {
    let literal = Literal::split(number).ok_or(FORM)?;
    let digits = literal.significant().filter(|_| !literal.negative).ok_or(MAGNITUDE)?;
    let microseconds = digits.cut(match digits.point {
        ..12 => 6,
        12..15 => 3,
        15..18 => 0,
        18..21 => -3,
        _ => return Err(MAGNITUDE),
    });
    let microseconds = i64::try_from(microseconds.units).ok().filter(|it| UNIX_TIMES.contains(it));
    let moment = Timestamp::from_microsecond(microseconds.ok_or(MAGNITUDE)?);
    at_moment(moment.map_err(|_| MAGNITUDE)?, times)
}

/// Parses a list of numbers: a date, or a date and time without an offset.
fn list_time(list: &NumberList, times: &Times) -> Result<DateTime, Rule> {
    // A date alone, or with minutes, seconds or nanoseconds.
    if !matches!(list.count, 3 | 5 | 6 | 7) {
        return Err(FORM);
    }
    let mut parts = [0; 7];
    for (part, number) in parts.iter_mut().zip(list.numbers).take(usize::from(list.count)) {
        *part = number;
    }
    let [year, month, day, hour, minute, second, nanosecond] = parts;
    let small = |part: i32| i8::try_from(part).map_err(|_| EXISTS);
    let year = i16::try_from(year).ok().filter(|year| (1..=9999).contains(year)).ok_or(YEARS)?;
    let (month, day, hour) = (small(month)?, small(day)?, small(hour)?);
    let (minute, second) = (small(minute)?, small(second)?);
    let at =
        DateTime::new(year, month, day, hour, minute, second, nanosecond).map_err(|_| EXISTS)?;
    if list.count == 3 { within_years(at) } else { at_shop(cut(at)?, None, times) }
}

/// The local time in the shop's time zone for `at` with `offset`, or in the time zone of times
/// without one.
fn at_shop(at: DateTime, offset: Option<Offset>, times: &Times) -> Result<DateTime, Rule> {
    if offset.is_none() && times.zoneless.is_none() {
        return within_years(at);
    }
    // jiff's timestamps end a day before the end of the year 9999. The calendar repeats every 400
    // years, and so do time zone rules that still apply then.
    let shift = if at.year() == 9999 { 400.years() } else { 0.years() };
    let early = at.checked_sub(shift).map_err(|_| YEARS)?;
    let moment = match (offset, &times.zoneless) {
        (Some(offset), _) => offset.to_timestamp(early),
        (None, zone) => zone.as_ref().unwrap_or(&times.shop).to_timestamp(early),
    };
    let there = times.shop.to_datetime(moment.map_err(|_| YEARS)?);
    within_years(there.checked_add(shift).map_err(|_| YEARS)?)
}

/// The record's timestamp in the shop's time zone; `None` if it has none in the years 1 to 9999.
pub(in crate::order) fn of_record(record: &Record, times: &Times) -> Option<DateTime> {
    let moment = Timestamp::from_millisecond(record.timestamp?).ok()?;
    at_moment(moment, times).ok()
}

/// `moment` in the shop's time zone, truncated to microseconds.
fn at_moment(moment: Timestamp, times: &Times) -> Result<DateTime, Rule> {
    within_years(cut(times.shop.to_datetime(moment))?)
}

/// Rejects the year 0 and earlier ones; jiff has none after 9999.
fn within_years(at: DateTime) -> Result<DateTime, Rule> {
    if at.year() < 1 { Err(YEARS) } else { Ok(at) }
}

/// Truncates to microseconds.
fn cut(at: DateTime) -> Result<DateTime, Rule> {
    let nanosecond = at.subsec_nanosecond() / 1_000 * 1_000;
    at.with().subsec_nanosecond(nanosecond).build().map_err(|_| EXISTS)
}

/// A date as written.
struct Stated {
    /// Year, month, day.
    date: [i16; 3],
    time: Option<OfDay>,
    offset: Option<Offset>,
}

/// The time after a date.
#[derive(Clone, Copy, Default)]
struct OfDay {
    /// Hour, minute, second.
    clock: [i16; 3],
    /// The fraction in microseconds.
    nanosecond: i32,
}

/// The rest of the input.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    /// A date, optionally with a time and an offset.
    fn stated(&mut self) -> Option<Stated> {
        let date = if matches!(self.0.get(2), Some(b'/' | b'-')) {
            self.day_first()
        } else {
            self.year_first()
        }?;
        if self.0.is_empty() {
            return Some(Stated { date, time: None, offset: None });
        }
        if self.byte(b'T').is_none() {
            self.byte(b' ')?;
        }
        let time = Some(self.time()?);
        let offset = if self.0.is_empty() { None } else { Some(self.offset()?) };
        Some(Stated { date, time, offset })
    }

    /// `DD/MM/YYYY` or `DD-MM-YYYY`
    fn day_first(&mut self) -> Option<[i16; 3]> {
        let day = self.digits(2)?;
        let separator = self.separator()?;
        let month = self.digits(2)?;
        let year = self.byte(separator)?.digits(4)?;
        Some([year, month, day])
    }

    /// `YYYY-MM-DD` or `YYYY/MM/DD`
    fn year_first(&mut self) -> Option<[i16; 3]> {
        let year = self.digits(4)?;
        let separator = self.separator()?;
        let month = self.digits(2)?;
        let day = self.byte(separator)?.digits(2)?;
        Some([year, month, day])
    }

    /// `/` or `-`
    fn separator(&mut self) -> Option<u8> {
        [b'-', b'/'].into_iter().find(|separator| self.byte(*separator).is_some())
    }

    /// `HH:MM` or `HH:MM:SS`, with an optional fraction of a second
    fn time(&mut self) -> Option<OfDay> {
        let hour = self.digits(2)?;
        let minute = self.byte(b':')?.digits(2)?;
        if self.byte(b':').is_none() {
            return Some(OfDay { clock: [hour, minute, 0], nanosecond: 0 });
        }
        let second = self.digits(2)?;
        let nanosecond = if self.byte(b'.').is_some() { self.fraction()? } else { 0 };
        Some(OfDay { clock: [hour, minute, second], nanosecond })
    }

    /// One or more digits after a point, in nanoseconds; digits from the seventh on are ignored.
    fn fraction(&mut self) -> Option<i32> {
        let mut nanosecond = 0;
        let mut worth = 100_000_000;
        let before = self.0.len();
        while let Some((digit @ b'0'..=b'9', rest)) = self.0.split_first() {
            if worth >= 1_000 {
                nanosecond += i32::from(digit - b'0') * worth;
                worth /= 10;
            }
            self.0 = rest;
        }
        (self.0.len() < before).then_some(nanosecond)
    }

    /// `Z`, `±HH:MM`, `±HHMM` or `±HH`, up to 23:59
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
mod tests;

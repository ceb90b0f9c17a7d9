//! Parses the period of a report.

use jiff::{
    Span,
    civil::{Date, DateTime},
};

use crate::store::{Ends, Period, SalesBy, Unit};

/// The allowed years of a period: the previous period is then within PostgreSQL's range of
/// timestamps.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2999;

/// About a hundred years.
const MOST: [(Unit, char, i32); 3] =
    [(Unit::Hour, 'h', 876_000), (Unit::Day, 'd', 36_500), (Unit::Month, 'm', 1_200)];

/// A day or a whole hour by the shop's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// `2026-11-22`
    Day(Date),
    /// `2026-11-22T14:00`
    Hour(DateTime),
}

impl Moment {
    const fn begins(self) -> DateTime {
        match self {
            Self::Day(date) => date.at(0, 0, 0, 0),
            Self::Hour(time) => time,
        }
    }

    fn ends(self) -> Result<DateTime, String> {
        let length = match self {
            Self::Day(_) => Span::new().days(1),
            Self::Hour(_) => Span::new().hours(1),
        };
        self.begins().checked_add(length).map_err(|error| error.to_string())
    }
}

/// Parses a [`Moment`].
///
/// # Errors
/// The allowed values.
pub fn moment(text: &str) -> Result<Moment, String> {
    let within = |date: Date| YEARS.contains(&date.year());
    // Both parsers accept more than these forms, such as a UTC offset, which would be ignored.
    let moment = match text.len() {
        10 => text.parse().ok().filter(|date| within(*date)).map(Moment::Day),
        16 => text
            .parse::<DateTime>()
            .ok()
            .filter(|time| within(time.date()) && time.minute() == 0)
            .map(Moment::Hour),
        _ => None,
    };
    moment.ok_or_else(|| {
        "must be a day such as \"2026-11-22\" or a whole hour such as \"2026-11-22T14:00\", from \
         1900 to 2999"
            .to_owned()
    })
}

/// Parses `7d`, `24h` or `3m`: days, hours or months.
///
/// # Errors
/// The allowed values.
pub fn last(text: &str) -> Result<(i32, Unit), String> {
    let found = MOST.into_iter().find_map(|(unit, letter, most)| {
        let digits = text.strip_suffix(letter)?;
        let all_digits = digits.chars().all(|digit| digit.is_ascii_digit());
        let count = digits.parse().ok().filter(|_| all_digits)?;
        (1..=most).contains(&count).then_some((count, unit))
    });
    found.ok_or_else(|| {
        "must be a number of days, hours or months, such as \"7d\", \"24h\" or \"3m\", up to 100 years"
            .to_owned()
    })
}

/// The period from `from` to `to`, or the last units until now.
///
/// # Errors
/// The problem and its remedy.
pub fn period(
    by: &SalesBy,
    from: Option<Moment>,
    to: Option<Moment>,
    last: Option<(i32, Unit)>,
) -> Result<Period, String> {
    let by_hour = *by == SalesBy::Time(Unit::Hour);
    let hours = [("--from", from), ("--to", to)];
    if let Some((flag, _)) = hours
        .iter()
        .find(|(_, moment)| matches!(moment, Some(Moment::Hour(_))))
        .filter(|_| !by_hour)
    {
        return Err(format!("{flag} with a time of day needs --by hour; otherwise use a day"));
    }
    if matches!(last, Some((_, Unit::Hour))) && !by_hour {
        return Err("--last in hours needs --by hour; otherwise use days such as 1d".to_owned());
    }
    let since = from.map(Moment::begins);
    let until = to.map(Moment::ends).transpose()?;
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err("--from must not be after --to".to_owned());
    }
    let months = match (last, since, until) {
        (Some((count, Unit::Month)), ..) => Some(count),
        (None, Some(since), Some(until)) => whole_months(since, until),
        _ => None,
    };
    // Each day or hour is compared with exactly one other: months differ in length.
    let months = months.filter(|_| !matches!(by, SalesBy::Time(Unit::Hour | Unit::Day)));
    Ok(Period { since, until, last, ends: Ends::Whole, months })
}

fn whole_months(since: DateTime, until: DateTime) -> Option<i32> {
    let begins_month = |time: DateTime| time == time.date().first_of_month().at(0, 0, 0, 0);
    let month = |time: DateTime| i32::from(time.year()) * 12 + i32::from(time.month());
    (begins_month(since) && begins_month(until)).then(|| month(until) - month(since))
}

#[cfg(test)]
mod tests;

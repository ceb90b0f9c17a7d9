use jiff::civil::{DateTime, date};

use super::{Moment, last, moment, period};
use crate::store::{Period, SalesBy, Unit};

const DAY: SalesBy = SalesBy::Time(Unit::Day);
const HOUR: SalesBy = SalesBy::Time(Unit::Hour);
const MONTH: SalesBy = SalesBy::Time(Unit::Month);

fn between(by: &SalesBy, from: &str, to: &str) -> Result<Period, String> {
    period(by, Some(moment(from).unwrap()), Some(moment(to).unwrap()), None)
}

fn time(text: &str) -> Option<DateTime> {
    Some(text.parse().unwrap())
}

#[test]
fn moments_are_days_or_whole_hours() {
    assert_eq!(moment("2026-02-28"), Ok(Moment::Day(date(2026, 2, 28))));
    let hour = Ok(Moment::Hour(date(2026, 2, 28).at(14, 0, 0, 0)));
    assert_eq!(moment("2026-02-28T14:00"), hour);
    assert_eq!(moment("2026-02-28 14:00"), hour);
    for wrong in [
        "",
        "2026-02-29",
        "2026-2-28",
        "28/02/2026",
        "2026-02-28T14",
        "2026-02-28T14:30",
        "2026-02-28T24:00",
        "2026-02-28T14:00:00",
        "2026-02-28T14:00Z",
        "1899-12-31",
        "3000-01-01",
        "yesterday",
    ] {
        assert!(moment(wrong).unwrap_err().contains("2026-11-22"), "{wrong}");
    }
}

#[test]
fn last_takes_days_hours_and_months() {
    assert_eq!(last("7d"), Ok((7, Unit::Day)));
    assert_eq!(last("24h"), Ok((24, Unit::Hour)));
    assert_eq!(last("3m"), Ok((3, Unit::Month)));
    for wrong in ["", "d", "7", "0d", "-1d", "+1d", "7 d", "7D", "1w", "36501d", "99999999999h"] {
        assert!(last(wrong).unwrap_err().contains("such as \"7d\""), "{wrong}");
    }
}

#[test]
fn both_ends_belong_to_the_period() {
    let found = between(&DAY, "2026-02-27", "2026-02-28").unwrap();
    assert_eq!((found.since, found.until), (time("2026-02-27T00:00"), time("2026-03-01T00:00")));
    let found = between(&HOUR, "2026-02-28T13:00", "2026-02-28T23:00").unwrap();
    assert_eq!((found.since, found.until), (time("2026-02-28T13:00"), time("2026-03-01T00:00")));
    let found = between(&HOUR, "2026-02-28T13:00", "2026-02-28").unwrap();
    assert_eq!(found.until, time("2026-03-01T00:00"));
    let open = period(&DAY, None, Some(moment("2999-12-31").unwrap()), None).unwrap();
    assert_eq!((open.since, open.until), (None, time("3000-01-01T00:00")));
    for (by, from, to) in [
        (DAY, "2026-02-28", "2026-02-27"),
        (HOUR, "2026-02-28T14:00", "2026-02-28T13:00"),
        (HOUR, "2026-03-01", "2026-02-28T23:00"),
    ] {
        assert!(between(&by, from, to).unwrap_err().contains("--from"), "{from} {to}");
    }
}

#[test]
fn times_of_day_need_a_report_by_hour() {
    for by in [SalesBy::Product, SalesBy::Kept("store".to_owned()), DAY, MONTH] {
        assert!(between(&by, "2026-02-27", "2026-02-28T13:00").unwrap_err().starts_with("--to "));
        assert!(between(&by, "2026-02-27T13:00", "2026-02-28").unwrap_err().starts_with("--from "));
        let hours = period(&by, None, None, Some((24, Unit::Hour)));
        assert!(hours.unwrap_err().contains("--by hour"));
        assert!(period(&by, None, None, Some((7, Unit::Day))).is_ok());
    }
    assert!(period(&HOUR, None, None, Some((24, Unit::Hour))).is_ok());
}

#[test]
fn whole_months_are_compared_with_whole_months() {
    let months = |by, from, to| between(&by, from, to).unwrap().months;
    assert_eq!(months(MONTH, "2026-02-01", "2026-02-28"), Some(1));
    assert_eq!(months(SalesBy::Product, "2025-12-01", "2026-02-28"), Some(3));
    assert_eq!(months(MONTH, "2026-02-01", "2026-02-27"), None);
    assert_eq!(months(MONTH, "2026-02-02", "2026-02-28"), None);
    assert_eq!(months(DAY, "2026-02-01", "2026-02-28"), None);
    assert_eq!(months(HOUR, "2026-02-01", "2026-02-28"), None);
    let last = |by| period(&by, None, None, Some((3, Unit::Month))).unwrap().months;
    assert_eq!((last(MONTH), last(DAY)), (Some(3), None));
}

//! Parses times and ages.

use jiff::{Span, Timestamp, Zoned, civil::DateTime, tz::TimeZone};

/// A point in time: with a UTC offset, in the local time zone, or as an age.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(time) = text.parse::<DateTime>() {
        let time = time.to_zoned(TimeZone::system()).map_err(|error| error.to_string())?;
        return Ok(time.timestamp());
    }
    ago(text).map_err(|_| "must be a time such as 2026-11-22T10:00:00Z, or 2h, 7d".to_owned())
}

/// The point in time of an age such as 90d.
pub(super) fn ago(text: &str) -> Result<Timestamp, String> {
    text.parse::<Span>()
        .ok()
        .filter(|age| age.is_positive())
        .and_then(|age| Zoned::now().checked_sub(age).ok())
        .map(|time| time.timestamp())
        .ok_or_else(|| "must be an age such as 90d, 12h or 6mo".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{ago, moment};

    #[test]
    fn times_are_points_or_ages() {
        let at = |text| moment(text).unwrap().to_string();
        assert_eq!(at("2026-11-22T10:00:00Z"), "2026-11-22T10:00:00Z");
        assert_eq!(at("2026-11-22T10:00:00-03:00"), "2026-11-22T13:00:00Z");
        assert!(moment("2026-11-22").unwrap() < moment("2026-11-22 00:01").unwrap());
        assert!(moment("7d").unwrap() < moment("2h").unwrap());
        assert!(ago("1y").unwrap() < ago("90d").unwrap());
        for wrong in ["", "0d", "-1d", "90", "soon", "2026-13-01"] {
            assert!(moment(wrong).is_err() && ago(wrong).is_err(), "{wrong}");
        }
    }
}

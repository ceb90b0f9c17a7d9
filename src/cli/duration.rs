//! Durations in arguments.

use std::{ops::RangeInclusive, time::Duration};

use jiff::SignedDuration;

/// Long enough for a billion orders, and no command hangs forever.
pub(super) const TIME_LIMIT: &str = "1h";

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// The value of `--timeout`.
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    within(text, SECOND..=DAY)
        .ok_or_else(|| "must be a duration such as \"30m\" or \"2h\", from 1s to 24h".to_owned())
}

/// The value of `--interval`.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_millis(100)..=DAY).ok_or_else(|| {
        "must be a duration such as \"500ms\" or \"2s\", from 100ms to 24h".to_owned()
    })
}

fn within(text: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
    let duration = text.parse::<SignedDuration>().ok()?;
    Duration::try_from(duration).ok().filter(|duration| range.contains(duration))
}

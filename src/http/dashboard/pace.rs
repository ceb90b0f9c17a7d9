//! The rate of orders over the last minutes.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The time span of the chart.
pub(super) const HISTORY: Duration = Duration::from_secs(5 * 60);

/// The window of a rate: long enough to be readable, short enough to react.
const WINDOW: Duration = Duration::from_secs(5);

/// Tenths of orders per second: 123 is 12.3 orders per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rate(pub(super) u64);

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl serde::Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A sample of the counter.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    orders: u64,
    rate: Rate,
}

/// The rates of the last minutes.
#[derive(Debug, Default)]
pub(super) struct Pace {
    samples: VecDeque<Sample>,
}

impl Pace {
    /// Adds a sample: the number of orders until `at`, which must not be before earlier samples.
    pub(super) fn note(&mut self, at: Instant, orders: u64) {
        let since = |sample: &Sample| at.saturating_duration_since(sample.at);
        while self.samples.front().is_some_and(|oldest| since(oldest) > HISTORY) {
            self.samples.pop_front();
        }
        // The newest sample that is old enough, else the oldest.
        let first = self.samples.iter().rev().find(|sample| since(sample) >= WINDOW);
        let rate = first.or_else(|| self.samples.front()).map_or(Rate(0), |first| {
            let milliseconds = since(first).as_millis().max(1);
            let new = u128::from(orders.saturating_sub(first.orders));
            Rate(u64::try_from(new * 10_000 / milliseconds).unwrap_or(u64::MAX))
        });
        self.samples.push_back(Sample { at, orders, rate });
    }

    /// The latest rate.
    pub(super) fn now(&self) -> Rate {
        self.samples.back().map_or(Rate(0), |sample| sample.rate)
    }

    /// The highest rate.
    pub(super) fn peak(&self) -> Rate {
        self.samples.iter().map(|sample| sample.rate).max().unwrap_or_default()
    }

    /// Each rate with its age in seconds relative to the latest, oldest first.
    pub(super) fn history(&self) -> Vec<(u64, Rate)> {
        let Some(newest) = self.samples.back() else { return Vec::new() };
        let ago = |sample: &Sample| newest.at.saturating_duration_since(sample.at).as_secs();
        self.samples.iter().map(|sample| (ago(sample), sample.rate)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_seconds_however_late_a_sample_is() {
        let begin = Instant::now();
        let mut pace = Pace::default();
        assert_eq!((pace.now(), pace.peak()), (Rate(0), Rate(0)));
        // Seconds, orders so far, the rate that comes of it.
        for (second, orders, rate) in
            [(0, 1000, 0), (1, 1010, 100), (2, 1030, 150), (7, 1030, 0), (20, 1160, 100)]
        {
            pace.note(begin + Duration::from_secs(second), orders);
            assert_eq!(pace.now(), Rate(rate), "after {second} s");
        }
        assert_eq!(pace.peak().to_string(), "15.0");
        let ago: Vec<_> = pace.history().iter().map(|(ago, _)| *ago).collect();
        assert_eq!(ago, [20, 19, 18, 13, 0]);
    }

    #[test]
    fn samples_older_than_the_chart_are_dropped() {
        let begin = Instant::now();
        let mut pace = Pace::default();
        for second in 0..1000 {
            pace.note(begin + Duration::from_secs(second), second * 3);
        }
        assert_eq!(pace.history().len(), 301);
        assert!(pace.history().iter().all(|(_, rate)| *rate == Rate(30)));
    }
}

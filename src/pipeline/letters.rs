//! Logs dead letters: individually while they are few, and as counts when they are many. The table
//! `dead_letters` contains all of them.

use std::{
    collections::BTreeMap,
    fmt::Write,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::warn;

use crate::{
    kafka::TopicPartition,
    order::Reason,
    process::{Outcome, ProcessedBatch},
    telemetry::Telemetry,
};

/// The length of an interval, after which the dead letters without a log line of their own are
/// counted.
const INTERVAL: Duration = Duration::from_secs(10);

/// The number of dead letters per interval, over all partitions, that get a log line of their own.
const LINES: usize = 20;

/// The dead letters of the current interval.
#[derive(Debug, Default)]
pub(super) struct DeadLetterLog {
    interval: Mutex<Interval>,
}

impl DeadLetterLog {
    /// Logs the dead letters of `batch`, which is committed.
    pub(super) fn log(&self, batch: &ProcessedBatch, telemetry: &Telemetry) {
        for Outcome { record, result } in batch.outcomes() {
            let Err(rejection) = result else { continue };
            let reason = rejection.reason();
            telemetry.dead_letter(reason);
            if !self.lock().logs_individually(reason) {
                continue;
            }
            // The database's message can quote the row.
            let detail = (reason != Reason::RejectedByDatabase).then(|| rejection.detail());
            let TopicPartition { topic, partition, .. } = batch.partition();
            warn!(
                %topic,
                partition,
                offset = record.offset,
                reason = reason.code(),
                detail,
                "record became a dead letter"
            );
        }
    }

    /// Ends the current interval, and logs counts of the dead letters without a line of their own.
    pub(super) fn end_interval(&self) {
        let ended = mem::take(&mut *self.lock());
        if !ended.unlogged.is_empty() {
            let records: u64 = ended.unlogged.values().sum();
            let reasons = ended.reasons();
            warn!(records, %reasons, "more records became dead letters");
        }
    }

    /// Ends one interval after another. The caller that aborts this has to end the last one.
    pub(super) async fn end_intervals(self: Arc<Self>) {
        let mut tick = interval_at(Instant::now() + INTERVAL, INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.end_interval();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Interval> {
        // No update under this lock can be left incomplete, so a poisoned lock is usable.
        self.interval.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Interval {
    lines: usize,
    unlogged: BTreeMap<Reason, u64>,
}

impl Interval {
    /// Whether a dead letter gets a line of its own; otherwise it is counted.
    fn logs_individually(&mut self, reason: Reason) -> bool {
        if self.lines < LINES {
            self.lines += 1;
            return true;
        }
        *self.unlogged.entry(reason).or_default() += 1;
        false
    }

    /// The counts by reason, such as `tombstone:1,not_json:25`.
    fn reasons(&self) -> String {
        let mut text = String::new();
        for (reason, records) in &self.unlogged {
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{reason}:{records}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_an_interval_get_lines_and_the_others_are_counted_by_reason() {
        let mut interval = Interval::default();
        for _ in 0..LINES {
            assert!(interval.logs_individually(Reason::NotJson));
        }
        assert_eq!(interval.reasons(), "");
        for reason in [Reason::NotJson, Reason::Tombstone, Reason::NotJson] {
            assert!(!interval.logs_individually(reason));
        }
        assert_eq!(interval.reasons(), "tombstone:1,not_json:2");
    }

    #[tokio::test]
    async fn every_dead_letter_is_logged_or_counted_and_each_interval_starts_empty() {
        let (letters, telemetry) = (DeadLetterLog::default(), Telemetry::default());
        let (bad, good) = ("[]", r#"{"order_id": "a", "total": 1}"#);
        let batch = crate::process::tests::processed(&[bad, good, bad, bad]).await;
        for _ in 0..LINES {
            letters.log(&batch, &telemetry);
        }
        let unlogged = u64::try_from(LINES * 2).unwrap();
        assert_eq!(letters.lock().unlogged, BTreeMap::from([(Reason::NotAnObject, unlogged)]));
        letters.end_interval();
        letters.log(&batch, &telemetry);
        assert!(letters.lock().unlogged.is_empty());
        let counted = telemetry.dead_letters[&Reason::NotAnObject].get();
        assert_eq!(counted, 3 * (u64::try_from(LINES).unwrap() + 1));
    }
}

//! Tells the log of dead letters: of each while they are few, and how many they are when they are
//! many. The table `dead_letters` has all of them.

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

/// How long an interval is: so often are those counted that got no line of their own.
const INTERVAL: Duration = Duration::from_secs(10);

/// How many dead letters of one interval get a line of their own, over all partitions.
const LINES: usize = 20;

/// The dead letters of the present interval.
#[derive(Debug, Default)]
pub(super) struct Letters {
    interval: Mutex<Interval>,
}

impl Letters {
    /// Tells of the dead letters in `batch`, which is committed.
    pub(super) fn tell(&self, batch: &ProcessedBatch, telemetry: &Telemetry) {
        for Outcome { record, result } in batch.outcomes() {
            let Err(rejection) = result else { continue };
            let reason = rejection.reason();
            telemetry.dead_letter(reason);
            if !self.lock().may_tell(reason) {
                continue;
            }
            // The database's own words can quote the row.
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

    /// Ends the present interval, and tells of those that got no line of their own in it.
    pub(super) fn end_interval(&self) {
        let ended = mem::take(&mut *self.lock());
        if !ended.untold.is_empty() {
            let records: u64 = ended.untold.values().sum();
            let reasons = ended.reasons();
            warn!(records, %reasons, "more records became dead letters");
        }
    }

    /// Ends one interval after the other. Whoever aborts this has the last one to end.
    pub(super) async fn end_intervals(self: Arc<Self>) {
        let mut tick = interval_at(Instant::now() + INTERVAL, INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.end_interval();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Interval> {
        // Nothing can be left half done under this lock, so a poisoned one is as good.
        self.interval.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Interval {
    lines: usize,
    untold: BTreeMap<Reason, u64>,
}

impl Interval {
    /// Whether a dead letter may have a line of its own; else it is counted.
    fn may_tell(&mut self, reason: Reason) -> bool {
        if self.lines < LINES {
            self.lines += 1;
            return true;
        }
        *self.untold.entry(reason).or_default() += 1;
        false
    }

    /// How many of each reason got no line, such as `tombstone:1,not_json:25`.
    fn reasons(&self) -> String {
        let mut text = String::new();
        for (reason, records) in &self.untold {
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
            assert!(interval.may_tell(Reason::NotJson));
        }
        assert_eq!(interval.reasons(), "");
        for reason in [Reason::NotJson, Reason::Tombstone, Reason::NotJson] {
            assert!(!interval.may_tell(reason));
        }
        assert_eq!(interval.reasons(), "tombstone:1,not_json:2");
    }

    #[tokio::test]
    async fn every_dead_letter_is_told_of_or_counted_and_each_interval_begins_anew() {
        let (letters, telemetry) = (Letters::default(), Telemetry::default());
        let (bad, good) = ("[]", r#"{"order_id": "a", "total": 1}"#);
        let batch = crate::process::tests::processed(&[bad, good, bad, bad]).await;
        for _ in 0..LINES {
            letters.tell(&batch, &telemetry);
        }
        let untold = u64::try_from(LINES * 2).unwrap();
        assert_eq!(letters.lock().untold, BTreeMap::from([(Reason::NotAnObject, untold)]));
        letters.end_interval();
        letters.tell(&batch, &telemetry);
        assert!(letters.lock().untold.is_empty());
        let counted = telemetry.dead_letters[&Reason::NotAnObject].get();
        assert_eq!(counted, 3 * (u64::try_from(LINES).unwrap() + 1));
    }
}

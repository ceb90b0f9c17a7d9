//! The current state of the run, sent to the page each second.

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::event::event;
use crate::{
    http::{
        health::{HealthReason, Server},
        state::State,
    },
    store::ReasonCount,
};

/// The event's data. Numbers are strings, as in reports: browsers read JSON numbers as binary floats.
#[derive(Serialize)]
struct Snapshot<'a> {
    instance: Uuid,
    version: &'static str,
    topics: String,
    rate: String,
    peak: String,
    lag: Option<String>,
    /// Orders cancelled and records ignored by this instance since its start.
    cancelled: String,
    ignored: String,
    reasons: Vec<HealthReason>,
    letters: Option<Vec<Letters<'a>>>,
    /// When the sales were read; `None` until then.
    as_of: Option<String>,
    /// Whether sales and dead letters are current.
    current: bool,
}

#[derive(Serialize)]
struct Letters<'a> {
    reason: &'a str,
    letters: String,
}

/// Figures that are not part of the state of the run.
pub(super) struct Seen<'a> {
    /// Orders per second, now and at most.
    pub(super) rate: String,
    pub(super) peak: String,
    /// Open dead letters by reason.
    pub(super) letters: Option<&'a [ReasonCount]>,
    /// When the sales were read.
    pub(super) as_of: Option<jiff::Timestamp>,
    /// Whether both are current.
    pub(super) current: bool,
}

/// The event `snapshot`.
pub(super) fn snapshot(state: &State, seen: Seen<'_>) -> Option<Bytes> {
    let telemetry = state.telemetry();
    let letters = seen.letters.map(|counts| {
        counts
            .iter()
            .map(|count| Letters { reason: &count.reason, letters: count.letters.to_string() })
            .collect()
    });
    let snapshot = Snapshot {
        instance: state.store().instance(),
        version: env!("CARGO_PKG_VERSION"),
        topics: state.topics().to_string(),
        rate: seen.rate,
        peak: seen.peak,
        lag: lag(state).map(|lag| lag.to_string()),
        cancelled: telemetry.cancelled.get().to_string(),
        ignored: telemetry.ignored.get().to_string(),
        reasons: state.health().reasons,
        letters,
        as_of: seen.as_of.map(|as_of| as_of.to_string()),
        current: seen.current,
    };
    event("snapshot", &snapshot)
}

/// The lag of all partitions of this instance, as far as known; `None` while Kafka does not return
/// its log ends.
fn lag(state: &State) -> Option<i64> {
    if state.outage(Server::Kafka).is_some() {
        return None;
    }
    let partitions = state.telemetry().partitions();
    let lags: Vec<_> = partitions.iter().filter_map(|(_, partition)| partition.lag()).collect();
    (!lags.is_empty()).then(|| lags.iter().sum())
}

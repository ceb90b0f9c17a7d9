//! How the run fares at this moment, as the page is told it each second.

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::event::event;
use crate::{
    http::{
        State,
        health::{Because, Server},
    },
    store::ReasonCount,
};

/// The event's data. Numbers are texts, as in the reports: a browser reads a JSON number as a binary
/// float.
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
    reasons: Vec<Because>,
    letters: Option<Vec<Letters<'a>>>,
    /// When the sales were read; `None` until then.
    as_of: Option<String>,
    /// Whether sales and dead letters are what PostgreSQL holds now.
    current: bool,
}

#[derive(Serialize)]
struct Letters<'a> {
    reason: &'a str,
    letters: String,
}

/// What is not known from the run itself.
pub(super) struct Seen<'a> {
    /// Orders a second, now and at most.
    pub(super) rate: String,
    pub(super) peak: String,
    /// Open dead letters by reason.
    pub(super) letters: Option<&'a [ReasonCount]>,
    /// When the sales were read.
    pub(super) as_of: Option<jiff::Timestamp>,
    /// Whether both are what PostgreSQL holds.
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

/// Offsets of all this instance's partitions that are not yet processed, as far as is known. Nothing is
/// while Kafka cannot say where its logs end.
fn lag(state: &State) -> Option<i64> {
    if state.outage(Server::Kafka).is_some() {
        return None;
    }
    let partitions = state.telemetry().partitions();
    let lags: Vec<_> = partitions.iter().filter_map(|(_, told)| told.lag()).collect();
    (!lags.is_empty()).then(|| lags.iter().sum())
}

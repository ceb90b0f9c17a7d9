//! Whether a run lives, and whether it works: `/healthz` and `/readyz`.
//!
//! Those who work notice most outages themselves. An idle run would not, so that servers of which
//! nothing was heard lately are asked.

use std::{
    collections::HashMap,
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;
use uuid::Uuid;

use super::{State, fresh};
use crate::{kafka::OffsetAt, outage::Ongoing, telemetry::Activity};

/// How often the log ends are asked for, and servers of which nothing was heard.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// How long PostgreSQL may take to answer that it is there.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The most partitions that an answer tells of by name.
const NAMED: usize = 10;

/// The servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Where orders come from.
    Kafka,
    /// Where they are kept.
    Postgresql,
    /// Where the schemas of records come from.
    Registry,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kafka, Self::Postgresql, Self::Registry];

    /// Its name in metrics and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Postgresql => "postgresql",
            Self::Registry => "registry",
        }
    }
}

/// What asking the servers came to last.
#[derive(Debug, Default)]
pub(super) struct Probes {
    kafka: Probe,
    postgres: Probe,
}

#[derive(Debug, Default)]
struct Probe(Mutex<Option<Ongoing>>);

impl Probe {
    fn note(&self, failure: Option<&dyn Display>) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *failing = failure.map(|error| Ongoing {
            since: failing.take().map_or_else(Timestamp::now, |before| before.since),
            error: error.to_string(),
        });
    }

    fn failing(&self) -> Option<Ongoing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Asks the servers again and again, without end.
pub(super) async fn probe(state: State) {
    tokio::join!(probe_kafka(&state), probe_postgres(&state));
}

async fn probe_kafka(state: &State) {
    let inner = &state.0;
    let mut tick = interval(PROBE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // That a log end is unknown, as while a leader is elected, does not mean that nobody answers.
        let failure = match ask_log_ends(state).await {
            true => None,
            false => inner.kafka.topics(&inner.topics).await.err(),
        };
        inner.probes.kafka.note(failure.as_ref().map(|error| error as &dyn Display));
    }
}

/// Notes where the logs of this instance's partitions end, a topic at a time: one may be gone. Whether
/// any of them was answered.
async fn ask_log_ends(state: &State) -> bool {
    let mut topics: HashMap<Uuid, (Vec<_>, Vec<_>)> = HashMap::new();
    for (name, told) in state.0.telemetry.partitions() {
        let (names, all_told) = topics.entry(name.topic_id).or_default();
        names.push(name);
        all_told.push(told);
    }
    let asking = topics.into_values().map(|(names, told)| async move {
        match state.0.kafka.offsets(&names, OffsetAt::End).await {
            Ok(ends) => {
                for (told, (_, end)) in told.iter().zip(ends) {
                    told.ends_at(end);
                }
                true
            }
            Err(error) => {
                debug!(%error, "could not ask where the logs end");
                false
            }
        }
    });
    join_all(asking).await.contains(&true)
}

async fn probe_postgres(state: &State) {
    let inner = &state.0;
    let mut tick = interval(PROBE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batches = inner.telemetry.batches();
    loop {
        tick.tick().await;
        let before = batches;
        batches = inner.telemetry.batches();
        if batches != before {
            inner.probes.postgres.note(None);
            continue;
        }
        // Who tries to commit again and again needs no company. What was found before that stays, as
        // the outage began then.
        if inner.telemetry.postgres.ongoing().is_some() {
            continue;
        }
        match timeout(ANSWER_WITHIN, inner.store.ping()).await {
            Ok(Ok(_)) => inner.probes.postgres.note(None),
            Ok(Err(error)) => inner.probes.postgres.note(Some(&error)),
            Err(_) => inner
                .probes
                .postgres
                .note(Some(&format_args!("PostgreSQL did not answer within {ANSWER_WITHIN:?}"))),
        }
    }
}

/// Whether a run works, and why not.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// Whether it does.
    pub ready: bool,
    /// Why not; empty if it does.
    pub reasons: Vec<Because>,
    /// How many of its partitions are worked.
    pub partitions: Partitions,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Because {
    /// `kafka`, `postgresql`, `registry`, `run`, `topic`, or a partition by its name.
    pub what: String,
    /// Since when.
    pub since: String,
    /// What it is, in words for a person, without any secret.
    pub error: String,
}

impl Because {
    fn new(what: impl Into<String>, Ongoing { since, error }: Ongoing) -> Self {
        Self { what: what.into(), since: since.to_string(), error }
    }
}

/// How many partitions there are of each kind.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Partitions {
    /// Where they go on is being found out.
    pub starting: usize,
    /// They are worked.
    pub working: usize,
    /// They try again and again what a person has to put right.
    pub paused: usize,
    /// They are worked no further until a person decides.
    pub halted: usize,
}

impl Partitions {
    const fn of(&mut self, activity: Activity) -> &mut usize {
        match activity {
            Activity::Starting => &mut self.starting,
            Activity::Working => &mut self.working,
            Activity::Paused => &mut self.paused,
            Activity::Halted => &mut self.halted,
        }
    }
}

impl State {
    /// The servers that this run works with.
    pub fn servers(&self) -> impl Iterator<Item = Server> {
        let has_registry = self.0.registry.is_some();
        Server::ALL.into_iter().filter(move |server| *server != Server::Registry || has_registry)
    }

    /// Why `server` cannot be used, if it cannot: the oldest of the outages that its users report.
    #[must_use]
    pub fn outage(&self, server: Server) -> Option<Ongoing> {
        let (telemetry, probes) = (&self.0.telemetry, &self.0.probes);
        let outages = match server {
            Server::Postgresql => vec![telemetry.postgres.ongoing(), probes.postgres.failing()],
            Server::Registry => vec![telemetry.registry.ongoing()],
            Server::Kafka => vec![
                telemetry.kafka.ongoing(),
                self.0.kafka.trouble(),
                telemetry.group.ongoing(),
                probes.kafka.failing(),
            ],
        };
        outages.into_iter().flatten().min_by_key(|outage| outage.since)
    }

    /// How the run fares now.
    #[must_use]
    pub fn health(&self) -> Health {
        let mut reasons: Vec<_> = self
            .servers()
            .filter_map(|server| Some(Because::new(server.name(), self.outage(server)?)))
            .collect();
        let (mut partitions, mut troubles) = (Partitions::default(), Vec::new());
        let all = self.0.telemetry.partitions();
        for (name, told) in &all {
            let (activity, trouble) = told.activity();
            *partitions.of(activity) += 1;
            troubles.extend(trouble.map(|trouble| Because::new(name.to_string(), trouble)));
        }
        let since = self.0.started;
        let of_run = |error: &str| Because::new("run", Ongoing { since, error: error.to_owned() });
        if self.0.stopping.is_cancelled() {
            reasons.push(of_run("told to stop: finishing what is in flight"));
        } else if !self.0.telemetry.has_begun() {
            reasons
                .extend(self.0.telemetry.topic.ongoing().map(|gone| Because::new("topic", gone)));
            reasons.push(of_run("finding out which partitions there are to work"));
        } else if partitions.working == 0 && !all.is_empty() {
            if troubles.is_empty() {
                reasons.push(of_run("finding out where the partitions go on"));
            }
            troubles.truncate(NAMED);
            reasons.append(&mut troubles);
        }
        Health { ready: reasons.is_empty(), reasons, partitions }
    }
}

/// It lives, or it could not say so.
pub(super) async fn healthz() -> impl IntoResponse {
    fresh("text/plain; charset=utf-8", "ok\n".to_owned())
}

pub(super) async fn readyz(extract::State(state): extract::State<State>) -> Response {
    let health = state.health();
    match serde_json::to_string(&health) {
        Ok(body) => {
            let code = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (code, fresh("application/json", body + "\n")).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

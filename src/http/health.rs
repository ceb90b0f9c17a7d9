//! Liveness and readiness of a run: `/healthz` and `/readyz`.
//!
//! Workers report most outages. An idle run would not notice them, so servers without recent
//! activity are probed.

use std::{collections::HashMap, fmt::Display, time::Duration};

use axum::{
    extract,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::future::join_all;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;
use uuid::Uuid;

use super::{response::fresh, state::State};
use crate::{kafka::OffsetAt, outage::Ongoing, telemetry::Activity};

/// How often log ends are requested and servers without recent activity are probed.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// The timeout of PostgreSQL's probe.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The maximum number of partitions that a response names.
const MAX_NAMED: usize = 10;

/// The servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The source of orders.
    Kafka,
    /// The database.
    Postgresql,
    /// The schema registry.
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

/// Probes the servers forever.
pub(super) async fn probe(state: State) {
    tokio::join!(probe_kafka(&state), probe_postgres(&state));
}

async fn probe_kafka(state: &State) {
    let inner = &state.0;
    let mut tick = interval(PROBE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // An unknown log end, as during a leader election, does not mean that Kafka does not answer.
        let failure = match update_log_ends(state).await {
            true => None,
            false => inner.kafka.topics(&inner.topics).await.err(),
        };
        inner.probes.kafka.note(failure.as_ref().map(|error| error as &dyn Display));
    }
}

/// Updates the log ends of this instance's partitions, one topic at a time, since a topic may be
/// deleted. Returns whether any request was answered.
async fn update_log_ends(state: &State) -> bool {
    let mut topics: HashMap<Uuid, (Vec<_>, Vec<_>)> = HashMap::new();
    for (name, partition) in state.0.telemetry.partitions() {
        let (names, of_topic) = topics.entry(name.topic_id).or_default();
        names.push(name);
        of_topic.push(partition);
    }
    let requests = topics.into_values().map(|(names, partitions)| async move {
        match state.0.kafka.offsets(&names, OffsetAt::End).await {
            Ok(ends) => {
                for (partition, (_, end)) in partitions.iter().zip(ends) {
                    partition.ends_at(end);
                }
                true
            }
            Err(error) => {
                debug!(%error, "cannot read the log ends");
                false
            }
        }
    });
    join_all(requests).await.contains(&true)
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
        // Workers that retry a commit probe the server anyway. The previous result is kept, since the
        // outage began then.
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

/// Whether a run is ready, and why not.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// Whether it is ready.
    pub ready: bool,
    /// Why it is not ready; empty if it is.
    pub reasons: Vec<HealthReason>,
    /// Its partitions by activity.
    pub partitions: Partitions,
}

/// A reason for not being ready.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReason {
    /// `kafka`, `postgresql`, `registry`, `run`, `topic`, or a partition by its name.
    pub what: String,
    /// The time since when.
    pub since: String,
    /// A message without secrets.
    pub error: String,
}

impl HealthReason {
    fn new(what: impl Into<String>, Ongoing { since, error }: Ongoing) -> Self {
        Self { what: what.into(), since: since.to_string(), error }
    }
}

/// The number of partitions by activity.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Partitions {
    /// Their offsets are being read.
    pub starting: usize,
    /// They are processed.
    pub working: usize,
    /// They retry an operation until the operator corrects something.
    pub paused: usize,
    /// They are not processed until the operator resets their offsets.
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
    /// The servers that this run uses.
    pub fn servers(&self) -> impl Iterator<Item = Server> {
        let has_registry = self.0.registry.is_some();
        Server::ALL.into_iter().filter(move |server| *server != Server::Registry || has_registry)
    }

    /// The outage of `server`, if there is one: the oldest of those that its users report.
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

    /// The current health of the run.
    #[must_use]
    pub fn health(&self) -> Health {
        let mut reasons: Vec<_> = self
            .servers()
            .filter_map(|server| Some(HealthReason::new(server.name(), self.outage(server)?)))
            .collect();
        let (mut partitions, mut troubles) = (Partitions::default(), Vec::new());
        let all = self.0.telemetry.partitions();
        for (name, partition) in &all {
            let (activity, trouble) = partition.activity();
            *partitions.of(activity) += 1;
            troubles.extend(trouble.map(|trouble| HealthReason::new(name.to_string(), trouble)));
        }
        let since = self.0.started;
        let of_run =
            |error: &str| HealthReason::new("run", Ongoing { since, error: error.to_owned() });
        if self.0.stopping.is_cancelled() {
            reasons.push(of_run("stopping: waiting for the batches in flight"));
        } else if !self.0.telemetry.has_begun() {
            reasons.extend(
                self.0.telemetry.topic.ongoing().map(|gone| HealthReason::new("topic", gone)),
            );
            reasons.push(of_run("starting: waiting for the partition assignment"));
        } else if partitions.working == 0 && !all.is_empty() {
            if troubles.is_empty() {
                reasons.push(of_run("starting: reading the offsets of the partitions"));
            }
            troubles.truncate(MAX_NAMED);
            reasons.append(&mut troubles);
        }
        Health { ready: reasons.is_empty(), reasons, partitions }
    }
}

/// Always 200: a response proves that the process is alive.
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

//! Metrics for Prometheus: `/metrics`.
//!
//! Counters are part of the run's [`Telemetry`](crate::telemetry::Telemetry). Gauges are computed
//! at each scrape, so that revoked partitions disappear.

use std::time::Duration;

use axum::{
    extract,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use procfs::{ProcResult, process::Process};
use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text, text},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        info::Info,
    },
    registry::{Registry, Unit},
};
use tracing::debug;

use super::{health::Server, response::fresh, state::State};
use crate::{order::Unmapped, registry::Registry as SchemaRegistry, telemetry::Activity};

/// The media type of OpenMetrics 1.0.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabel {
    server: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    topic: String,
    partition: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

/// All metrics, in the requested format: OpenMetrics, or Prometheus' text format.
pub(super) async fn metrics(
    extract::State(state): extract::State<State>,
    headers: HeaderMap,
) -> Response {
    let mut registry = Registry::default();
    register(&state, registry.sub_registry_with_prefix("vendas"));
    if let Err(error) = register_process(&state, registry.sub_registry_with_prefix("process")) {
        debug!(%error, "cannot read the resource usage of this process");
    }
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let open = accepted.is_some_and(|accepted| accepted.contains("application/openmetrics-text"));
    let mut body = String::new();
    let (content_type, encoded) = if open {
        (OPENMETRICS, text::encode(&mut body, &registry))
    } else {
        (prometheus_text::CONTENT_TYPE, prometheus_text::encode(&mut body, &registry))
    };
    match encoded {
        Ok(()) => fresh(content_type, body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn register(state: &State, registry: &mut Registry) {
    let telemetry = &state.0.telemetry;
    let (records, letters) =
        (Family::<Outcome, Counter>::default(), Family::<Reason, Counter>::default());
    let mut dead_letters = 0;
    for (reason, counter) in &telemetry.dead_letters {
        let count = counter.get();
        letters.get_or_create(&Reason { reason: reason.code() }).inc_by(count);
        dead_letters += count;
    }
    for (outcome, count) in [
        ("order", telemetry.order_records.get()),
        ("ignored", telemetry.ignored.get()),
        ("dead_letter", dead_letters),
    ] {
        records.get_or_create(&Outcome { outcome }).inc_by(count);
    }
    let help = "Records committed, by outcome";
    registry.register("records", help, records);
    register_orders(state, registry);
    registry.register("dead_letters", "Records that became dead letters, by reason", letters);
    registry.register(
        "batch_records",
        "Records committed per statement",
        telemetry.batch_records.clone(),
    );
    // The unit is only part of the name: parsers of OpenMetrics differ in whether histograms may
    // have a UNIT line.
    registry.register(
        "commit_duration_seconds",
        "Time between sending a statement to PostgreSQL and its commit",
        telemetry.commit_seconds.clone(),
    );
    registry.register(
        "failed_inserts",
        "Inserts repeated as upserts because an order already existed",
        telemetry.failed_inserts.clone(),
    );
    registry.register(
        "data_losses",
        "Data losses in Kafka after which processing continued, see the table offset_resets",
        telemetry.data_losses.clone(),
    );
    register_partitions(state, registry);
    register_servers(state, registry);
    registry.register(
        "http_wrong_passwords",
        "HTTP requests with a wrong user or password",
        state.0.wrong_passwords.clone(),
    );
    let build = Info::new(Build { version: env!("CARGO_PKG_VERSION") });
    registry.register("build", "The running version", build);
}

/// Orders are counted separately from records, since a record can contain several.
fn register_orders(state: &State, registry: &mut Registry) {
    let telemetry = &state.0.telemetry;
    let (orders, unmapped) =
        (Family::<Outcome, Counter>::default(), Family::<Kind, Counter>::default());
    for (outcome, counter) in [("upserted", &telemetry.orders), ("cancelled", &telemetry.cancelled)]
    {
        orders.get_or_create(&Outcome { outcome }).inc_by(counter.get());
    }
    for (kind, counter) in Unmapped::KINDS.into_iter().zip(&telemetry.unmapped) {
        unmapped.get_or_create(&Kind { kind }).inc_by(counter.get());
    }
    let help = "Orders committed, by outcome; a record can contain several orders";
    registry.register("orders", help, orders);
    let help = "Orders whose record has a field of this kind that the mapping does not read";
    registry.register("unmapped_orders", help, unmapped);
}

fn register_partitions(state: &State, registry: &mut Registry) {
    let (lags, states) =
        (Family::<PartitionLabels, Gauge>::default(), Family::<StateLabel, Gauge>::default());
    for activity in Activity::ALL {
        // Also states without partitions.
        drop(states.get_or_create(&StateLabel { state: activity.name() }));
    }
    for (name, partition) in state.0.telemetry.partitions() {
        states.get_or_create(&StateLabel { state: partition.activity().0.name() }).inc();
        if let Some(lag) = partition.lag() {
            let labels =
                PartitionLabels { topic: name.topic.to_string(), partition: name.partition };
            lags.get_or_create(&labels).set(lag);
        }
    }
    let help = "Offsets from the next offset to the last stable offset, including gaps";
    registry.register("lag_offsets", help, lags);
    registry.register("partitions", "Partitions of this instance, by state", states);
}

fn register_servers(state: &State, registry: &mut Registry) {
    let (paused, opened) =
        (Family::<ServerLabel, Gauge>::default(), Family::<ServerLabel, Counter>::default());
    for server in state.servers() {
        let labels = ServerLabel { server: server.name() };
        paused.get_or_create(&labels).set(i64::from(state.outage(server).is_some()));
        opened.get_or_create(&labels).inc_by(match server {
            Server::Kafka => state.0.kafka.connections_opened(),
            Server::Postgresql => state.0.store.connections_opened(),
            Server::Registry => {
                state.0.registry.as_ref().map_or(0, SchemaRegistry::connections_opened)
            }
        });
    }
    registry.register(
        "paused",
        "Whether processing waits for this server: 1 if it does, else 0",
        paused,
    );
    registry.register(
        "connections_opened",
        "Connections opened, including those closed since",
        opened,
    );
    if let Some(schemas) = &state.0.registry {
        let help =
            "Schemas fetched from the schema registry, once each unless evicted from the cache";
        let fetched = Counter::<u64>::default();
        fetched.inc_by(schemas.fetched());
        registry.register("schemas_fetched", help, fetched);
    }
}

/// The process metrics of Prometheus' client libraries.
fn register_process(state: &State, registry: &mut Registry) -> ProcResult<()> {
    let process = Process::myself()?;
    let stat = process.stat()?;
    let milliseconds = (stat.utime + stat.stime).saturating_mul(1000) / procfs::ticks_per_second();
    let cpu_seconds = Duration::from_millis(milliseconds).as_secs_f64();
    let gauge = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    let resident = stat.rss.saturating_mul(procfs::page_size());
    let open_files = u64::try_from(process.fd_count()?).unwrap_or(u64::MAX);
    let started = ConstGauge::new(state.0.started.as_second());
    let cpu_help = "Total user and system CPU time spent in seconds";
    registry.register_with_unit("cpu", cpu_help, Unit::Seconds, ConstCounter::new(cpu_seconds));
    let memory = "Resident memory size in bytes";
    registry.register_with_unit("resident_memory", memory, Unit::Bytes, gauge(resident));
    registry.register("open_fds", "Number of open file descriptors", gauge(open_files));
    let since = "Start time of the process since unix epoch in seconds";
    registry.register_with_unit("start_time", since, Unit::Seconds, started);
    Ok(())
}

//! `vendas run`: processes the topics until it is stopped, and serves metrics, health and dashboard.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use super::{CliError, notify, progress::Progress, signals, store};
use crate::{
    config::Config,
    http,
    kafka::Kafka,
    pipeline::{self, Until},
    registry::Registry,
    servers::Servers,
    telemetry::Telemetry,
};

pub(super) async fn run(config: &Config, until_end: bool) -> Result<(), CliError> {
    let stop = CancellationToken::new();
    signals::cancel_on_signal(&stop)?;
    let until = if until_end { Until::End } else { Until::Stopped };
    for idle in config.idle_mappings() {
        warn!("{idle}");
    }
    let servers = Servers {
        kafka: Kafka::new(config.kafka.clone()),
        store: store(config),
        registry: config.registry.as_ref().map(Registry::new),
    };
    let instance_id = servers.store.instance();
    info!(version = env!("CARGO_PKG_VERSION"), %instance_id, topics = %config.topics, "starting");
    let telemetry = Arc::new(Telemetry::default());
    // The HTTP server answers until the batches in flight are settled; `stop` only begins the
    // shutdown.
    let finished = CancellationToken::new();
    let state = http::State::new(
        servers.clone(),
        Arc::clone(&telemetry),
        config.topics.clone(),
        config.rules.general.currency(),
        stop.clone(),
    );
    let supervised = notify::supervised(state.clone(), finished.clone());
    let mut serving = None;
    if let Some(settings) = config.http.clone() {
        let listener = http::bind(&settings.listen).await?;
        info!(
            address = %settings.listen,
            "HTTP server listening: dashboard at /, /metrics, /healthz, /readyz"
        );
        let finished = finished.clone();
        serving = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            http::serve(listener, state, &settings, finished).await;
        })));
    }
    let running = pipeline::run(config, servers, Arc::clone(&telemetry), until, &stop);
    let result = match until {
        Until::End => {
            let mut backlog = 0;
            let look = || {
                let left = u64::try_from(telemetry.lag()).unwrap_or_default();
                backlog = backlog.max(left);
                (Some(backlog - left), Some(backlog))
            };
            Progress::new("offsets").during(running, look).await
        }
        Until::Stopped => running.await,
    };
    stop.cancel();
    finished.cancel();
    for task in [serving, supervised].into_iter().flatten() {
        if let Err(error) = task.await {
            warn!(%error, "the HTTP server or the notification of the service manager failed");
        }
    }
    let tally = result?;
    info!(
        records = tally.records,
        orders = tally.orders,
        cancelled = tally.cancelled,
        ignored = tally.ignored,
        dead_letters = tally.dead_letters,
        "done"
    );
    Ok(())
}

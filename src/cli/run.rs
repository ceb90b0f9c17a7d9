//! `vendas run`: works until it is told to stop, and tells of itself meanwhile.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use super::{CliError, notify, progress::Progress, signals, store};
use crate::{
    config::Config,
    http,
    kafka::Kafka,
    pipeline::{self, Servers, Until},
    registry::Registry,
    telemetry::Telemetry,
};

pub(super) async fn run(config: &Config, until_end: bool) -> Result<(), CliError> {
    let stop = CancellationToken::new();
    signals::cancel_on_signal(&stop)?;
    let until = if until_end { Until::End } else { Until::Stopped };
    info!(version = env!("CARGO_PKG_VERSION"), topics = %config.topics, "starting");
    for idle in config.idle_mappings() {
        warn!("{idle}");
    }
    let servers = Servers {
        kafka: Kafka::new(config.kafka.clone()),
        store: store(config),
        registry: config.registry.as_ref().map(Registry::new),
    };
    let telemetry = Arc::new(Telemetry::default());
    // It answers until everything in flight is finished, which `stop` only begins.
    let finished = CancellationToken::new();
    let state = http::State::new(
        servers.clone(),
        Arc::clone(&telemetry),
        config.topics.clone(),
        config.rules.general.currency(),
        stop.clone(),
    );
    let supervised = notify::supervised(state.clone(), finished.clone());
    let mut telling = None;
    if let Some(settings) = config.http.clone() {
        let listener = http::bind(&settings.listen).await?;
        info!(
            address = %settings.listen,
            "HTTP server listening: the dashboard at /, /metrics, /healthz, /readyz"
        );
        let finished = finished.clone();
        telling = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            http::serve(listener, state, &settings, finished).await;
        })));
    }
    let working = pipeline::run(config, servers, Arc::clone(&telemetry), until, &stop);
    let worked = match until {
        Until::End => {
            let mut backlog = 0;
            let look = || {
                let left = u64::try_from(telemetry.lag()).unwrap_or_default();
                backlog = backlog.max(left);
                (Some(backlog - left), Some(backlog))
            };
            Progress::new("offsets").during(working, look).await
        }
        Until::Stopped => working.await,
    };
    stop.cancel();
    finished.cancel();
    for telling in [telling, supervised].into_iter().flatten() {
        if let Err(error) = telling.await {
            warn!(%error, "telling how this run fares has failed");
        }
    }
    let tally = worked?;
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

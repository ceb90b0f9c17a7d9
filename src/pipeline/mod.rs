//! Moves batches from Kafka to PostgreSQL, with one worker per partition, from start to orderly
//! shutdown.

mod begun;
mod error;
mod fold;
mod halt;
mod letters;
mod member;
mod prepare;
mod retry;
mod schemas;
mod shared;
mod start;
mod topics;
mod unmapped;
mod until;
mod worker;
mod workers;

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::Config, kafka::GroupSettings, servers::Servers, tally::Tally, telemetry::Telemetry,
};

pub use error::RunError;
pub use halt::Halt;
pub use until::Until;

use begun::Begun;
use fold::fold_periodically;
use member::Membership;
use retry::{Stopped, persist};
use schemas::SchemaSource;
use shared::Shared;
use start::Starts;
use topics::{Topics, Wanted};
use unmapped::Warnings;
use workers::Workers;

/// How much longer the group waits for revoked partitions than this instance needs to release them.
const REBALANCE_MARGIN: Duration = Duration::from_secs(5);

/// Processes the configured topics, or the partitions assigned to this instance, until `until`, or
/// until `stop` is cancelled. Then waits for the batches in flight for at most
/// `pipeline.shutdown_timeout`.
///
/// Waits while Kafka or PostgreSQL is unreachable. Reports its state to `telemetry`.
///
/// # Errors
/// [`RunError`]. No error causes lost or duplicate processing.
pub async fn run(
    config: &Config,
    servers: Servers,
    telemetry: Arc<Telemetry>,
    until: Until,
    stop: &CancellationToken,
) -> Result<Tally, RunError> {
    let Servers { kafka, store, registry } = servers;
    let prepare = || async {
        store.prepare_schema(config.apply_schema).await?;
        store.sales_bounds().await
    };
    let tally = match persist(stop, &telemetry.postgres, prepare).await? {
        Ok(bounds) => {
            let shared = Arc::new(Shared {
                kafka,
                store,
                rules: Arc::new(config.rules.within(bounds)),
                settings: config.pipeline,
                postgres: Arc::clone(&telemetry.postgres),
                kafka_outage: Arc::clone(&telemetry.kafka),
                schemas: SchemaSource::new(registry, Arc::clone(&telemetry.registry)),
                telemetry,
                dead_letter_log: Arc::default(),
                unmapped: Warnings::default(),
                begun: Begun::default(),
            });
            let letters = Arc::clone(&shared.dead_letter_log);
            let logging =
                AbortOnDropHandle::new(tokio::spawn(Arc::clone(&letters).end_intervals()));
            let worked = work(config, until, stop, shared).await;
            drop(logging);
            letters.end_interval();
            worked?
        }
        Err(Stopped) => Tally::default(),
    };
    match until {
        Until::End if stop.is_cancelled() => Err(RunError::StoppedEarly),
        Until::End | Until::Stopped => Ok(tally),
    }
}

async fn work(
    config: &Config,
    until: Until,
    stop: &CancellationToken,
    shared: Arc<Shared>,
) -> Result<Tally, RunError> {
    let folding = AbortOnDropHandle::new(tokio::spawn(fold_periodically(
        shared.store.clone(),
        stop.child_token(),
    )));
    let topics = Topics::new(Arc::clone(&shared), config);
    let starts = Starts::new(Arc::clone(&shared), until);
    let Ok(present) = topics.first(until, stop).await? else {
        return Ok(Tally::default());
    };
    // For all partitions, not only those of this instance: this fixes what "latest" means.
    if starts.settle(&present, &config.start_from, stop).await?.is_err() {
        return Ok(Tally::default());
    }
    let (owned, owned_now) = watch::channel(Vec::new());
    let mut workers = Workers::new(Arc::clone(&shared), stop.child_token(), owned);
    let within = config.pipeline.shutdown_timeout;
    match &config.group {
        Some(group) if until == Until::Stopped => {
            let (wanted, wanted_now) = watch::channel(Wanted::new());
            let (store, instance) = (shared.store.clone(), shared.store.instance());
            let settings = GroupSettings {
                protocol: config.group_protocol,
                assignors: config.group_assignors.clone(),
                session_timeout: config.session_timeout,
                rebalance_timeout: within + REBALANCE_MARGIN,
            };
            let topics = config.topics.clone();
            let member = shared.kafka.member(Arc::clone(group), instance, topics, settings);
            let telemetry = Arc::clone(&shared.telemetry);
            let membership = Membership::new(
                member,
                config.session_timeout,
                (store, telemetry),
                wanted,
                owned_now,
            );
            let leave = CancellationToken::new();
            let taking_part =
                AbortOnDropHandle::new(tokio::spawn(membership.take_part(leave.clone())));
            let worked = workers.work(wanted_now, &starts, until).await;
            workers.finish(within).await;
            leave.cancel();
            let took_part = taking_part.await;
            worked?;
            took_part.map_err(|_| RunError::WorkerFailed)??;
        }
        _ => {
            let chosen = topics.chosen(&present);
            shared.telemetry.begin(&Vec::from_iter(chosen.iter().cloned()));
            let (wanted, wanted_now) = watch::channel(chosen);
            let following = AbortOnDropHandle::new(tokio::spawn(topics.follow(wanted, until)));
            let worked = workers.work(wanted_now, &starts, until).await;
            drop(following);
            workers.finish(within).await;
            worked?;
        }
    }
    drop(folding);
    // It ended without being told to stop.
    if until == Until::Stopped && !stop.is_cancelled() {
        return Err(RunError::WorkerFailed);
    }
    Ok(workers.tally())
}

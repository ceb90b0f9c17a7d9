//! The state of a run, as the handlers of requests see it.

use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio_util::sync::CancellationToken;

use super::probes::Probes;
use crate::{
    kafka::{Kafka, Selection},
    order::Currency,
    registry::Registry,
    servers::Servers,
    store::Store,
    telemetry::Telemetry,
};

/// The shared state of the handlers. Cheap to clone.
#[derive(Clone)]
pub struct State(pub(super) Arc<Inner>);

/// Its parts.
pub(super) struct Inner {
    pub(super) kafka: Kafka,
    pub(super) store: Store,
    pub(super) registry: Option<Registry>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) topics: Selection,
    pub(super) currency: Currency,
    pub(super) stopping: CancellationToken,
    pub(super) started: Timestamp,
    pub(super) probes: Probes,
    /// Requests with wrong credentials.
    pub(super) wrong_passwords: Counter,
}

impl State {
    /// The state of a run that processes `topics` with these servers and reports to `telemetry`.
    /// Amounts are in `currency`. The run ends after `stopping` is cancelled.
    #[must_use]
    pub fn new(
        servers: Servers,
        telemetry: Arc<Telemetry>,
        topics: Selection,
        currency: Currency,
        stopping: CancellationToken,
    ) -> Self {
        let (started, probes) = (Timestamp::now(), Probes::default());
        let Servers { kafka, store, registry } = servers;
        Self(Arc::new(Inner {
            kafka,
            store,
            registry,
            telemetry,
            topics,
            currency,
            stopping,
            started,
            probes,
            wrong_passwords: Counter::default(),
        }))
    }

    /// The database, for queries.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The topics that are processed.
    #[must_use]
    pub fn topics(&self) -> &Selection {
        &self.0.topics
    }

    /// The currency of all amounts.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.0.currency
    }

    /// The telemetry of the run.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// Cancelled when the run stops: endless responses have to end then.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }
}

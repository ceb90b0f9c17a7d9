//! Tells whoever asks over HTTP how a run fares: [`metrics`] for Prometheus, [`health`] for whoever
//! keeps it alive, [`dashboard`] for whoever wants to see it.
//!
//! **Invariant:** nothing can be changed here. Whoever reaches the port may ask.

pub mod dashboard;
pub mod health;
pub mod metrics;
mod server;

use std::{io, sync::Arc};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    kafka::{Kafka, Selection},
    pipeline::Servers,
    registry::Registry,
    store::Store,
    telemetry::Telemetry,
};

use dashboard::Dashboard;
use health::Probes;

/// What the answers are made of. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    kafka: Kafka,
    store: Store,
    registry: Option<Registry>,
    telemetry: Arc<Telemetry>,
    topics: Selection,
    stopping: CancellationToken,
    started: Timestamp,
    probes: Probes,
}

impl State {
    /// Of a run that works `topics` with these servers, tells of itself in `telemetry`, and ends once
    /// `stopping` is cancelled.
    #[must_use]
    pub fn new(
        servers: Servers,
        telemetry: Arc<Telemetry>,
        topics: Selection,
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
            stopping,
            started,
            probes,
        }))
    }

    /// The database, for reading.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What the run has told so far.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// Cancelled once the run is told to stop: answers without an end have to end then.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }
}

/// Nobody can be served.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen at {address}: {cause}: choose another address for http.listen, or stop what \
     uses it"
)]
pub struct ListenError {
    address: String,
    cause: io::Error,
}

/// Takes the address `listen`, as `host:port`.
///
/// # Errors
/// [`ListenError`] if it is taken, or none of this machine's.
pub async fn bind(listen: &str) -> Result<TcpListener, ListenError> {
    let cannot = |cause| ListenError { address: listen.to_owned(), cause };
    TcpListener::bind(listen).await.map_err(cannot)
}

/// Answers until `stop` is cancelled, and lets answers under way finish for a second.
pub async fn serve(listener: TcpListener, state: State, stop: CancellationToken) {
    let _probing = AbortOnDropHandle::new(tokio::spawn(health::probe(state.clone())));
    let dashboard = Dashboard::new(state.clone());
    let keeping = dashboard.clone();
    let _keeping = AbortOnDropHandle::new(tokio::spawn(async move { keeping.keep_up().await }));
    server::serve(listener, router(state).merge(dashboard::routes(dashboard)), stop).await;
}

fn router(state: State) -> Router {
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .with_state(state)
}

/// An answer that holds for this moment alone, and is what it says it is.
fn fresh(content_type: &'static str, body: String) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, body)
}

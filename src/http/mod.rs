//! The HTTP server of `run`: [`metrics`] for Prometheus, [`health`] for supervisors and probes, and the
//! [`dashboard`].
//!
//! **Invariant:** the server is read-only. `access` controls which requests are answered.

mod access;
mod authority;
pub mod dashboard;
pub mod health;
mod hosts;
pub mod metrics;
mod origin;
mod password;
mod server;
pub mod settings;

use std::{io, sync::Arc};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
    response::IntoResponse,
    routing::get,
};
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    kafka::{Kafka, Selection},
    order::Currency,
    registry::Registry,
    servers::Servers,
    store::Store,
    telemetry::Telemetry,
};

use access::Access;
use dashboard::Dashboard;
use health::Probes;
use settings::Settings;

/// The shared state of the handlers. Cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    kafka: Kafka,
    store: Store,
    registry: Option<Registry>,
    telemetry: Arc<Telemetry>,
    topics: Selection,
    currency: Currency,
    stopping: CancellationToken,
    started: Timestamp,
    probes: Probes,
    /// Requests with wrong credentials.
    wrong_passwords: Counter,
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

/// The server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen at {address}: {cause}: choose another address for http.listen, or stop the \
     program that uses it"
)]
pub struct ListenError {
    address: String,
    cause: io::Error,
}

/// Binds to the address `listen`, as `host:port`.
///
/// # Errors
/// [`ListenError`] if it is in use, or is not an address of this machine.
pub async fn bind(listen: &str) -> Result<TcpListener, ListenError> {
    let cannot = |cause| ListenError { address: listen.to_owned(), cause };
    TcpListener::bind(listen).await.map_err(cannot)
}

/// Serves the requests that `settings` allow until `stop` is cancelled, then waits up to a second for
/// responses in progress.
pub async fn serve(
    listener: TcpListener,
    state: State,
    settings: &Settings,
    stop: CancellationToken,
) {
    let _probing = AbortOnDropHandle::new(tokio::spawn(health::probe(state.clone())));
    let dashboard = Dashboard::new(state.clone());
    let keeping = dashboard.clone();
    let _keeping = AbortOnDropHandle::new(tokio::spawn(async move { keeping.keep_up().await }));
    server::serve(listener, router(state, dashboard, settings), stop).await;
}

fn router(state: State, dashboard: Dashboard, settings: &Settings) -> Router {
    let access = Arc::new(Access::new(settings, state.0.wrong_passwords.clone()));
    let open = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .with_state(state.clone());
    // Everything else is guarded, including unknown paths.
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .with_state(state)
        .merge(dashboard::routes(dashboard))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(middleware::from_fn_with_state(access, access::guard))
        .merge(open)
}

/// A response that must not be cached, with a fixed content type.
fn fresh(content_type: &'static str, body: String) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, body)
}

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
mod probes;
mod response;
mod server;
pub mod settings;
mod state;

use std::{io, sync::Arc};

use axum::{Router, http::StatusCode, middleware, routing::get};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use access::Access;
use dashboard::Dashboard;
use settings::Settings;
pub use state::State;

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

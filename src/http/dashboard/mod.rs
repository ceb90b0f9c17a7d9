//! The dashboard at `/`: what was sold in a period, how fast orders come, and whether they are processed.
//!
//! The page is static. Server-sent events from `/events` bring the figures of the period that is looked
//! at: a snapshot of the run each second, and the sales when they have changed. PostgreSQL is only asked
//! while somebody looks.
//!
//! **Invariant:** nothing here changes anything: all routes answer GET and HEAD alone.
//!
//! **Invariant:** the page comes from this server alone, and names from a topic are never markup.

mod assets;
mod event;
mod fresh;
mod pace;
mod snapshot;
mod sold;
mod viewer;
mod viewing;
mod window;

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};

use assets::{ASSETS, text};
pub(super) use viewing::Dashboard;
use window::Window;

/// What every answer says to the browser: no scripts, styles or connections but of this server, no
/// frames around the page, nothing kept.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// The dashboard's routes.
pub(super) fn routes(dashboard: Dashboard) -> Router {
    let mut router = Router::new();
    for (path, media_type, content) in ASSETS {
        router = router.route(path, get(move || async move { text(media_type, content) }));
    }
    router
        .route("/events", get(events))
        .with_state(dashboard)
        .layer(middleware::map_response(guarded))
}

/// What a viewer asks for.
#[derive(Debug, serde::Deserialize)]
struct Wanted {
    #[serde(default)]
    period: Window,
}

async fn events(State(dashboard): State<Dashboard>, Query(wanted): Query<Wanted>) -> Response {
    match dashboard.viewer(wanted.period) {
        Some(viewer) => viewer.into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")]).into_response(),
    }
}

async fn guarded(mut response: Response) -> Response {
    response.headers_mut().extend(HEADERS.map(|(name, value)| (Some(name), value)));
    response
}

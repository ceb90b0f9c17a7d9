//! The dashboard at `/`: sales of a period, the rate of orders, and the state of processing.
//!
//! The page is static. Server-sent events from `/events` have the figures of the chosen period: a
//! snapshot of the run each second, and the sales when they have changed. PostgreSQL is queried only
//! while there are viewers.
//!
//! **Invariant:** the dashboard is read-only: all routes accept only GET and HEAD.
//!
//! **Invariant:** the page loads resources only from this server, and names from a topic are never
//! markup.

mod assets;
mod event;
mod fresh;
mod pace;
mod picture;
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

/// The headers of all responses: scripts, styles and connections only from this server, no framing,
/// no caching.
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

/// The query parameters of a viewer.
#[derive(Debug, serde::Deserialize)]
struct Parameters {
    #[serde(default)]
    period: Window,
}

async fn events(
    State(dashboard): State<Dashboard>,
    Query(parameters): Query<Parameters>,
) -> Response {
    match dashboard.viewer(parameters.period) {
        Some(viewer) => viewer.into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")]).into_response(),
    }
}

async fn guarded(mut response: Response) -> Response {
    response.headers_mut().extend(HEADERS.map(|(name, value)| (Some(name), value)));
    response
}

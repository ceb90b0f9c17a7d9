//! The dashboard at `/`: what products sell, how fast, and whether the work goes on.
//!
//! The page is static; what moves comes by server-sent events from `/events`, one snapshot a second,
//! the same for all who look. PostgreSQL is asked by one reader for all of them, and only while
//! somebody looks.
//!
//! **Invariant:** nothing here changes anything: all routes answer GET and HEAD alone.
//!
//! **Invariant:** the page comes from this server alone, and names from a topic are never markup.

mod assets;
mod chart;
mod pace;
mod sold;
mod viewing;

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};

use assets::{ASSETS, SVG, text};
use chart::{Measure, chart};
pub(super) use viewing::Dashboard;

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
        .route("/events", get(async |State(dashboard): State<Dashboard>| dashboard.events()))
        .route("/chart.svg", get(draw))
        .with_state(dashboard)
        .layer(middleware::map_response(guarded))
}

async fn draw(State(dashboard): State<Dashboard>, Query(measure): Query<Measure>) -> Response {
    match chart(&dashboard.history(), measure) {
        Some(svg) => text(SVG, svg),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn guarded(mut response: Response) -> Response {
    response.headers_mut().extend(HEADERS.map(|(name, value)| (Some(name), value)));
    response
}

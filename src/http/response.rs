//! Responses that must not be cached.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
};

/// A response that must not be cached, with a fixed content type.
pub(super) fn fresh(content_type: &'static str, body: String) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, body)
}

//! The page's files, which are part of the program.

use axum::{
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};

/// Path, media type and content of each.
pub(super) const ASSETS: [(&str, &str, &str); 9] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/assets/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/assets/main.js", JAVASCRIPT, include_str!("page/main.js")),
    ("/assets/chart.js", JAVASCRIPT, include_str!("page/chart.js")),
    ("/assets/numbers.js", JAVASCRIPT, include_str!("page/numbers.js")),
    ("/assets/stream.js", JAVASCRIPT, include_str!("page/stream.js")),
    ("/assets/tables.js", JAVASCRIPT, include_str!("page/tables.js")),
    ("/assets/texts.js", JAVASCRIPT, include_str!("page/texts.js")),
    ("/assets/icon.svg", SVG, include_str!("page/icon.svg")),
];

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
/// Also that of a drawn chart.
pub(super) const SVG: &str = "image/svg+xml";

/// Text of a media type.
pub(super) fn text(media_type: &'static str, content: impl IntoResponse) -> Response {
    ([(CONTENT_TYPE, media_type)], content).into_response()
}

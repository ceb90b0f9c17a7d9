//! The page's files, which are embedded in the program.

use axum::{
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};

/// The path, media type and content of each file.
pub(super) const ASSETS: [(&str, &str, &str); 16] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/assets/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/assets/bars.js", JAVASCRIPT, include_str!("page/bars.js")),
    ("/assets/decimals.js", JAVASCRIPT, include_str!("page/decimals.js")),
    ("/assets/elements.js", JAVASCRIPT, include_str!("page/elements.js")),
    ("/assets/figures.js", JAVASCRIPT, include_str!("page/figures.js")),
    ("/assets/dead-letters.js", JAVASCRIPT, include_str!("page/dead-letters.js")),
    ("/assets/main.js", JAVASCRIPT, include_str!("page/main.js")),
    ("/assets/numbers.js", JAVASCRIPT, include_str!("page/numbers.js")),
    ("/assets/period.js", JAVASCRIPT, include_str!("page/period.js")),
    ("/assets/rate.js", JAVASCRIPT, include_str!("page/rate.js")),
    ("/assets/reasons.js", JAVASCRIPT, include_str!("page/reasons.js")),
    ("/assets/stream.js", JAVASCRIPT, include_str!("page/stream.js")),
    ("/assets/tables.js", JAVASCRIPT, include_str!("page/tables.js")),
    ("/assets/texts.js", JAVASCRIPT, include_str!("page/texts.js")),
    ("/assets/icon.svg", SVG, include_str!("page/icon.svg")),
];

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A response with this media type.
pub(super) fn text(media_type: &'static str, content: impl IntoResponse) -> Response {
    ([(CONTENT_TYPE, media_type)], content).into_response()
}

#[cfg(test)]
mod tests {
    use super::ASSETS;
    use crate::order::Reason;

    #[test]
    fn the_page_is_small() {
        let bytes: usize = ASSETS.iter().map(|(_, _, content)| content.len()).sum();
        assert!(bytes < 150_000, "{bytes} bytes");
    }

    #[test]
    fn every_module_is_served_and_preloaded() {
        let (_, _, page) = ASSETS[0];
        for (path, _, content) in ASSETS.iter().filter(|(path, ..)| path.ends_with(".js")) {
            let named = page.contains(&format!("href=\"{path}\""))
                || page.contains(&format!("src=\"{path}\""));
            assert!(named, "{path}");
            for line in content.lines().filter(|line| line.starts_with("import ")) {
                let name = line.rsplit('"').nth(1).unwrap().replace("./", "/assets/");
                assert!(ASSETS.iter().any(|(path, ..)| *path == name), "{path}: {line}");
            }
        }
    }

    #[test]
    fn every_reason_is_explained() {
        let (_, _, reasons) =
            ASSETS.iter().find(|(path, ..)| path.ends_with("/reasons.js")).unwrap();
        for reason in Reason::ALL {
            assert_eq!(reasons.matches(&format!("\"{reason}\"")).count(), 1, "{reason}");
        }
    }
}

//! Detects requests from pages of other origins.

use axum::http::{HeaderMap, HeaderName, header::ORIGIN};

use super::authority::Authority;

/// Headers with a request's initiator, destination and mode (W3C, Fetch Metadata Request Headers),
/// which pages cannot change.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether a browser sent the request for a page with another origin than `host`. Following a link
/// does not count.
///
/// The rules are those of Go's `net/http.CrossOriginProtection`: `Sec-Fetch-Site` decides; without
/// it, as over plain HTTP from another machine, `Origin` must match the request; without both, the
/// request is not from a script of another page.
pub(super) fn is_cross_origin(headers: &HeaderMap, host: &Authority) -> bool {
    let has = |name: &HeaderName, value: &str| headers.get(name).is_some_and(|is| *is == value);
    if headers.contains_key(&SITE) {
        let is_own = has(&SITE, "same-origin") || has(&SITE, "none");
        let is_link = has(&MODE, "navigate") && has(&DESTINATION, "document");
        return !is_own && !is_link;
    }
    headers
        .get(ORIGIN)
        .is_some_and(|origin| !origin.to_str().is_ok_and(|origin| is_origin_of(origin, host)))
}

/// Whether `origin` (RFC 6454, 7) has the host and the port of `host`, with any scheme: TLS may end
/// at a proxy.
fn is_origin_of(origin: &str, host: &Authority) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let port = |port: Option<u16>| port.unwrap_or(default);
    Authority::parse(authority)
        .is_some_and(|own| own.host == host.host && port(own.port) == port(host.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(headers: &[(HeaderName, &'static str)]) -> bool {
        let host = Authority::parse("vendas.example:8080").unwrap();
        let headers = headers.iter().cloned();
        let headers = headers.map(|(name, value)| (name, value.parse().unwrap())).collect();
        is_cross_origin(&headers, &host)
    }

    #[test]
    fn requests_of_other_pages_are_distinguished_from_own_ones_and_links() {
        for site in ["cross-site", "same-site", "", "something new"] {
            assert!(is_refused(&[(SITE, site)]), "{site}");
            assert!(is_refused(&[(SITE, site), (MODE, "cors"), (DESTINATION, "empty")]), "{site}");
            // A frame navigates too.
            assert!(is_refused(&[(SITE, site), (MODE, "navigate"), (DESTINATION, "iframe")]));
            assert!(!is_refused(&[(SITE, site), (MODE, "navigate"), (DESTINATION, "document")]));
        }
        for site in ["same-origin", "none"] {
            assert!(!is_refused(&[(SITE, site), (ORIGIN, "https://other.example")]), "{site}");
        }
        assert!(!is_refused(&[]));
    }

    #[test]
    fn without_fetch_metadata_the_origin_has_to_be_the_requests() {
        for origin in ["http://vendas.example:8080", "https://VENDAS.example:8080"] {
            assert!(!is_refused(&[(ORIGIN, origin)]), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://vendas.example",
            "http://vendas.example:8081",
            "http://evil.example:8080",
            "ftp://vendas.example:8080",
        ] {
            assert!(is_refused(&[(ORIGIN, origin)]), "{origin}");
        }
        let behind_proxy = Authority::parse("vendas.example").unwrap();
        assert!(is_origin_of("https://vendas.example", &behind_proxy));
        assert!(is_origin_of("https://vendas.example:443", &behind_proxy));
        assert!(!is_origin_of("https://vendas.example:444", &behind_proxy));
    }
}

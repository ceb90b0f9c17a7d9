//! HTTP basic authentication (RFC 7617): the user and the password of `http.user` and
//! `http.password_file`.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use base64::{Engine, prelude::BASE64_STANDARD};
use prometheus_client::metrics::counter::Counter;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tracing::{field::display, warn};

use super::settings::Credentials;

/// The challenge for clients without the password.
pub(super) const CHALLENGE: HeaderValue =
    HeaderValue::from_static(r#"Basic realm="vendas", charset="UTF-8""#);

/// The time between two log lines about wrong passwords.
const LOG_EVERY: Duration = Duration::from_secs(60);

impl Credentials {
    /// Whether `headers` have this user and this password. The comparison takes constant time: it
    /// compares hashes, which have the same length.
    fn are_in(&self, headers: &HeaderMap) -> bool {
        let Some(given) = given(headers) else { return false };
        let expected = Sha256::new()
            .chain_update(&self.user)
            .chain_update(":")
            .chain_update(self.password.current().expose_secret())
            .finalize();
        let given = Sha256::digest(given);
        expected.as_slice().ct_eq(given.as_slice()).into()
    }
}

/// `user:password` from the client; `None` if it is not basic authentication.
fn given(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, encoded) = only.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    BASE64_STANDARD.decode(encoded.trim_matches(' ')).ok()
}

/// Verifies credentials and counts wrong ones.
#[derive(Debug)]
pub(super) struct Password {
    credentials: Credentials,
    wrong: Counter,
    /// When the last line was logged, and the number of wrong requests since.
    logged: Mutex<(Option<Instant>, u64)>,
}

impl Password {
    /// `wrong` counts the requests with wrong credentials.
    pub(super) fn new(credentials: Credentials, wrong: Counter) -> Self {
        Self { credentials, wrong, logged: Mutex::default() }
    }

    /// Whether a request with `headers` from `client` is allowed. A request without credentials is
    /// not counted as wrong: browsers send one first.
    pub(super) fn allows(&self, headers: &HeaderMap, client: Option<SocketAddr>) -> bool {
        let allowed = self.credentials.are_in(headers);
        if !allowed && headers.contains_key(AUTHORIZATION) {
            self.wrong.inc();
            if let Some(requests) = self.due(Instant::now()) {
                let client = client.map(display);
                warn!(
                    client,
                    requests, "wrong user or password for the HTTP server, see http.user"
                );
            }
        }
        allowed
    }

    /// Counts a wrong request; if a log line is due, returns the number of requests since the last.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, requests) = &mut *logged;
        *requests += 1;
        if last.is_some_and(|last| now.saturating_duration_since(last) < LOG_EVERY) {
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(requests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn password() -> Password {
        let secret = Secret::from(secrecy::SecretString::from("pass:wörd".to_owned()));
        let credentials = Credentials { user: "Ana".to_owned(), password: secret };
        Password::new(credentials, Counter::default())
    }

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(text))
    }

    #[test]
    fn only_the_user_with_the_password_is_allowed() {
        let password = password();
        let right = basic("Ana:pass:wörd");
        for value in [&right, &right.replace("Basic", "bASIC"), &right.replace(' ', "   ")] {
            assert!(password.allows(&headers(&[value]), None), "{value}");
        }
        assert!(!password.allows(&HeaderMap::new(), None));
        assert_eq!(password.wrong.get(), 0);
        let wrong = [
            basic("ana:pass:wörd"),
            basic("Ana:pass:word"),
            basic("Ana:pass:wörd "),
            basic("Ana:pass"),
            basic("Anapass:wörd"),
            basic("Ana"),
            basic(":"),
            basic(""),
            "Basic".to_owned(),
            "Basic *".to_owned(),
            right.replace("Basic", "Bearer"),
            right.replace(' ', ""),
        ];
        for value in &wrong {
            assert!(!password.allows(&headers(&[value]), None), "{value}");
        }
        assert!(!password.allows(&headers(&[&right, &right]), None));
        assert_eq!(usize::try_from(password.wrong.get()).unwrap(), wrong.len() + 1);
    }

    #[test]
    fn one_log_line_per_minute_counts_all_wrong_requests() {
        let (password, start) = (password(), Instant::now());
        let after = |seconds| password.due(start + Duration::from_secs(seconds));
        assert_eq!(
            [after(0), after(1), after(59), after(60), after(61)],
            [Some(1), None, None, Some(3), None]
        );
    }
}

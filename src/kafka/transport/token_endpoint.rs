//! Requests tokens from an OAuth 2.0 server with client credentials (RFC 6749, 4.4).

use std::{fmt, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    http_client::{self, Address, Failure, HttpClient, Response},
    secret::Secret,
    tls::{Remedies, Tls},
};

const REMEDIES: Remedies = Remedies {
    authorities: "kafka.sasl.oauth.ca_file",
    certificate: "kafka.sasl.oauth.cert_file",
    host: "kafka.sasl.oauth.token_url",
    without: "kafka.sasl.oauth.token_url to http://",
};

/// Characters that are not encoded in a form (RFC 3986, 2.3). Servers that do not decode the user
/// and the password of basic authentication, as RFC 6749 (2.3.1) requires, still understand these.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The maximum length of a server's text in a message, in characters.
const MAX_DESCRIPTION: usize = 200;

/// A token endpoint and its credentials.
#[derive(Debug)]
pub struct TokenEndpoint {
    address: Address,
    client_id: String,
    client_secret: Secret,
    scope: Option<String>,
    http: HttpClient,
}

/// A granted token.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) token: SecretString,
    /// Its lifetime from the time of the request, if the server returns it.
    pub(super) life: Option<Duration>,
}

impl TokenEndpoint {
    /// `tls` is required if `address` begins with `https`.
    #[must_use]
    pub const fn new(
        address: Address,
        client_id: String,
        client_secret: Secret,
        scope: Option<String>,
        tls: Option<Tls>,
    ) -> Self {
        let http = HttpClient::new(tls, &REMEDIES);
        Self { address, client_id, client_secret, scope, http }
    }

    /// Sends one request, without a deadline.
    ///
    /// # Errors
    /// The predicate of a sentence about the endpoint.
    pub(super) async fn fetch(&self) -> Result<Granted, Failure> {
        let unusable = |error: &dyn fmt::Display| {
            Failure::NeedsAttention(format!("cannot be contacted: {error}"))
        };
        let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let secret = self.client_secret.current();
        let secret = SecretString::from(encoded(secret.expose_secret()));
        let authorization = http_client::basic(&encoded(&self.client_id), &secret)
            .map_err(|error| unusable(&error))?;
        let mut form = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.scope {
            form.push_str("&scope=");
            form.push_str(&encoded(scope));
        }
        let request = Request::builder()
            .method(Method::POST)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(AUTHORIZATION, authorization)
            .body(Full::from(form))
            .map_err(|error| unusable(&error))?;
        let response = self.http.send(&self.address, "", request).await?;
        match response.status {
            StatusCode::OK => granted(&response.body).map_err(Failure::Transient),
            status if status.is_redirection() => {
                let (to, key) = (response.redirect(), REMEDIES.host);
                Err(Failure::NeedsAttention(format!(
                    "redirects{to}: set {key} to the final address"
                )))
            }
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Failure::NeedsAttention(self.refusal(&response)))
            }
            status => Err(Failure::Transient(format!("answers {status}"))),
        }
    }

    /// The error of the server (RFC 6749, 5.2), and the remedy.
    fn refusal(&self, response: &Response) -> String {
        #[derive(Default, Deserialize)]
        struct Refusal {
            error: String,
            #[serde(default)]
            error_description: String,
        }
        let Refusal { error, error_description } =
            serde_json::from_slice(&response.body).unwrap_or_default();
        let text = [&*error, &*error_description].join(" ");
        let text: String = text.trim().chars().take(MAX_DESCRIPTION).collect();
        let text = if text.is_empty() { response.status.to_string() } else { printable(&text) };
        let remedy = match &*error {
            "invalid_scope" => "check kafka.sasl.oauth.scope",
            "unauthorized_client" | "unsupported_grant_type" => {
                "allow the grant type client_credentials for this client"
            }
            _ => "check it, kafka.sasl.oauth.client_secret and kafka.sasl.oauth.scope",
        };
        format!("rejects kafka.sasl.oauth.client_id {:?} ({text}): {remedy}", self.client_id)
    }
}

/// Shows its address.
impl fmt::Display for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// A successful response (RFC 6749, 5.1).
fn granted(body: &[u8]) -> Result<Granted, String> {
    #[derive(Deserialize)]
    struct Success {
        access_token: String,
        #[serde(default)]
        token_type: Option<String>,
        #[serde(default)]
        expires_in: Value,
    }
    let invalid = || format!("returned an invalid token response: check {}", REMEDIES.host);
    let success: Success = serde_json::from_slice(body).map_err(|_| invalid())?;
    let kind = success.token_type.as_deref().unwrap_or("Bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(format!("returned a token of type {:?}, must be Bearer", printable(kind)));
    }
    let token = success.access_token;
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid());
    }
    // Some servers return it as a string.
    let life = match &success.expires_in {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    // Lifetimes of more than a year need not be exact.
    let life = life.map(|seconds| Duration::from_secs(seconds.min(365 * 24 * 3600)));
    Ok(Granted { token: token.into(), life })
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_response_with_a_token_is_accepted() {
        let life = |body: &str| granted(body.as_bytes()).map(|granted| granted.life);
        let seconds = |seconds| Ok(Some(Duration::from_secs(seconds)));
        let ours = r#"{"access_token": "a.b.c", "token_type": "bearer", "expires_in": 3600}"#;
        assert_eq!(life(ours), seconds(3600));
        assert_eq!(life(r#"{"access_token": "a", "expires_in": "60"}"#), seconds(60));
        assert_eq!(life(r#"{"access_token": "a"}"#), Ok(None));
        assert_eq!(life(r#"{"access_token": "a", "expires_in": -1}"#), Ok(None));
        for invalid in
            ["", "<html>", "{}", r#"{"access_token": ""}"#, r#"{"access_token": "\u0001"}"#]
        {
            assert!(life(invalid).unwrap_err().contains("check kafka.sasl.oauth.token_url"));
        }
        let other = r#"{"access_token": "a", "token_type": "DPoP"}"#;
        assert!(life(other).unwrap_err().contains("\"DPoP\", must be Bearer"));
    }
}

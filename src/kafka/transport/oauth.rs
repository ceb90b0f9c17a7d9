//! Tokens for OAUTHBEARER (RFC 7628, KIP-255, KIP-768), from a token endpoint or from a file.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, timeout_at},
};
use tracing::{debug, warn};

use crate::{
    http_client::Failure,
    kafka::transport::{
        error::CallError,
        token_endpoint::{Granted, TokenEndpoint},
    },
    secret::Secret,
};

/// How often a failed renewal is retried while the current token is valid.
const RETRY_AFTER: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(30);

/// The source of tokens, and the extensions sent with them. Clones share the cached token.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// The source of tokens.
    pub source: TokenSource,
    /// SASL extensions (KIP-342), names and values, such as Confluent Cloud's `logicalCluster`.
    pub extensions: Vec<(String, String)>,
}

/// The source of tokens.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// A file, read for each new connection: Kubernetes renews the tokens of service accounts.
    File(Secret),
    /// An OAuth 2.0 server.
    Endpoint(Arc<Tokens>),
}

/// Tokens from a token endpoint: fetched when first needed, shared by all connections, and renewed
/// when a connection is opened after 80 % of their lifetime.
#[derive(Debug)]
pub struct Tokens {
    endpoint: TokenEndpoint,
    cache: AsyncMutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    held: Option<Held>,
    /// The end and the error of the last attempt, if it failed.
    failed: Option<(Instant, Failure)>,
}

#[derive(Debug)]
struct Held {
    token: SecretString,
    renew_at: Instant,
    ends: Instant,
}

impl Held {
    fn new(granted: Granted, asked: Instant) -> Self {
        // The earlier of both, since lifetimes are in whole seconds. A token without a lifetime is
        // used for one connection.
        let said = [granted.life, remaining_life(&granted.token)];
        let life = said.into_iter().flatten().min().unwrap_or_default();
        let (renew_at, ends) = (asked + life - life / 5, asked + life);
        Self { token: granted.token, renew_at, ends }
    }
}

impl TokenSource {
    /// A token for one new connection.
    pub(super) async fn token(&self, deadline: Instant) -> Result<SecretString, CallError> {
        match self {
            Self::File(file) => Ok(file.current()),
            Self::Endpoint(tokens) => tokens.token(deadline).await,
        }
    }

    /// Discards `token` after a broker rejected it.
    pub(super) async fn refused(&self, token: &SecretString) {
        if let Self::Endpoint(tokens) = self {
            let mut cache = tokens.cache.lock().await;
            let is_same = |held: &mut Held| held.token.expose_secret() == token.expose_secret();
            drop(cache.held.take_if(is_same));
        }
    }
}

/// `with a token from https://…`
impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => f.write_str("with the token in kafka.sasl.oauth.token_file"),
            Self::Endpoint(tokens) => write!(f, "with a token from {}", tokens.endpoint),
        }
    }
}

impl Tokens {
    /// Sends no request yet.
    #[must_use]
    pub fn new(endpoint: TokenEndpoint) -> Self {
        Self { endpoint, cache: AsyncMutex::default() }
    }

    /// A valid token. If there is none, at least half of the time until `deadline` is left.
    async fn token(&self, deadline: Instant) -> Result<SecretString, CallError> {
        let asked = Instant::now();
        let deadline = asked + deadline.saturating_duration_since(asked) / 2;
        let late = || Failure::Transient("timed out".to_owned());
        let Ok(mut cache) = timeout_at(deadline, self.cache.lock()).await else {
            return Err(self.explain(late()));
        };
        let now = Instant::now();
        let held = cache.held.as_ref().filter(|held| now < held.ends);
        if let Some(held) = held {
            let pause = (held.ends - held.renew_at) / 10;
            let pause = pause.clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end());
            let has_just_failed = cache.failed.as_ref().is_some_and(|(at, _)| now < *at + pause);
            if now < held.renew_at || has_just_failed {
                return Ok(held.token.clone());
            }
        } else if let Some((at, failure)) = &cache.failed
            && *at >= asked
        {
            // A caller that waited for another's attempt uses its result.
            return Err(self.explain(failure.clone()));
        }
        let fetched = timeout_at(deadline, self.endpoint.fetch()).await;
        let failure = match fetched.unwrap_or_else(|_| Err(late())) {
            Ok(granted) => {
                debug!(life = ?granted.life, "fetched a token");
                let held = Held::new(granted, now);
                let token = held.token.clone();
                *cache = Cache { held: Some(held), failed: None };
                return Ok(token);
            }
            Err(failure) => failure,
        };
        let error = self.explain(failure.clone());
        let is_first = cache.failed.replace((Instant::now(), failure)).is_none();
        let held = cache.held.as_ref().filter(|held| Instant::now() < held.ends);
        let Some(held) = held else { return Err(error) };
        if is_first {
            warn!(%error, "cannot renew the token, the current one is used until it expires");
        }
        Ok(held.token.clone())
    }

    /// The message's subject is the broker.
    fn explain(&self, failure: Failure) -> CallError {
        let message =
            |text| format!("needs a token, but the token endpoint {} {text}", self.endpoint);
        match failure {
            Failure::Transient(text) => CallError::Broken(message(text)),
            Failure::NeedsAttention(text) => CallError::Denied(message(text)),
        }
    }
}

/// The remaining lifetime of a JWT (RFC 7519) by this machine's clock; zero if it has expired.
/// `None` if it has no expiry time.
pub(super) fn remaining_life(token: &SecretString) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
    }
    let claims = token.expose_secret().split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let Claims { exp } = serde_json::from_slice(&claims).ok()?;
    let now = SystemTime::UNIX_EPOCH.elapsed().ok()?;
    Some(Duration::from_secs(exp).saturating_sub(now))
}

#[cfg(test)]
mod tests;

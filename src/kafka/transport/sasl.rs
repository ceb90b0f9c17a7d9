//! SASL authentication (KIP-43, KIP-152).
//!
//! rskafka has this too, but does not return the broker's error and its mechanisms.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest},
    protocol::StrBytes,
};
use rsasl::{
    callback::{Context, Request, SessionCallback, SessionData},
    mechname::Mechname,
    prelude::{SASLClient, SASLConfig, SASLError, SessionError},
    property::{OAuthBearerKV, OAuthBearerToken},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::kafka::transport::{
    access::{Login, Mechanism, Sasl},
    connection::Connection,
    error::CallError,
    oauth::{OAuth, TokenSource, remaining_life},
};

/// The allowed SCRAM iterations: the minimum of Apache Kafka's client, so that a rogue broker
/// cannot get a proof that is easy to crack; and the maximum of librdkafka, to limit the CPU time.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// Provides the token to the SASL library.
struct Bearer {
    token: SecretString,
    extensions: Vec<(String, String)>,
}

impl SessionCallback for Bearer {
    fn callback(
        &self,
        _session: &SessionData,
        _context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        let extensions: Vec<_> =
            self.extensions.iter().map(|(name, value)| (&**name, &**value)).collect();
        request
            .satisfy::<OAuthBearerKV>(&extensions)?
            .satisfy::<OAuthBearerToken>(self.token.expose_secret())?;
        Ok(())
    }
}

impl Sasl {
    /// Has to be called directly after the negotiation of versions. Returns the expiry time of the
    /// authentication, if there is one.
    pub(in crate::kafka) async fn authenticate(
        &self,
        connection: &Connection,
        deadline: Instant,
    ) -> Result<Option<Instant>, CallError> {
        self.negotiate(connection, deadline).await?;
        match self {
            Self::Plain(login) | Self::ScramSha256(login) | Self::ScramSha512(login) => {
                let (user, password) = (login.user.clone(), login.password.current());
                let password = password.expose_secret().to_owned();
                let config = SASLConfig::with_credentials(None, user, password);
                self.exchange(config.map_err(unusable)?, connection, deadline).await.map_err(
                    |refusal| refusal.explain(|detail| self.refusal_of_password(login, &detail)),
                )
            }
            Self::OAuthBearer(OAuth { source, extensions }) => {
                let token = source.token(deadline).await?;
                let bearer = Bearer { token: token.clone(), extensions: extensions.clone() };
                let config = SASLConfig::builder().with_defaults().with_callback(bearer);
                let result = self.exchange(config.map_err(unusable)?, connection, deadline).await;
                if let Err(Refusal::Rejected(_)) = &result {
                    source.refused(&token).await;
                }
                result.map_err(|refusal| {
                    refusal.explain(|detail| refusal_of_token(source, &token, &detail))
                })
            }
        }
    }

    async fn exchange(
        &self,
        config: Arc<SASLConfig>,
        connection: &Connection,
        deadline: Instant,
    ) -> Result<Option<Instant>, Refusal> {
        let name = Mechname::parse(self.mechanism().name().as_bytes())
            .map_err(|error| denied(error.to_string()))?;
        let mut session = SASLClient::new(config).start_suggested(&[name]).map_err(unusable)?;
        let mut received: Option<Bytes> = None;
        let mut expires = None;
        loop {
            match (self, received.as_deref()) {
                (Self::OAuthBearer(_), Some(refusal)) if !refusal.is_empty() => {
                    // The broker then ends the exchange as after any failure (RFC 7628, 3.2.3).
                    send(connection, vec![1], deadline).await?;
                    return Err(Refusal::Rejected(String::new()));
                }
                (_, Some(received)) => self.bound_iterations(received)?,
                (_, None) => {}
            }
            let mut message = Vec::new();
            let state = session
                .step(received.as_deref(), &mut message)
                .map_err(|error| self.distrust(&error))?;
            if state.has_sent_message() {
                let sent = Instant::now();
                let answer = send(connection, message, deadline).await?;
                let lifetime = u64::try_from(answer.session_lifetime_ms).unwrap_or_default();
                // Messages sent just before that may arrive later.
                let lifetime = Duration::from_millis(lifetime - lifetime / 5);
                expires = (!lifetime.is_zero()).then(|| sent + lifetime);
                received = Some(answer.auth_bytes);
            }
            if state.is_finished() {
                return Ok(expires);
            }
            if !state.has_sent_message() {
                return Err(denied("did not complete the authentication".to_owned()).into());
            }
        }
    }

    /// Negotiates the mechanism.
    async fn negotiate(&self, connection: &Connection, deadline: Instant) -> Result<(), CallError> {
        let wanted = self.mechanism();
        let request = SaslHandshakeRequest::default()
            .with_mechanism(StrBytes::from_static_str(wanted.name()));
        let answer = connection.call(request, deadline).await?;
        match ResponseError::try_from_code(answer.error_code) {
            None => Ok(()),
            Some(ResponseError::UnsupportedSaslMechanism) => {
                let offered: Vec<_> = answer.mechanisms.iter().map(StrBytes::as_str).collect();
                let offered = offered.join(", ");
                let known = Mechanism::ALL.map(Mechanism::name).join(", ");
                Err(denied(format!(
                    "supports SASL {offered}, but not {wanted}: set kafka.sasl.mechanism to one that \
                     the broker and vendas ({known}) support"
                )))
            }
            Some(ResponseError::IllegalSaslState) => Err(denied(
                "does not support SASL at this port: use another port, or remove kafka.sasl"
                    .to_owned(),
            )),
            Some(error) => Err(CallError::Broken(format!("SaslHandshake: {error}"))),
        }
    }

    /// SCRAM's first response has the number of iterations, as `i=`.
    fn bound_iterations(&self, received: &[u8]) -> Result<(), CallError> {
        let asked = received
            .split(|byte| *byte == b',')
            .find_map(|attribute| std::str::from_utf8(attribute.strip_prefix(b"i=")?).ok());
        match asked.map(str::parse) {
            Some(Ok(asked)) if !ITERATIONS.contains(&asked) => Err(denied(format!(
                "requires {asked} SCRAM iterations, must be {} to {}: change the user's {} credential \
                 in Kafka",
                ITERATIONS.start(),
                ITERATIONS.end(),
                self.mechanism(),
            ))),
            _ => Ok(()),
        }
    }

    /// The error for an invalid message from the broker.
    fn distrust(&self, error: &SessionError) -> CallError {
        match self {
            Self::Plain(login) | Self::ScramSha256(login) | Self::ScramSha512(login) => {
                denied(format!(
                    "failed the verification by SCRAM for user {:?} ({error}): check that \
                     kafka.brokers names the right servers",
                    login.user
                ))
            }
            Self::OAuthBearer(_) => denied(invalid_message(error)),
        }
    }

    fn refusal_of_password(&self, login: &Login, detail: &str) -> String {
        format!(
            "rejects kafka.sasl.user {:?}: check it, kafka.sasl.password and kafka.sasl.mechanism\
             {detail}",
            login.user
        )
    }
}

fn refusal_of_token(source: &TokenSource, token: &SecretString, detail: &str) -> String {
    let (what, remedy) = match source {
        TokenSource::File(_) => (
            "rejects the token in kafka.sasl.oauth.token_file",
            "check the program that writes the file",
        ),
        TokenSource::Endpoint(_) => {
            ("rejects the token for kafka.sasl.oauth.client_id", "check kafka.sasl.oauth.scope")
        }
    };
    let expired = match remaining_life(token) {
        Some(Duration::ZERO) => "it has expired: ",
        _ => "",
    };
    format!(
        "{what}: {expired}{remedy}, and check that the token's issuer, audience and times match the \
         broker's sasl.oauthbearer.* settings, see the broker's log{detail}"
    )
}

/// Why an exchange failed.
enum Refusal {
    /// The broker rejected the credentials, with this message.
    Rejected(String),
    Other(CallError),
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::Other(error)
    }
}

impl Refusal {
    /// `message` builds the message, with the broker's text at the end.
    fn explain(self, message: impl FnOnce(String) -> String) -> CallError {
        match self {
            Self::Rejected(detail) => denied(message(detail)),
            Self::Other(error) => error,
        }
    }
}

async fn send(
    connection: &Connection,
    message: Vec<u8>,
    deadline: Instant,
) -> Result<SaslAuthenticateResponse, Refusal> {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(message.into());
    let answer = connection.call(request, deadline).await?;
    match ResponseError::try_from_code(answer.error_code) {
        None => Ok(answer),
        Some(ResponseError::SaslAuthenticationFailed) => {
            let detail = answer.error_message.map(|message| format!(" ({message})"));
            Err(Refusal::Rejected(detail.unwrap_or_default()))
        }
        Some(error) => Err(CallError::Broken(format!("SaslAuthenticate: {error}")).into()),
    }
}

fn unusable(error: SASLError) -> CallError {
    denied(invalid_message(&error))
}

fn invalid_message(error: &impl fmt::Display) -> String {
    format!("sent an invalid SASL message ({error}): see the broker's log")
}

const fn denied(cause: String) -> CallError {
    CallError::Denied(cause)
}

//! Proves to a broker who we are (KIP-43, KIP-152).
//!
//! rskafka has this too, but keeps to itself why a broker refuses and which mechanisms it offers.

use std::{sync::Arc, time::Duration};

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
    connection::{CallError, Connection},
    oauth::{OAuth, TokenSource, remaining_life},
};

/// How often a password is hashed: the least that Apache Kafka's own client takes, so that a false
/// broker gets no proof that is guessed quickly; the most that librdkafka takes, so that it does not
/// keep us busy for ever.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// Answers the library's questions about a token.
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
    /// Has to be the first thing on a connection, behind the exchange of versions. Returns until when
    /// that holds, if it does not for good.
    pub(in crate::kafka) async fn authenticate(
        &self,
        connection: &Connection,
        deadline: Instant,
    ) -> Result<Option<Instant>, CallError> {
        self.agree(connection, deadline).await?;
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
                if let Err(Refusal::OfUs(_)) = &result {
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
                    // Which makes the broker end it as it ends every refusal (RFC 7628, 3.2.3).
                    send(connection, vec![1], deadline).await?;
                    return Err(Refusal::OfUs(String::new()));
                }
                (_, Some(received)) => self.bound_iterations(received)?,
                (_, None) => {}
            }
            let mut message = Vec::new();
            let state = session
                .step(received.as_deref(), &mut message)
                .map_err(|error| self.distrust(&error))?;
            if state.has_sent_message() {
                let answer = send(connection, message, deadline).await?;
                let lifetime = u64::try_from(answer.session_lifetime_ms).unwrap_or_default();
                // What is sent just before that may arrive behind it.
                let lifetime = Duration::from_millis(lifetime - lifetime / 5);
                expires = (!lifetime.is_zero()).then(|| Instant::now() + lifetime);
                received = Some(answer.auth_bytes);
            }
            if state.is_finished() {
                return Ok(expires);
            }
            if !state.has_sent_message() {
                return Err(denied("neither believes nor refuses us".to_owned()).into());
            }
        }
    }

    /// Agrees on the mechanism.
    async fn agree(&self, connection: &Connection, deadline: Instant) -> Result<(), CallError> {
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
                    "takes SASL {offered} and not {wanted}: set kafka.sasl.mechanism to one of \
                     these that is known here too ({known})"
                )))
            }
            Some(ResponseError::IllegalSaslState) => Err(denied(
                "wants no SASL at this port: take the port that does, or leave kafka.sasl out"
                    .to_owned(),
            )),
            Some(error) => Err(CallError::Broken(format!("SaslHandshake: {error}"))),
        }
    }

    /// SCRAM's first answer says how often the password is to be hashed, as `i=`.
    fn bound_iterations(&self, received: &[u8]) -> Result<(), CallError> {
        let asked = received
            .split(|byte| *byte == b',')
            .find_map(|attribute| std::str::from_utf8(attribute.strip_prefix(b"i=")?).ok());
        match asked.map(str::parse) {
            Some(Ok(asked)) if !ITERATIONS.contains(&asked) => Err(denied(format!(
                "wants the password hashed {asked} times, must be {} to {}: change the user's \
                 {} credential there",
                ITERATIONS.start(),
                ITERATIONS.end(),
                self.mechanism(),
            ))),
            _ => Ok(()),
        }
    }

    /// The broker's turn in the exchange was wrong.
    fn distrust(&self, error: &SessionError) -> CallError {
        match self {
            Self::Plain(login) | Self::ScramSha256(login) | Self::ScramSha512(login) => {
                denied(format!(
                    "does not prove that it knows the password of {:?} ({error}): is it the right \
                     broker?",
                    login.user
                ))
            }
            Self::OAuthBearer(_) => denied(format!("cannot be told who we are: {error}")),
        }
    }

    fn refusal_of_password(&self, login: &Login, detail: &str) -> String {
        format!(
            "refuses kafka.sasl.user {:?}: check it, kafka.sasl.password and kafka.sasl.mechanism\
             {detail}",
            login.user
        )
    }
}

fn refusal_of_token(source: &TokenSource, token: &SecretString, detail: &str) -> String {
    let (what, remedy) = match source {
        TokenSource::File(_) => {
            ("refuses the token in kafka.sasl.oauth.token_file", "check what writes that file")
        }
        TokenSource::Endpoint(_) => {
            ("refuses the token for kafka.sasl.oauth.client_id", "check kafka.sasl.oauth.scope")
        }
    };
    let expired = match remaining_life(token) {
        Some(Duration::ZERO) => "it has expired: ",
        _ => "",
    };
    format!(
        "{what}: {expired}{remedy}, and that its issuer, audience and times are those that \
         the broker's sasl.oauthbearer.* settings ask for, which its log may name{detail}"
    )
}

/// Why an exchange came to nothing.
enum Refusal {
    /// The broker does not believe who we are; what it said.
    OfUs(String),
    Other(CallError),
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::Other(error)
    }
}

impl Refusal {
    /// `told` says it of us, with what the broker said behind it.
    fn explain(self, told: impl FnOnce(String) -> String) -> CallError {
        match self {
            Self::OfUs(detail) => denied(told(detail)),
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
            Err(Refusal::OfUs(detail.unwrap_or_default()))
        }
        Some(error) => Err(CallError::Broken(format!("SaslAuthenticate: {error}")).into()),
    }
}

fn unusable(error: SASLError) -> CallError {
    denied(format!("cannot be told who we are: {error}"))
}

const fn denied(cause: String) -> CallError {
    CallError::Denied(cause)
}

//! Proves to a broker who we are (KIP-43, KIP-152).
//!
//! rskafka has this too, but keeps to itself why a broker refuses and which mechanisms it offers.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest},
    protocol::StrBytes,
};
use rsasl::{
    mechname::Mechname,
    prelude::{SASLClient, SASLConfig, SASLError, SessionError},
};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::kafka::transport::{
    access::{Mechanism, Sasl},
    connection::{CallError, Connection},
};

/// How often a password is hashed: the least that Apache Kafka's own client takes, so that a false
/// broker gets no proof that is guessed quickly; the most that librdkafka takes, so that it does not
/// keep us busy for ever.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

impl Sasl {
    /// Has to be the first thing on a connection, behind the exchange of versions. Returns until when
    /// that holds, if it does not for good.
    pub(in crate::kafka) async fn authenticate(
        &self,
        connection: &Connection,
        deadline: Instant,
    ) -> Result<Option<Instant>, CallError> {
        self.agree(connection, deadline).await?;
        let (user, password) = (self.user.clone(), self.password.expose_secret().to_owned());
        let unusable = |error: SASLError| denied(format!("cannot be told who we are: {error}"));
        let config = SASLConfig::with_credentials(None, user, password).map_err(unusable)?;
        let name = Mechname::parse(self.mechanism.name().as_bytes())
            .map_err(|error| denied(error.to_string()))?;
        let mut session = SASLClient::new(config).start_suggested(&[name]).map_err(unusable)?;
        let mut received: Option<Bytes> = None;
        let mut expires = None;
        loop {
            if let Some(received) = received.as_deref() {
                self.bound_iterations(received)?;
            }
            let mut message = Vec::new();
            let state = session
                .step(received.as_deref(), &mut message)
                .map_err(|error| self.distrust(&error))?;
            if state.has_sent_message() {
                let answer = self.send(connection, message, deadline).await?;
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
                return Err(denied("neither believes nor refuses us".to_owned()));
            }
        }
    }

    /// Agrees on the mechanism.
    async fn agree(&self, connection: &Connection, deadline: Instant) -> Result<(), CallError> {
        let wanted = self.mechanism;
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

    async fn send(
        &self,
        connection: &Connection,
        message: Vec<u8>,
        deadline: Instant,
    ) -> Result<SaslAuthenticateResponse, CallError> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(message.into());
        let answer = connection.call(request, deadline).await?;
        match ResponseError::try_from_code(answer.error_code) {
            None => Ok(answer),
            Some(ResponseError::SaslAuthenticationFailed) => {
                let detail = answer.error_message.map(|message| format!(" ({message})"));
                Err(denied(format!(
                    "refuses kafka.sasl.user {:?}: check it, kafka.sasl.password and \
                     kafka.sasl.mechanism{}",
                    self.user,
                    detail.unwrap_or_default(),
                )))
            }
            Some(error) => Err(CallError::Broken(format!("SaslAuthenticate: {error}"))),
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
                self.mechanism,
            ))),
            _ => Ok(()),
        }
    }

    /// The broker's turn in the exchange was wrong.
    fn distrust(&self, error: &SessionError) -> CallError {
        denied(format!(
            "does not prove that it knows the password of {:?} ({error}): is it the right broker?",
            self.user
        ))
    }
}

const fn denied(cause: String) -> CallError {
    CallError::Denied(cause)
}

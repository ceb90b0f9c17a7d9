//! Requests to the registry over HTTP.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;

use super::{
    answer::{self, Answer},
    error::RegistryError,
    settings::Settings,
};
use crate::{
    format::SchemaId,
    http_client::{self, Address, Failure, HttpClient},
    secret::Secret,
    tls::Remedies,
};

const REMEDIES: Remedies = Remedies {
    authorities: "registry.ca_file",
    certificate: "registry.cert_file",
    host: "registry.url",
    without: "registry.url to http://",
};

/// The path of the schema with this id.
pub(super) fn path_of_id(id: SchemaId) -> String {
    format!("/schemas/ids/{id}")
}

/// The path of a version of a subject.
pub(super) fn path_of_subject(subject: &str, version: &str) -> String {
    let subject = utf8_percent_encode(subject, NON_ALPHANUMERIC);
    format!("/subjects/{subject}/versions/{version}")
}

/// An HTTP client of the registry.
#[derive(Debug)]
pub(super) struct Client {
    addresses: Vec<Address>,
    credentials: Option<(String, Secret)>,
    http: HttpClient,
    timeout: Duration,
    /// The address that answered last.
    answering: AtomicUsize,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            addresses: settings.addresses.clone(),
            credentials: settings.credentials.clone(),
            http: HttpClient::new(settings.tls.clone(), &REMEDIES),
            timeout: settings.timeout,
            answering: AtomicUsize::new(0),
        }
    }

    pub(super) fn opened(&self) -> u64 {
        self.http.opened()
    }

    /// The address that answered last; at first, the first one.
    pub(super) fn answering(&self) -> Option<&Address> {
        self.addresses.get(self.answering.load(Ordering::Relaxed))
    }

    /// Sends a request to the address that answered last, then to the others.
    ///
    /// # Errors
    /// No address answers. The text is about the first one.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, RegistryError> {
        let from = self.answering.load(Ordering::Relaxed);
        let count = self.addresses.len();
        let mut first = None;
        for index in (from..count).chain(0..from.min(count)) {
            let Some(address) = self.addresses.get(index) else { continue };
            let response = timeout(self.timeout, self.get_from(address, path)).await;
            let failure = match response {
                Ok(Ok(answer)) => {
                    self.answering.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::Transient(format!("does not answer within {:?}", self.timeout)),
            };
            let message = |text| format!("the schema registry at {address} {text}");
            first.get_or_insert_with(|| match failure {
                Failure::Transient(text) => RegistryError::Transient(message(text)),
                Failure::NeedsAttention(text) => RegistryError::NeedsAttention(message(text)),
            });
        }
        Err(first.unwrap_or_else(|| {
            RegistryError::NeedsAttention("registry.url contains no address".to_owned())
        }))
    }

    async fn get_from(&self, address: &Address, path: &str) -> Result<Answer, Failure> {
        let mut request = Request::builder()
            .header(ACCEPT, "application/vnd.schemaregistry.v1+json, application/json");
        if let Some((user, password)) = &self.credentials {
            let authorization = http_client::basic(user, &password.current()).map_err(unusable)?;
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::default()).map_err(unusable)?;
        let response = self.http.send(address, path, request).await?;
        let not_a_registry = |status| {
            format!(
                "answers {status}, but not as a schema registry: check the path in \
                 registry.url (Apicurio's is /apis/ccompat/v7)"
            )
        };
        match response.status {
            StatusCode::OK => match answer::found(&response.body) {
                Some(found) => Ok(Answer::Found(found)),
                // A proxy may send such a response during a deployment.
                None => Err(Failure::Transient(not_a_registry(response.status))),
            },
            StatusCode::NOT_FOUND if answer::is_unknown(&response.body) => Ok(Answer::Unknown),
            StatusCode::NOT_FOUND => Err(Failure::NeedsAttention(not_a_registry(response.status))),
            StatusCode::UNAUTHORIZED => Err(Failure::NeedsAttention(
                "answers 401 Unauthorized: check registry.user and registry.password".to_owned(),
            )),
            StatusCode::FORBIDDEN => Err(Failure::NeedsAttention(
                "answers 403 Forbidden: allow registry.user to read schemas".to_owned(),
            )),
            status if status.is_redirection() => {
                let text = format!(
                    "redirects{}: set registry.url to the final address",
                    response.redirect()
                );
                Err(Failure::NeedsAttention(text))
            }
            status => Err(Failure::Transient(format!("answers {status}"))),
        }
    }
}

fn unusable(error: impl fmt::Display) -> Failure {
    Failure::NeedsAttention(format!("cannot be contacted: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_in_a_path_are_encoded() {
        assert_eq!(
            path_of_subject("a/b c-value", "latest"),
            "/subjects/a%2Fb%20c%2Dvalue/versions/latest"
        );
    }
}

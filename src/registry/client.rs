//! Asks the registry over HTTP.

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
    RegistryError, Settings,
    answer::{self, Answer},
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

/// Where the schema of an id is.
pub(super) fn path_of_id(id: SchemaId) -> String {
    format!("/schemas/ids/{id}")
}

/// Where a version of a subject is.
pub(super) fn path_of_subject(subject: &str, version: &str) -> String {
    let subject = utf8_percent_encode(subject, NON_ALPHANUMERIC);
    format!("/subjects/{subject}/versions/{version}")
}

/// Asks the registry.
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

    /// The address that answered last; the first one before that.
    pub(super) fn answering(&self) -> Option<&Address> {
        self.addresses.get(self.answering.load(Ordering::Relaxed))
    }

    /// Asks the address that answered last, then the others.
    ///
    /// # Errors
    /// None has an answer. The text is about the first that was asked.
    pub(super) async fn ask(&self, path: &str) -> Result<Answer, RegistryError> {
        let from = self.answering.load(Ordering::Relaxed);
        let count = self.addresses.len();
        let mut first = None;
        for index in (from..count).chain(0..from.min(count)) {
            let Some(address) = self.addresses.get(index) else { continue };
            let asked = timeout(self.timeout, self.ask_one(address, path)).await;
            let failure = match asked {
                Ok(Ok(answer)) => {
                    self.answering.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::Passes(format!("has no answer within {:?}", self.timeout)),
            };
            let told = |text| format!("the schema registry at {address} {text}");
            first.get_or_insert_with(|| match failure {
                Failure::Passes(text) => RegistryError::PassesByItself(told(text)),
                Failure::NeedsAPerson(text) => RegistryError::NeedsAPerson(told(text)),
            });
        }
        Err(first.unwrap_or_else(|| {
            RegistryError::NeedsAPerson("registry.url names no address".to_owned())
        }))
    }

    async fn ask_one(&self, address: &Address, path: &str) -> Result<Answer, Failure> {
        let mut request = Request::builder()
            .header(ACCEPT, "application/vnd.schemaregistry.v1+json, application/json");
        if let Some((user, password)) = &self.credentials {
            let authorization = http_client::basic(user, &password.current()).map_err(unusable)?;
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::default()).map_err(unusable)?;
        let answer = self.http.ask(address, path, request).await?;
        let rubbish = |status| {
            format!(
                "answers {status} with what no schema registry answers: check the path in \
                 registry.url (Apicurio's is /apis/ccompat/v7)"
            )
        };
        match answer.status {
            StatusCode::OK => match answer::found(&answer.body) {
                Some(found) => Ok(Answer::Found(found)),
                // A proxy may answer so during a deployment.
                None => Err(Failure::Passes(rubbish(answer.status))),
            },
            StatusCode::NOT_FOUND if answer::is_unknown(&answer.body) => Ok(Answer::Unknown),
            StatusCode::NOT_FOUND => Err(Failure::NeedsAPerson(rubbish(answer.status))),
            StatusCode::UNAUTHORIZED => Err(Failure::NeedsAPerson(
                "answers 401 Unauthorized: check registry.user and registry.password".to_owned(),
            )),
            StatusCode::FORBIDDEN => Err(Failure::NeedsAPerson(
                "answers 403 Forbidden: let registry.user read schemas".to_owned(),
            )),
            status if status.is_redirection() => {
                let text = format!("redirects{}: set registry.url to where it is", answer.to());
                Err(Failure::NeedsAPerson(text))
            }
            status => Err(Failure::Passes(format!("answers {status}"))),
        }
    }
}

fn unusable(error: impl fmt::Display) -> Failure {
    Failure::NeedsAPerson(format!("cannot be asked: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_within_a_path_is_encoded() {
        assert_eq!(
            path_of_subject("a/b c-value", "latest"),
            "/subjects/a%2Fb%20c%2Dvalue/versions/latest"
        );
    }
}

//! Access control for the dashboard and the metrics. Health checks are exempt: the probes of
//! Kubernetes and of load balancers use any host and no password.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{HOST, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use prometheus_client::metrics::counter::Counter;
use tracing::{field::display, warn};

use super::{
    authority::{Authority, Host},
    hosts::{Hosts, Logging},
    origin::is_cross_origin,
    password::{CHALLENGE, Password},
    response::fresh,
    settings::Settings,
};

/// The access rules of a server.
pub(super) struct Access {
    hosts: Hosts,
    password: Option<Password>,
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// No host, several, or an invalid one (RFC 9112, 3.2).
    BadHost,
    /// A host that is not allowed.
    UnexpectedHost(Host),
    /// The request is from a page of another origin.
    CrossOrigin,
    /// The password is missing or wrong.
    Unauthorized,
}

impl Access {
    /// `wrong_passwords` counts the requests with wrong credentials.
    pub(super) fn new(settings: &Settings, wrong_passwords: Counter) -> Self {
        let Settings { listen, allowed_hosts, credentials } = settings;
        let password = credentials.clone().map(|known| Password::new(known, wrong_passwords));
        Self { hosts: Hosts::new(listen, allowed_hosts), password }
    }

    fn check(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        client: Option<SocketAddr>,
    ) -> Result<(), Refusal> {
        let authority = authority(uri, headers).ok_or(Refusal::BadHost)?;
        if !self.hosts.allow(&authority) {
            self.log_refused(&authority.host, client);
            return Err(Refusal::UnexpectedHost(authority.host));
        }
        if is_cross_origin(headers, &authority) {
            return Err(Refusal::CrossOrigin);
        }
        match &self.password {
            Some(password) if !password.allows(headers, client) => Err(Refusal::Unauthorized),
            _ => Ok(()),
        }
    }

    fn log_refused(&self, host: &Host, client: Option<SocketAddr>) {
        let further = match self.hosts.note_refused(host) {
            Logging::Silent => return,
            Logging::Last => "; further hosts are not logged",
            Logging::Once => "",
        };
        let client = client.map(display);
        warn!(
            %host,
            client,
            "refused an HTTP request for an unexpected host: if the name belongs to this server, add it to \
             http.allowed_hosts{further}"
        );
    }
}

/// The host of a request: that of its target if it has one, which takes precedence (RFC 9112, 3.2.2),
/// else that of its single Host field. `None` if it is missing, not unique or invalid.
fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut all = headers.get_all(HOST).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    match uri.authority() {
        Some(target) => Authority::parse(target.as_str()),
        None => Authority::parse(only.to_str().ok()?),
    }
}

/// Passes on the requests that the rules allow.
pub(super) async fn guard(
    State(access): State<Arc<Access>>,
    request: Request,
    next: Next,
) -> Response {
    let client = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|client| client.0);
    match access.check(request.uri(), request.headers(), client) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match &self {
            Self::BadHost => (
                StatusCode::BAD_REQUEST,
                "the request needs exactly one valid Host field".to_owned(),
            ),
            // 421: the server is not authoritative for the target's host (RFC 9110, 15.5.20).
            Self::UnexpectedHost(host) => (
                StatusCode::MISDIRECTED_REQUEST,
                format!(
                    "the host {host} is not allowed: if the name belongs to this server, add it to \
                     http.allowed_hosts"
                ),
            ),
            Self::CrossOrigin => (
                StatusCode::FORBIDDEN,
                "requests from pages of other sites are not allowed".to_owned(),
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "authentication required: the user and the password of http.user".to_owned(),
            ),
        };
        let mut response =
            (status, fresh("text/plain; charset=utf-8", text + "\n")).into_response();
        if self == Self::Unauthorized {
            response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::settings::AllowedHost;

    fn check(target: &str, hosts: &[&str]) -> Result<(), Refusal> {
        let settings = Settings {
            listen: "0.0.0.0:8080".to_owned(),
            allowed_hosts: vec![AllowedHost::parse("vendas.example").unwrap()],
            credentials: None,
        };
        let headers = hosts.iter().map(|host| (HOST, host.parse().unwrap())).collect();
        Access::new(&settings, Counter::default()).check(&target.parse().unwrap(), &headers, None)
    }

    #[test]
    fn the_host_is_the_targets_or_else_that_of_the_only_host_field() {
        assert_eq!(check("/", &["vendas.example"]), Ok(()));
        assert_eq!(check("http://vendas.example:80/", &["evil.example"]), Ok(()));
        let evil = Host::parse("evil.example").unwrap();
        for (target, host) in
            [("/", "evil.example:8080"), ("http://evil.example/", "vendas.example")]
        {
            assert_eq!(check(target, &[host]), Err(Refusal::UnexpectedHost(evil.clone())));
        }
        for (target, hosts) in [
            ("/", &[][..]),
            ("http://vendas.example/", &[]),
            ("/", &["vendas.example", "vendas.example"]),
            ("/", &[""]),
            ("http://vendas.example@evil.example/", &["vendas.example"]),
        ] {
            assert_eq!(check(target, hosts), Err(Refusal::BadHost), "{target} {hosts:?}");
        }
    }
}

//! `[http]`: the HTTP server with dashboard, metrics and health.

use secrecy::ExposeSecret;

use super::{
    address::is_host_and_port,
    reader::Reader,
    security::{self, unused},
};
use crate::http::settings::{AllowedHost, Credentials, Settings};

const LISTEN: &str = "http.listen";
const ALLOWED_HOSTS: &str = "http.allowed_hosts";
const USER: &str = "http.user";
const PASSWORD: &str = "http.password";
const PASSWORD_FILE: &str = "http.password_file";

/// The inner `None` means that there is no HTTP server.
#[expect(clippy::option_option, reason = "the outer one means that there is a problem")]
pub(super) fn http(reader: &mut Reader) -> Option<Option<Settings>> {
    let is_set = reader.is_set(LISTEN);
    let listen = listen(reader);
    let allowed_hosts = reader.list(
        ALLOWED_HOSTS,
        &[],
        "a host name such as \"vendas.example.com\", or \".example.com\" for the domain and all its \
         subdomains, optionally with a port",
        AllowedHost::parse,
    );
    let credentials = credentials(reader);
    if !is_set {
        let keys = [ALLOWED_HOSTS, USER, PASSWORD, PASSWORD_FILE];
        return unused(reader, &keys, &format!("needs {LISTEN}")).then_some(None);
    }
    Some(Some(Settings {
        listen: listen?,
        allowed_hosts: allowed_hosts?,
        credentials: credentials?,
    }))
}

/// `None` also if it is not set.
fn listen(reader: &mut Reader) -> Option<String> {
    let listen = reader.optional_text(LISTEN)?;
    if !is_host_and_port(&listen) {
        let text = format!("is {listen:?}, must be host:port, such as \"127.0.0.1:8080\"");
        reader.problem(LISTEN, &text);
        return None;
    }
    Some(listen)
}

/// User and password: both or neither.
#[expect(clippy::option_option, reason = "the outer one means that there is a problem")]
fn credentials(reader: &mut Reader) -> Option<Option<Credentials>> {
    let user = reader.optional_text(USER);
    let password = security::secret(reader, PASSWORD, None);
    let password_key = [PASSWORD, PASSWORD_FILE].into_iter().find(|key| reader.is_set(key));
    match (reader.is_set(USER), password_key) {
        (false, None) => return Some(None),
        (true, None) => {
            reader.problem(USER, &format!("needs {PASSWORD_FILE} or {PASSWORD}"));
            return None;
        }
        (false, Some(key)) => {
            reader.problem(key, &format!("needs {USER}"));
            return None;
        }
        (true, Some(_)) => {}
    }
    let (user, password) = (user?, password?);
    if user.contains(|c: char| c == ':' || c.is_control()) {
        // RFC 7617, 2.
        reader.problem(USER, "must not contain a colon or a control character");
        return None;
    }
    if password.current().expose_secret().is_empty() {
        reader.problem(password_key?, "contains no password: set one");
        return None;
    }
    Some(Some(Credentials { user, password }))
}

//! `[kafka.sasl]`: authentication to brokers.

use std::sync::Arc;

use super::{
    reader::Reader,
    security::{self, TlsKeys, secret, secret_file, unused},
};
use crate::{
    http_client::Address,
    kafka::{Login, Mechanism, OAuth, Sasl, TokenEndpoint, TokenSource, Tokens},
};

const MECHANISM: &str = "kafka.sasl.mechanism";
const USER: &str = "kafka.sasl.user";
const PASSWORD: &str = "kafka.sasl.password";
const PASSWORD_FILE: &str = "kafka.sasl.password_file";
const TOKEN_URL: &str = "kafka.sasl.oauth.token_url";
const CLIENT_ID: &str = "kafka.sasl.oauth.client_id";
const CLIENT_SECRET: &str = "kafka.sasl.oauth.client_secret";
const CLIENT_SECRET_FILE: &str = "kafka.sasl.oauth.client_secret_file";
const SCOPE: &str = "kafka.sasl.oauth.scope";
const TLS: TlsKeys =
    ["kafka.sasl.oauth.ca_file", "kafka.sasl.oauth.cert_file", "kafka.sasl.oauth.key_file"];
const TOKEN_FILE: &str = "kafka.sasl.oauth.token_file";
const EXTENSIONS: &str = "kafka.sasl.oauth.extensions";

/// The keys for mechanisms with passwords.
const OF_PASSWORDS: [&str; 3] = [USER, PASSWORD, PASSWORD_FILE];

/// The keys for token endpoints.
const OF_ENDPOINTS: [&str; 7] =
    [CLIENT_ID, CLIENT_SECRET, CLIENT_SECRET_FILE, SCOPE, TLS[0], TLS[1], TLS[2]];

/// The inner `None` means no SASL, the outer one that there is a problem.
pub(super) fn sasl(reader: &mut Reader) -> Option<Option<Sasl>> {
    let choices = Mechanism::ALL.map(|mechanism| (mechanism.name(), mechanism));
    let mechanism = reader.optional_choice(MECHANISM, &choices);
    let user = reader.optional_text(USER);
    let password = secret(reader, PASSWORD, None);
    let oauth = oauth(reader, matches!(mechanism, Some(Some(Mechanism::OAuthBearer))));
    let Some(mechanism) = mechanism? else {
        let are_unused = unused(reader, &OF_PASSWORDS, &format!("needs {MECHANISM}"));
        return (are_unused && oauth.is_some()).then_some(None);
    };
    let kind = match mechanism {
        Mechanism::OAuthBearer => {
            let text = format!("does not apply to {MECHANISM} = \"OAUTHBEARER\": remove it");
            let are_unused = unused(reader, &OF_PASSWORDS, &text);
            let sasl = Sasl::OAuthBearer(oauth??);
            return are_unused.then_some(Some(sasl));
        }
        Mechanism::Plain => Sasl::Plain,
        Mechanism::ScramSha256 => Sasl::ScramSha256,
        Mechanism::ScramSha512 => Sasl::ScramSha512,
    };
    if !reader.is_set(USER) {
        reader.problem(MECHANISM, &format!("needs {USER}"));
    }
    if !reader.is_set(PASSWORD) && !reader.is_set(PASSWORD_FILE) {
        reader.problem(MECHANISM, &format!("needs {PASSWORD} or {PASSWORD_FILE}"));
    }
    oauth?;
    Some(Some(kind(Login { user: user?, password: password? })))
}

/// The inner `None` means another mechanism, the outer one that there is a problem.
fn oauth(reader: &mut Reader, is_used: bool) -> Option<Option<OAuth>> {
    let url = reader.optional_text(TOKEN_URL);
    let client_id = reader.optional_text(CLIENT_ID);
    let client_secret = secret(reader, CLIENT_SECRET, None);
    let scope = reader.optional_text(SCOPE);
    let has_url = reader.is_set(TOKEN_URL);
    let address = url.as_deref().map(Address::parse);
    if matches!(address, Some(None)) {
        let text = "must be a URL such as \"https://login.example/oauth2/token\", without user, \
                    password and query";
        reader.problem(TOKEN_URL, text);
    }
    let address = address.flatten();
    // For unused keys, the message names the mechanism or URL that they need.
    let tls = match &address {
        Some(address) if is_used => security::http(reader, TLS, TOKEN_URL, address.is_tls()),
        _ => {
            TLS.iter().for_each(|key| reader.register(key));
            Some(None)
        }
    };
    let token_file = secret_file(reader, TOKEN_FILE);
    let extensions = extensions(reader);
    if !is_used {
        let keys = [TOKEN_URL, TOKEN_FILE, EXTENSIONS].into_iter().chain(OF_ENDPOINTS);
        let text = format!("needs {MECHANISM} = \"OAUTHBEARER\"");
        return unused(reader, &keys.collect::<Vec<_>>(), &text).then_some(None);
    }
    let source = match (has_url, reader.is_set(TOKEN_FILE)) {
        (false, false) => {
            reader.problem(MECHANISM, &format!("needs {TOKEN_URL} or {TOKEN_FILE}"));
            return None;
        }
        (true, true) => {
            let text = format!("cannot be combined with {TOKEN_URL}: remove one of them");
            reader.problem(TOKEN_FILE, &text);
            return None;
        }
        (false, true) => {
            if !unused(reader, &OF_ENDPOINTS, &format!("needs {TOKEN_URL}")) {
                return None;
            }
            TokenSource::File(token_file??)
        }
        (true, false) => {
            if !reader.is_set(CLIENT_ID) {
                reader.problem(TOKEN_URL, &format!("needs {CLIENT_ID}"));
            }
            if !reader.is_set(CLIENT_SECRET) && !reader.is_set(CLIENT_SECRET_FILE) {
                let text = format!("needs {CLIENT_SECRET} or {CLIENT_SECRET_FILE}");
                reader.problem(TOKEN_URL, &text);
            }
            let endpoint = TokenEndpoint::new(address?, client_id?, client_secret?, scope, tls?);
            TokenSource::Endpoint(Arc::new(Tokens::new(endpoint)))
        }
    };
    Some(Some(OAuth { source, extensions: extensions? }))
}

fn extensions(reader: &mut Reader) -> Option<Vec<(String, String)>> {
    // Names are letters, values visible characters and spaces (RFC 7628, 3.1).
    let expected = "a SASL extension such as \"logicalCluster=lkc-abc123\"";
    reader.list(EXTENSIONS, &[], expected, |text| {
        let (name, value) = text.split_once('=')?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic());
        let is_value = value.chars().all(|c| c.is_ascii_graphic() || matches!(c, ' ' | '\t'));
        let is_legal = is_name && is_value && !name.eq_ignore_ascii_case("auth");
        is_legal.then(|| (name.to_owned(), value.to_owned()))
    })
}

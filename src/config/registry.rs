//! `[registry]`: the schema registry.

use std::time::Duration;

use super::{
    reader::{MAX_TIMEOUT, Reader},
    security::{self, TlsKeys, unused},
};
use crate::{http_client::Address, registry::Settings};

const URL: &str = "registry.url";
const USER: &str = "registry.user";
const PASSWORD: &str = "registry.password";
const TLS: TlsKeys = ["registry.ca_file", "registry.cert_file", "registry.key_file"];

/// The inner `None` means that there is no registry.
#[expect(clippy::option_option, reason = "the outer one means that there is a problem")]
pub(super) fn registry(reader: &mut Reader) -> Option<Option<Settings>> {
    let addresses = addresses(reader);
    let user = reader.optional_text(USER);
    let password = security::secret(reader, PASSWORD, None);
    let shortest = Duration::from_millis(100);
    let timeout = reader.duration("registry.timeout", "10s", shortest..=MAX_TIMEOUT);
    let addresses = addresses?;
    if addresses.is_empty() {
        let keys = [USER, PASSWORD, "registry.password_file"].into_iter().chain(TLS);
        for key in TLS {
            reader.register(key);
        }
        let keys: Vec<_> = keys.collect();
        return unused(reader, &keys, &format!("needs {URL}")).then_some(None);
    }
    let tls = security::http(reader, TLS, URL, addresses.iter().any(Address::is_tls));
    let credentials = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) => {
            if !reader.is_set(PASSWORD) && !reader.is_set("registry.password_file") {
                reader.problem(USER, &format!("needs {PASSWORD} or {PASSWORD}_file"));
            }
            return None;
        }
        (None, Some(_)) => {
            let key = if reader.is_set(PASSWORD) { PASSWORD } else { "registry.password_file" };
            reader.problem(key, &format!("needs {USER}"));
            return None;
        }
    };
    Some(Some(Settings { addresses, credentials, tls: tls?, timeout: timeout? }))
}

/// The addresses; empty if it is not set.
fn addresses(reader: &mut Reader) -> Option<Vec<Address>> {
    let texts = reader.unrepeated_list(URL).unwrap_or(Some(Vec::new()));
    let addresses = texts.and_then(|urls| urls.iter().map(|url| Address::parse(url)).collect());
    if addresses.is_none() {
        reader.problem(
            URL,
            "must be a URL such as \"http://localhost:8081\" or a list of them, without user and \
             password: set registry.user and registry.password_file for these",
        );
    }
    addresses
}

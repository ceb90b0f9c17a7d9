//! Passwords and certificates for each server.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use super::reader::Reader;
use crate::{
    secret::Secret,
    store::Encryption,
    tls::{Authorities, Chain, Identity, MaterialError, Tls, Trust},
};

/// The secret of `key`, or the content of the file that `{key}_file` names. A file overrides the
/// built-in default. Setting both is a problem.
pub(super) fn secret(reader: &mut Reader, key: &str, default: Option<&str>) -> Option<Secret> {
    let file_key = format!("{key}_file");
    if reader.is_set(&file_key) && reader.is_set(key) {
        let text = format!("cannot be combined with {key}: remove one of them");
        reader.problem(&file_key, &text);
    }
    let literal = reader.secret(key, default);
    match secret_file(reader, &file_key)? {
        Some(file) => Some(file),
        None => literal.map(Secret::from),
    }
}

/// The content of the file that `key` names; `Some(None)` if it is not set.
pub(super) fn secret_file(reader: &mut Reader, key: &str) -> Option<Option<Secret>> {
    file(reader, key, |path| Secret::from_file(key, path))
}

/// TLS for brokers; the inner `None` means no TLS, the outer one that there is a problem.
pub(super) fn kafka(reader: &mut Reader) -> Option<Option<Tls>> {
    const ENABLED: &str = "kafka.tls.enabled";
    const FILES: [&str; 3] = ["kafka.tls.ca_file", "kafka.tls.cert_file", "kafka.tls.key_file"];
    let enabled = reader.flag(ENABLED, false);
    let [authorities, certificate, key] = FILES;
    let authorities = file(reader, authorities, Authorities::from_file);
    let identity = identity(reader, certificate, key);
    if !enabled? {
        return unused(reader, &FILES, &format!("needs {ENABLED} = true")).then_some(None);
    }
    let authorities = authorities?.unwrap_or_else(Authorities::system);
    Some(Some(Tls::new(Trust::Host(authorities), identity?)))
}

/// The TLS keys for an HTTP server: authorities, certificate and key.
pub(super) type TlsKeys = [&'static str; 3];

/// TLS for `https` addresses; the inner `None` means that there are none (`is_used` is false).
/// `url` is the key of the addresses. `None` only if there is a problem.
pub(super) fn http(
    reader: &mut Reader,
    keys: TlsKeys,
    url: &str,
    is_used: bool,
) -> Option<Option<Tls>> {
    let [authorities, certificate, key] = keys;
    let authorities = file(reader, authorities, Authorities::from_file);
    let identity = identity(reader, certificate, key);
    if !is_used {
        let text = format!("needs an address with https:// in {url}");
        return unused(reader, &keys, &text).then_some(None);
    }
    let authorities = authorities?.unwrap_or_else(Authorities::system);
    Some(Some(Tls::new(Trust::Host(authorities), identity?)))
}

/// libpq's sslmode.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// libpq's name for the authorities of the machine.
const SYSTEM: &str = "system";

/// libpq's sslmode, sslrootcert, sslcert and sslkey (PostgreSQL manual, 32.19). Combinations that
/// seem secure but are not are rejected. `None` only if there is a problem.
pub(super) fn database(reader: &mut Reader) -> Option<Encryption> {
    const MODE: &str = "database.sslmode";
    const ROOT: &str = "database.sslrootcert";
    let mode = reader.choice(
        MODE,
        &[
            ("prefer", SslMode::Prefer),
            ("disable", SslMode::Disable),
            ("allow", SslMode::Allow),
            ("require", SslMode::Require),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ],
    );
    let authorities = file(reader, ROOT, |path| match path.to_str() {
        Some(SYSTEM) => Ok(Root::System),
        _ => Authorities::from_file(path).map(Root::Own),
    });
    let identity = identity(reader, "database.sslcert", "database.sslkey");
    let (mode, authorities) = (mode?, authorities?);
    let trust = match (mode, authorities) {
        (SslMode::VerifyFull, Some(Root::Own(own))) => Trust::Host(own),
        (SslMode::VerifyFull, _) => Trust::Host(Authorities::system()),
        // libpq too verifies the chain if there is a root certificate with `require`.
        (SslMode::VerifyCa | SslMode::Require, Some(Root::Own(own))) => Trust::Chain(own),
        (SslMode::Require, None) => Trust::Anyone,
        (SslMode::VerifyCa, _) | (SslMode::Require, Some(Root::System)) => {
            // Public authorities sign certificates for anyone, so the host name has to be verified.
            let text = "does not verify the host name, so certificates of public authorities are \
                        not sufficient: set database.sslmode = \"verify-full\", or set \
                        database.sslrootcert to a file with the certificate of a private authority";
            reader.problem(MODE, text);
            return None;
        }
        (SslMode::Disable | SslMode::Allow | SslMode::Prefer, Some(_)) => {
            let text = "has no effect while database.sslmode is disable, allow or prefer: set \
                        database.sslmode = \"verify-full\", or remove database.sslrootcert";
            reader.problem(ROOT, text);
            return None;
        }
        (SslMode::Disable | SslMode::Allow | SslMode::Prefer, None) => Trust::Anyone,
    };
    let tls = Tls::new(trust, identity?);
    Some(match mode {
        SslMode::Disable => {
            let keys = ["database.sslcert", "database.sslkey"];
            let text = "has no effect while database.sslmode is disable: remove it";
            return unused(reader, &keys, text).then_some(Encryption::Never);
        }
        SslMode::Allow => Encryption::IfDemanded(tls),
        SslMode::Prefer => Encryption::IfOffered(tls),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Encryption::Always(tls),
    })
}

enum Root {
    System,
    Own(Authorities),
}

/// The content of the file that `key` names; `Some(None)` if it is not set.
fn file<T, E: Display>(
    reader: &mut Reader,
    key: &str,
    read: impl FnOnce(&Path) -> Result<T, E>,
) -> Option<Option<T>> {
    let is_set = reader.is_set(key);
    let Some(path) = reader.optional_text(key) else {
        return (!is_set).then_some(None);
    };
    match read(Path::new(&path)) {
        Ok(content) => Some(Some(content)),
        Err(error) => {
            reader.problem(key, &format!("({path}): {error}"));
            None
        }
    }
}

/// A certificate and its key: both or neither.
fn identity(reader: &mut Reader, certificate: &str, key: &str) -> Option<Option<Identity>> {
    for (one, other) in [(certificate, key), (key, certificate)] {
        if reader.is_set(one) && !reader.is_set(other) {
            reader.problem(one, &format!("needs {other} too"));
        }
    }
    let chain = file(reader, certificate, Chain::from_file);
    let key_path = file(reader, key, |path| Ok::<_, MaterialError>(PathBuf::from(path)))?;
    match (chain?, key_path) {
        (Some(chain), Some(path)) => file(reader, key, |_| Identity::new(chain, &path)),
        (None, None) => Some(None),
        _ => None,
    }
}

/// Reports each of `keys` that is set; true if none is.
pub(super) fn unused(reader: &mut Reader, keys: &[&str], text: &str) -> bool {
    let set: Vec<_> = keys.iter().filter(|key| reader.is_set(key)).collect();
    for key in &set {
        reader.problem(key, text);
    }
    set.is_empty()
}

#[cfg(test)]
mod tests;

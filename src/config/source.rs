//! The sources of settings: a TOML file, the environment, flags.

use std::path::PathBuf;

use figment::{
    Error, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

/// The variable that names the configuration file. It is not a setting.
pub const FILE_VARIABLE: &str = "VENDAS_CONFIG";

/// The prefix of variables.
pub const PREFIX: &str = "VENDAS_";

/// The prefix of variables that select servers in the project's tests.
const TEST_PREFIX: &str = "VENDAS_TEST_";

/// The sources of settings, in order of increasing precedence.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file, which must exist.
    pub file: Option<PathBuf>,
    /// Settings as TOML, which override the file.
    pub text: Option<String>,
    /// Names and values of variables; those without the prefix are ignored.
    pub environment: Vec<(String, String)>,
    /// Settings from the command line.
    pub flags: Vec<Flag>,
}

/// A setting given on the command line.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag as it was written, for messages: `--brokers`.
    pub name: String,
    /// The setting's key: `kafka.brokers`, `topics."orders.avro".mapping.total`. See [`key_parts`].
    pub key: String,
    /// Its value, as text.
    pub value: String,
}

/// The parts of a key, written like a dotted key in TOML: each is bare (ASCII letters, digits,
/// underscores and hyphens), or in double quotes. `None` if it is not a valid key.
#[must_use]
pub fn key_parts(key: &str) -> Option<Vec<&str>> {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let (mut parts, mut rest) = (Vec::new(), key);
    loop {
        let (part, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(|c| !is_bare(c)).unwrap_or(rest.len())),
        };
        if part.is_empty() {
            return None;
        }
        parts.push(part);
        if behind.is_empty() {
            return Some(parts);
        }
        rest = behind.strip_prefix('.')?;
    }
}

/// The variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Settings as text, from the environment or from flags; the reader converts each to the type of
/// its key. (figment's `Env` guesses types: a password of digits would become a number.)
pub(super) struct Texts {
    name: &'static str,
    values: Vec<(String, String)>,
}

impl Texts {
    pub(super) fn of_environment(environment: &[(String, String)]) -> Self {
        let values = environment
            .iter()
            .filter(|(name, _)| name != FILE_VARIABLE && !name.starts_with(TEST_PREFIX))
            .filter_map(|(name, value)| {
                let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
                Some((key, value.clone()))
            })
            .collect();
        Self { name: ENVIRONMENT, values }
    }

    /// Settings by key, from the source with that name.
    pub(super) fn of_pairs(name: &'static str, pairs: Vec<(&'static str, String)>) -> Self {
        let values = pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { name, values }
    }

    pub(super) fn of_flags(flags: &[Flag]) -> Self {
        let values = flags.iter().map(|flag| (flag.key.clone(), flag.value.clone())).collect();
        Self { name: FLAGS, values }
    }
}

/// The metadata name of the environment.
pub(super) const ENVIRONMENT: &str = "environment";

/// The metadata name of libpq variables.
pub(super) const LIBPQ: &str = "libpq";

/// The metadata name of `database.url`.
pub(super) const URL: &str = "url";

/// The metadata name of flags.
pub(super) const FLAGS: &str = "flags";

impl Provider for Texts {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut dict = Dict::new();
        for (key, value) in &self.values {
            let parts = key_parts(key).unwrap_or_else(|| key.split('.').collect());
            insert(&mut dict, &parts, Value::from(value.as_str()));
        }
        Ok(Profile::Default.collect(dict))
    }
}

fn insert(dict: &mut Dict, parts: &[&str], value: Value) {
    match parts {
        [] => {}
        [key] => {
            dict.insert((*key).to_owned(), value);
        }
        [table, rest @ ..] => {
            let entry = dict.entry((*table).to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = entry {
                insert(inner, rest, value);
            } else {
                // `a` and `a.b` are both set: `a` is not a setting, and is reported as unknown.
                let mut inner = Dict::new();
                insert(&mut inner, rest, value);
                *entry = Value::from(inner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::key_parts;

    #[test]
    fn a_key_is_bare_names_and_quoted_ones() {
        for (key, parts) in [
            ("database.port", &["database", "port"][..]),
            ("mapping.float32", &["mapping", "float32"]),
            ("topics.orders-avro.mapping.total", &["topics", "orders-avro", "mapping", "total"]),
            (r#"topics."orders.avro".mapping"#, &["topics", "orders.avro", "mapping"]),
        ] {
            assert_eq!(key_parts(key).as_deref(), Some(parts), "{key}");
        }
        for key in ["", "a.", ".a", "a..b", "a b", r#"a."b"#, r#"a."b"c"#, r#"a."""#, "a=b"] {
            assert_eq!(key_parts(key), None, "{key}");
        }
    }
}

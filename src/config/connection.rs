//! Translates libpq's connection strings and environment variables into settings.

use percent_encoding::percent_decode_str;

/// A libpq parameter, its environment variable, and the setting.
struct Parameter {
    name: &'static str,
    variable: &'static str,
    key: &'static str,
}

const fn parameter(name: &'static str, variable: &'static str, key: &'static str) -> Parameter {
    Parameter { name, variable, key }
}

/// PostgreSQL manual, 32.1.2 and 32.15.
const PARAMETERS: [Parameter; 11] = [
    parameter("host", "PGHOST", "database.host"),
    parameter("port", "PGPORT", "database.port"),
    parameter("user", "PGUSER", "database.user"),
    parameter("password", "PGPASSWORD", "database.password"),
    parameter("dbname", "PGDATABASE", "database.dbname"),
    parameter("sslmode", "PGSSLMODE", "database.sslmode"),
    parameter("sslrootcert", "PGSSLROOTCERT", "database.sslrootcert"),
    parameter("sslcert", "PGSSLCERT", "database.sslcert"),
    parameter("sslkey", "PGSSLKEY", "database.sslkey"),
    parameter("target_session_attrs", "PGTARGETSESSIONATTRS", "database.target_session_attrs"),
    parameter("connect_timeout", "PGCONNECT_TIMEOUT", CONNECT_TIMEOUT),
];

const CONNECT_TIMEOUT: &str = "database.connect_timeout";

/// The libpq variable that sets `key`.
pub(super) fn variable(key: &str) -> Option<&'static str> {
    PARAMETERS.iter().find(|parameter| parameter.key == key).map(|parameter| parameter.variable)
}

/// The settings from libpq variables, in any order.
pub(super) fn of_variables(environment: &[(String, String)]) -> Vec<(&'static str, String)> {
    let of = |parameter: &Parameter| {
        let (_, value) = environment.iter().find(|(name, _)| name == parameter.variable)?;
        // As libpq does.
        (!value.is_empty()).then(|| (parameter.key, value_of(parameter.key, value.clone())))
    };
    PARAMETERS.iter().filter_map(of).collect()
}

/// libpq's timeout is in seconds; the setting is a duration.
fn value_of(key: &str, value: String) -> String {
    let is_seconds = key == CONNECT_TIMEOUT && value.bytes().all(|byte| byte.is_ascii_digit());
    if is_seconds { format!("{value}s") } else { value }
}

/// Parses a connection string: a URL (`postgresql://user@a,b/db?sslmode=require`) or keywords
/// (`host=a,b dbname=db`).
///
/// # Errors
/// The problem, without any value, since one may be the password.
pub(super) fn of_string(text: &str) -> Result<Vec<(&'static str, String)>, String> {
    let url = ["postgresql://", "postgres://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let pairs = match url {
        Some(rest) => of_url(rest)?,
        None => of_keywords(text)?,
    };
    let mut settings = Vec::new();
    for (name, value) in pairs {
        let parameter = PARAMETERS.iter().find(|parameter| parameter.name == name);
        let parameter = parameter.ok_or_else(|| {
            let known: Vec<_> = PARAMETERS.iter().map(|parameter| parameter.name).collect();
            format!("sets the unsupported parameter {name:?}, supported are {}", known.join(", "))
        })?;
        if settings.iter().any(|(key, _)| *key == parameter.key) {
            return Err(format!("sets {name} twice"));
        }
        settings.push((parameter.key, value_of(parameter.key, value)));
    }
    Ok(settings)
}

type Pairs = Vec<(String, String)>;

/// PostgreSQL manual, 32.1.1.2, without the scheme.
fn of_url(rest: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut set = |name: &str, value: &str| {
        let decoded = percent_decode_str(value).decode_utf8();
        let decoded = decoded.map_err(|_| format!("has a {name} that is not UTF-8"))?;
        pairs.push((name.to_owned(), decoded.into_owned()));
        Ok::<_, String>(())
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user_info, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = match user_info.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (user_info, None),
    };
    if !user.is_empty() {
        set("user", user)?;
    }
    if let Some(password) = password {
        set("password", password)?;
    }
    if !hosts.is_empty() {
        let (names, ports): (Vec<&str>, Vec<&str>) = hosts.split(',').map(host_and_port).unzip();
        set("host", &names.join(","))?;
        if ports.iter().any(|port| !port.is_empty()) {
            set("port", &ports.join(","))?;
        }
    }
    if !path.is_empty() {
        set("dbname", path)?;
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or("has a parameter without a value")?;
        match (name, value) {
            // The JDBC form, which libpq supports too.
            ("ssl", "true") => set("sslmode", "require")?,
            _ => set(name, value)?,
        }
    }
    Ok(pairs)
}

/// An IPv6 address keeps its brackets, since the setting needs them.
fn host_and_port(text: &str) -> (&str, &str) {
    match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (text, ""),
    }
}

/// PostgreSQL manual, 32.1.1.1: values may be quoted, with backslashes before quotes and backslashes.
fn of_keywords(text: &str) -> Result<Pairs, String> {
    let form = "must be a URL such as \"postgresql://user@host/dbname\", or keywords such as \
                \"host=localhost dbname=salesdb\"";
    let mut pairs = Pairs::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or(form)?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(form.to_owned());
        }
        let (value, after) = value(after.trim_start()).ok_or("has an unterminated quote")?;
        pairs.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    if pairs.is_empty() { Err(form.to_owned()) } else { Ok(pairs) }
}

/// The value at the beginning of `text`, and the rest; `None` if a quote is unterminated.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let quoted = text.starts_with('\'');
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Some((value, text.get(at + 1..)?)),
            character if !quoted && character.is_whitespace() => {
                return Some((value, text.get(at..)?));
            }
            character => value.push(character),
        }
    }
    (!quoted).then_some((value, ""))
}

#[cfg(test)]
mod tests {
    use super::{of_string, of_variables};

    fn settings(text: &str) -> Vec<(&'static str, String)> {
        of_string(text).unwrap()
    }

    fn pairs(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        pairs.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
    }

    #[test]
    fn urls_and_keywords_have_the_same_meaning_as_in_libpq() {
        let both = pairs(&[
            ("database.user", "a b"),
            ("database.password", "p@'ss\\"),
            ("database.host", "pg1,[::1],pg3"),
            ("database.port", "5433,,6000"),
            ("database.dbname", "shop"),
            ("database.sslmode", "verify-full"),
            ("database.connect_timeout", "3s"),
        ]);
        let url = "postgres://a%20b:p%40'ss%5C@pg1:5433,[::1],pg3:6000/shop?sslmode=verify-full&connect_timeout=3";
        assert_eq!(settings(url), both);
        let keywords = r"user='a b' password=p@\'ss\\ host = pg1,[::1],pg3 port=5433,,6000
                         dbname=shop sslmode=verify-full connect_timeout=3";
        assert_eq!(settings(keywords), both);

        let socket = pairs(&[("database.host", "/run/postgresql"), ("database.dbname", "shop")]);
        assert_eq!(settings("postgresql://%2Frun%2Fpostgresql/shop"), socket);
        assert_eq!(settings("postgresql:///?user=x"), pairs(&[("database.user", "x")]));
    }

    #[test]
    fn problems_are_reported_without_values() {
        for (text, says) in [
            (
                "postgresql://h/d?options=-cx%3Dsecret",
                "sets the unsupported parameter \"options\", supported are host",
            ),
            ("postgresql://secret@h/d?user=secret", "sets user twice"),
            ("postgresql://h/?secret", "a parameter without a value"),
            ("host=h password='secret", "an unterminated quote"),
            ("mysql://secret", "must be a URL such as"),
            ("", "must be a URL such as"),
        ] {
            let error = of_string(text).unwrap_err();
            assert!(error.contains(says) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn variables_are_those_of_libpq() {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment = [
            set("PGHOST", "pg1,pg2"),
            set("PGCONNECT_TIMEOUT", "2"),
            set("PGUSER", ""),
            set("PGOPTIONS", "-c x=y"),
        ];
        let expected = pairs(&[("database.host", "pg1,pg2"), ("database.connect_timeout", "2s")]);
        assert_eq!(of_variables(&environment), expected);
    }
}

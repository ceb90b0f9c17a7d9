//! `[database]`: the connection to PostgreSQL.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{
    reader::{MAX_TIMEOUT, Reader},
    security,
};
use crate::store::{Host, Settings, Target};

/// `None` only if there is a problem, possibly with the shop's time zone.
pub(super) fn database(reader: &mut Reader, shop_timezone: Option<&TimeZone>) -> Option<Settings> {
    reader.expand_url();
    let hosts = hosts(reader);
    let target = target(reader, hosts.as_ref().map_or(1, Vec::len));
    let user = reader.text("database.user", "postgres");
    let password = security::secret(reader, "database.password", Some("postgres"));
    let encryption = security::database(reader);
    let dbname = reader.text("database.dbname", "salesdb");
    let schema = schema(reader);
    let synchronous_commit =
        reader.choice("database.synchronous_commit", &[("off", false), ("on", true)]);
    let prepared_statements = reader.flag("database.prepared_statements", true);
    let pool_size = reader.integer("database.pool_size", 4, 1..=1000);
    let shortest = Duration::from_millis(100);
    let connect_timeout = reader.duration("database.connect_timeout", "5s", shortest..=MAX_TIMEOUT);
    let statement_timeout =
        reader.duration("database.statement_timeout", "30s", shortest..=MAX_TIMEOUT);
    Some(Settings {
        hosts: hosts?,
        target: target?,
        user: user?,
        password: password?,
        encryption: encryption?,
        dbname: dbname?,
        schema: schema?,
        synchronous_commit: synchronous_commit?,
        prepared_statements: prepared_statements?,
        pool_size: pool_size?,
        connect_timeout: connect_timeout?,
        statement_timeout: statement_timeout?,
        shop_timezone: shop_timezone?.iana_name().unwrap_or("UTC").to_owned(),
    })
}

const HOST: &str = "database.host";
const PORT: &str = "database.port";
const DEFAULT_PORT: u16 = 5432;

/// Hosts as in libpq (PostgreSQL manual, 32.1.1.3): one port for all hosts, or one for each; an
/// empty one is the default. Unlike in libpq, a port may also follow the host's name.
fn hosts(reader: &mut Reader) -> Option<Vec<Host>> {
    let names = reader.texts(HOST, "localhost");
    let ports = reader.texts(PORT, "");
    let ports: Option<Vec<u16>> = ports.and_then(|texts| {
        let ports: Option<Vec<u16>> = texts
            .iter()
            .map(|text| if text.is_empty() { Some(DEFAULT_PORT) } else { port(text) })
            .collect();
        if ports.is_none() {
            reader.wrong(PORT, "an integer from 1 to 65535, or a list with one for each host");
        }
        ports
    });
    let names = names?;
    let parsed: Option<Vec<_>> = names.iter().map(|text| name_and_port(text)).collect();
    if parsed.is_none() {
        let expected = "a host name, an address or the directory of a Unix socket, or a list of these, \
                        optionally with a port after a colon";
        reader.wrong(HOST, expected);
    }
    let (parsed, ports) = (parsed?, ports?);
    if ports.len() > 1 && ports.len() != parsed.len() {
        let text = format!(
            "has {} ports for {} hosts: set one port, or one for each host",
            ports.len(),
            parsed.len()
        );
        reader.problem(PORT, &text);
        return None;
    }
    let port_of = |index: usize| ports.get(index).or(ports.first()).copied();
    let hosts = parsed.into_iter().enumerate().map(|(index, (name, own))| {
        let port = own.or_else(|| port_of(index)).unwrap_or(DEFAULT_PORT);
        Host { name: name.to_owned(), port }
    });
    Some(hosts.collect())
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

/// `host`, `host:5432`, `[::1]`, `[::1]:5432`, `::1` or `/directory`.
fn name_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(rest) => Some((address, Some(port(rest)?))),
            None => rest.is_empty().then_some((address, None)),
        };
    }
    let is_folder = text.starts_with('/');
    match text.split_once(':') {
        Some((name, rest)) if !is_folder && !rest.contains(':') => {
            (!name.is_empty()).then_some((name, Some(port(rest)?)))
        }
        _ => (!text.is_empty()).then_some((text, None)),
    }
}

/// If there are several hosts, the default is the one that accepts writes.
fn target(reader: &mut Reader, hosts: usize) -> Option<Target> {
    let choices =
        [("any", Target::Any), ("read-write", Target::ReadWrite), ("primary", Target::Primary)];
    let default = if hosts > 1 { Target::ReadWrite } else { Target::Any };
    let target = reader.optional_choice("database.target_session_attrs", &choices)?;
    Some(target.unwrap_or(default))
}

/// PostgreSQL truncates longer names (manual, 4.1.1).
const MAX_IDENTIFIER_BYTES: usize = 63;

fn schema(reader: &mut Reader) -> Option<String> {
    let schema = reader.text("database.schema", "public")?;
    if schema.len() > MAX_IDENTIFIER_BYTES || schema.contains('\0') {
        let text = format!("is {schema:?}, must be a name of at most {MAX_IDENTIFIER_BYTES} bytes");
        reader.problem("database.schema", &text);
        return None;
    }
    Some(schema)
}

#[cfg(test)]
mod tests {
    use crate::{
        config::{Config, Flag, Sources, load},
        store::Target,
    };
    use secrecy::ExposeSecret;

    fn sources(toml: &str, variables: &[(&str, &str)]) -> Sources {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Sources {
            text: Some(format!("[database]\n{toml}")),
            environment: variables.iter().map(own).collect(),
            ..Sources::default()
        }
    }

    fn hosts(config: &Config) -> Vec<String> {
        config.database.hosts.iter().map(ToString::to_string).collect()
    }

    fn problems(sources: &Sources) -> String {
        load(sources).unwrap_err().to_string()
    }

    #[test]
    fn several_hosts_have_one_port_or_one_each() {
        for (toml, expected) in [
            ("host = 'a'", "a:5432"),
            ("host = 'a,b'\nport = 6000", "a:6000 b:6000"),
            ("host = 'a, b'\nport = '6000,'", "a:6000 b:5432"),
            (
                "host = ['a', 'b:1', '[::1]:2', '::1', '/run/pg']\nport = 6000",
                "a:6000 b:1 ::1:2 ::1:6000 /run/pg:6000",
            ),
            ("host = ['a', 'b']\nport = [1, '2']", "a:1 b:2"),
        ] {
            let config = load(&sources(toml, &[])).unwrap();
            assert_eq!(hosts(&config).join(" "), expected, "{toml}");
            let several = config.database.hosts.len() > 1;
            let target = if several { Target::ReadWrite } else { Target::Any };
            assert_eq!(config.database.target, target, "{toml}");
        }
        for (toml, says) in [
            ("host = 'a,'", "database.host is \"a,\", must be a host name"),
            ("host = 'a:x'", "must be a host name"),
            ("host = 'a,b,c'\nport = '1,2'", "database.port has 2 ports for 3 hosts"),
            ("port = '1,0'", "database.port is \"1,0\", must be an integer from 1 to 65535"),
            ("host = []", "database.host is a list, must be"),
            (
                "target_session_attrs = 'standby'",
                "must be \"any\" or \"read-write\" or \"primary\"",
            ),
        ] {
            assert!(
                problems(&sources(toml, &[])).contains(says),
                "{}",
                problems(&sources(toml, &[]))
            );
        }
    }

    #[test]
    fn a_url_conflicts_with_other_settings() {
        let url = "url = 'postgresql://me:secret@a,b:6000/shop?sslmode=disable&target_session_attrs=primary'";
        let database = load(&sources(url, &[])).unwrap().database;
        assert_eq!(
            database.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["a:5432", "b:6000"]
        );
        assert_eq!((&*database.user, &*database.dbname), ("me", "shop"));
        assert_eq!(database.target, Target::Primary);
        assert_eq!(database.password.current().expose_secret(), "secret");

        for other in ["host = 'c'", "password_file = '/x'", "sslmode = 'require'"] {
            let text = problems(&sources(&format!("{url}\n{other}"), &[]));
            assert!(
                text.contains("conflicts with the value in database.url")
                    && !text.contains("secret"),
                "{text}"
            );
        }
        let text = problems(&sources("url = 'postgresql://a/?port=secret'", &[]));
        assert!(text.contains("database.url: database.port is"), "{text}");

        let mut flagged = sources("", &[]);
        flagged.flags.push(Flag {
            name: "--set database.url".to_owned(),
            key: "database.url".to_owned(),
            value: "postgresql://me:secret@a".to_owned(),
        });
        let text = problems(&flagged);
        assert!(text.contains("must not contain a password on the command line"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn libpq_variables_have_the_lowest_precedence() {
        let variables = [
            ("PGHOST", "pg1,pg2"),
            ("PGPORT", "6000"),
            ("PGUSER", "them"),
            ("PGPASSWORD", "theirs"),
            ("PGDATABASE", "shop"),
            ("VENDAS_DATABASE__USER", "us"),
        ];
        let config = load(&sources("dbname = 'own'", &variables)).unwrap();
        assert_eq!(hosts(&config), ["pg1:6000", "pg2:6000"]);
        assert_eq!((&*config.database.user, &*config.database.dbname), ("us", "own"));
        assert_eq!(config.database.password.current().expose_secret(), "theirs");
        let config = load(&sources("url = 'postgresql://a:1/'", &variables)).unwrap();
        assert_eq!((hosts(&config), &*config.database.dbname), (vec!["a:1".to_owned()], "shop"));
        let text = problems(&sources("", &[("PGSSLMODE", "strict")]));
        assert!(text.starts_with("PGSSLMODE: database.sslmode is \"strict\""), "{text}");
    }

    #[test]
    fn a_password_file_is_read_again_and_kept_while_unreadable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "one\n").unwrap();
        let toml = format!("password_file = '{}'", file.path().display());
        let config = load(&sources(&toml, &[("PGPASSWORD", "theirs")])).unwrap();
        let password = &config.database.password;
        assert_eq!(password.current().expose_secret(), "one");
        std::fs::write(&file, "two\n").unwrap();
        assert_eq!(password.current().expose_secret(), "two");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(password.current().expose_secret(), "two");
    }
}

//! `[database]`: where PostgreSQL is, and how it is used.

use std::time::Duration;

use super::{MAX_TIMEOUT, reader::Reader, security};
use crate::store::{Host, Settings, Target};

/// `None` only if a problem was noted.
pub(super) fn database(reader: &mut Reader) -> Option<Settings> {
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
    })
}

const HOST: &str = "database.host";
const PORT: &str = "database.port";
const DEFAULT_PORT: u16 = 5432;

/// As libpq has them (PostgreSQL manual, 32.1.1.3): one port for all hosts, or one for each, where an
/// empty one is the default; or, other than there, behind the host's name.
fn hosts(reader: &mut Reader) -> Option<Vec<Host>> {
    let names = reader.texts(HOST, "localhost");
    let ports = reader.texts(PORT, "");
    let ports: Option<Vec<u16>> = ports.and_then(|texts| {
        let ports: Option<Vec<u16>> = texts
            .iter()
            .map(|text| if text.is_empty() { Some(DEFAULT_PORT) } else { port(text) })
            .collect();
        if ports.is_none() {
            reader.wrong(PORT, "a whole number from 1 to 65535, or one for each host of a list");
        }
        ports
    });
    let names = names?;
    let parsed: Option<Vec<_>> = names.iter().map(|text| name_and_port(text)).collect();
    if parsed.is_none() {
        let expected = "a host name, an address or the folder of a Unix socket, or a list of these; a \
                        port may follow after a colon";
        reader.wrong(HOST, expected);
    }
    let (parsed, ports) = (parsed?, ports?);
    if ports.len() > 1 && ports.len() != parsed.len() {
        let text = format!("has {} ports for {} hosts", ports.len(), parsed.len());
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

/// `host`, `host:5432`, `[::1]`, `[::1]:5432`, `::1` or `/folder`.
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

/// Where there are several servers, only one of them takes writes.
fn target(reader: &mut Reader, hosts: usize) -> Option<Target> {
    let choices =
        [("any", Target::Any), ("read-write", Target::ReadWrite), ("primary", Target::Primary)];
    let default = if hosts > 1 { Target::ReadWrite } else { Target::Any };
    let target = reader.optional_choice("database.target_session_attrs", &choices)?;
    Some(target.unwrap_or(default))
}

/// PostgreSQL cuts longer names (manual, 4.1.1), which would then not be found again.
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

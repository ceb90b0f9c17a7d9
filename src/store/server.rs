//! The PostgreSQL servers, and how to connect to them.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use secrecy::ExposeSecret;
use tokio::{sync::watch, time::timeout};
use tokio_postgres::config::Config;
use tracing::warn;

use super::{
    encryption::{Connected, Encryption, REMEDIES, lacks_tls},
    error::{Cause, StoreError},
    hosts::{Host, Location, Role, Target},
    identifier::quote_identifier,
    retention::Retention,
    settings::Settings,
    statement::CommitTexts,
};
use crate::{
    secret::Secret,
    tls::{Fault, Tls},
};

/// Decides which connections are still usable: those opened in the current epoch. A doubt about the
/// server ends the epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct Epochs(Arc<AtomicU64>);

impl Epochs {
    pub(super) fn current(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Invalidates the connections opened up to `epoch`. Only the first call for an epoch has an
    /// effect: connections opened after it are not in doubt.
    pub(super) fn end(&self, epoch: u64) {
        let _ = self.0.compare_exchange(epoch, epoch + 1, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// The PostgreSQL servers, and the parameters of connections to them.
#[derive(Debug)]
pub(super) struct Server {
    /// Everything except host and password.
    pub(super) config: Config,
    hosts: Vec<Host>,
    target: Target,
    password: Secret,
    encryption: Encryption,
    connect_timeout: Duration,
    pub(super) statement_timeout: Duration,
    pub(super) sql: Arc<SqlText>,
    pub(super) prepared_statements: bool,
    /// The number of connections opened.
    pub(super) opened: AtomicU64,
    pub(super) epochs: Epochs,
    /// The server of the newest connection.
    location: Mutex<Option<Location>>,
    /// The number of changes of that server.
    failovers: watch::Sender<u64>,
    pub(super) retention: Arc<Retention>,
}

/// The statements that depend on the schema's name.
#[derive(Debug)]
pub(super) struct SqlText {
    pub(super) commits: CommitTexts,
    pub(super) types: String,
}

impl Server {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut config = Config::new();
        config
            .user(&settings.user)
            .dbname(&settings.dbname)
            .application_name("vendas")
            .connect_timeout(settings.connect_timeout)
            // After this time without acknowledgement the peer is considered dead (tcp(7)).
            .tcp_user_timeout(settings.statement_timeout)
            .keepalives_idle(Duration::from_secs(30));
        let schema = quote_identifier(&settings.schema);
        let sql = SqlText {
            types: include_str!("sql/types.sql")
                // Within a literal.
                .replace("'{schema}", &format!("'{}", schema.replace('\'', "''")))
                .replace("{schema}", &schema),
            commits: CommitTexts::new(schema),
        };
        Self {
            config,
            hosts: settings.hosts.clone(),
            target: settings.target,
            password: settings.password.clone(),
            encryption: settings.encryption.clone(),
            connect_timeout: settings.connect_timeout,
            statement_timeout: settings.statement_timeout,
            sql: Arc::new(sql),
            prepared_statements: settings.prepared_statements,
            opened: AtomicU64::new(0),
            epochs: Epochs::default(),
            location: Mutex::new(None),
            failovers: watch::Sender::new(0),
            retention: Arc::default(),
        }
    }

    pub(super) fn unreachable(&self, why: &str) -> StoreError {
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        StoreError::Transient(Cause::new(format!("PostgreSQL at {}: {why}", hosts.join(","))))
    }

    /// The number of times that connections moved to a different server.
    pub(super) fn failovers(&self) -> watch::Receiver<u64> {
        self.failovers.subscribe()
    }

    /// The server that connections use, once there was a connection.
    pub(super) fn host(&self) -> Option<&Host> {
        let location = *self.location();
        self.hosts.get(location?.host)
    }

    /// Connects to the first acceptable server, starting with the last one used.
    /// `database.connect_timeout` applies to each address separately. Also returns the connection's
    /// epoch.
    ///
    /// # Errors
    /// The errors of all servers; [`StoreError::Permanent`] only if none of them is transient.
    pub(super) async fn connect(&self) -> Result<(Connected, u64), StoreError> {
        let last = self.location().map_or(0, |location| location.host);
        let mut failures = Vec::new();
        for host in (last..self.hosts.len()).chain(0..last) {
            let connected = match self.connect_to(host).await {
                Ok((connected, role)) => self.register(host, &role).map(|epoch| (connected, epoch)),
                Err(error) => Err(error),
            };
            match connected {
                Ok(connected) => {
                    self.opened.fetch_add(1, Ordering::Relaxed);
                    return Ok(connected);
                }
                Err(error) => failures.push(error),
            }
        }
        let passes = failures.iter().any(|error| matches!(error, StoreError::Transient(_)));
        let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let cause = Cause::new(all.join("; "));
        Err(if passes { StoreError::Transient(cause) } else { StoreError::Permanent(cause) })
    }

    async fn connect_to(&self, host: usize) -> Result<(Connected, Role), StoreError> {
        let fails = |why: &str| {
            let host = self.hosts.get(host).map(ToString::to_string).unwrap_or_default();
            StoreError::Transient(Cause::new(format!("PostgreSQL at {host}: {why}")))
        };
        let host = self.hosts.get(host).ok_or_else(|| fails("no such host"))?;
        let mut failed = fails("the host name resolves to no address");
        for address in host.addresses(self.connect_timeout).await? {
            let attempt = self.connect_at(host, address);
            match timeout(self.connect_timeout, attempt).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => failed = error,
                Err(_) => failed = fails("no answer within database.connect_timeout"),
            }
        }
        Err(failed)
    }

    async fn connect_at(
        &self,
        host: &Host,
        address: Option<IpAddr>,
    ) -> Result<(Connected, Role), StoreError> {
        let mut config = self.config.clone();
        let password = self.password.current();
        config.host(&host.name).port(host.port).password(password.expose_secret());
        if let Some(address) = address {
            config.hostaddr(address);
        }
        let encryption = match host.is_unix_socket() {
            true => &Encryption::Never,
            false => &self.encryption,
        };
        let explained = |error| explain(error, host, encryption);
        let connected = encryption.connect(&config).await.map_err(explained)?;
        let role = Role::of(&connected.client).await.map_err(explained)?;
        match role.mismatch(self.target) {
            None => Ok((connected, role)),
            Some(why) => {
                let text = format!(
                    "PostgreSQL at {host} does not match database.target_session_attrs: {why}"
                );
                Err(StoreError::Transient(Cause::new(text)))
            }
        }
    }

    /// Records the server of a new connection. Connections to other servers are not used again, so
    /// that states of different servers are never mixed.
    fn register(&self, host: usize, role: &Role) -> Result<u64, StoreError> {
        let now = Location { host, history: role.history };
        let mut location = self.location();
        if let Some(before) = *location
            && before != now
        {
            if let Some((own, seen)) = now.newer_timeline(&before) {
                let host = self.hosts.get(host).map(ToString::to_string).unwrap_or_default();
                return Err(StoreError::Transient(Cause::new(format!(
                    "PostgreSQL at {host} is a former primary: it is on timeline {own}, but this \
                     instance has already used timeline {seen}: make it a standby of the new \
                     primary (pg_rewind), or restart vendas to use this server again"
                ))));
            }
            self.epochs.end(self.epochs.current());
            self.failovers.send_modify(|failovers| *failovers += 1);
            warn!(
                host = %self.hosts.get(host).map(ToString::to_string).unwrap_or_default(),
                timeline = now.history.map(|history| history.timeline),
                "connected to a different or newly promoted PostgreSQL server"
            );
        }
        *location = Some(now);
        Ok(self.epochs.current())
    }

    fn location(&self) -> MutexGuard<'_, Option<Location>> {
        self.location.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Explains a failure to connect: adds the server's address, which errors of tokio-postgres lack,
/// and explains TLS failures.
fn explain(error: tokio_postgres::Error, host: &Host, encryption: &Encryption) -> StoreError {
    let has_identity = encryption.tls().is_some_and(Tls::has_identity);
    if let Some(fault) = Fault::behind(&error, has_identity, &REMEDIES) {
        let cause = Cause::new(format!("PostgreSQL at {host} {}", fault.text));
        return match fault.passes {
            true => StoreError::Transient(cause),
            false => StoreError::Permanent(cause),
        };
    }
    if lacks_tls(&error) {
        return StoreError::Permanent(Cause::new(format!(
            "PostgreSQL at {host} does not support TLS: set ssl = on in postgresql.conf, or change \
             database.sslmode"
        )));
    }
    let at = |cause: Cause| cause.at(host);
    match StoreError::from(error) {
        StoreError::Transient(cause) => StoreError::Transient(at(cause)),
        StoreError::Permanent(cause) | StoreError::Data(cause) => StoreError::Permanent(at(cause)),
        error @ (StoreError::Fenced | StoreError::NotNew) => error,
    }
}

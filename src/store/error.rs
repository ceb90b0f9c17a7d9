//! Errors of PostgreSQL, classified by the caller's reaction.

use std::{error::Error, fmt, io};

use tokio_postgres::error::{DbError, SqlState};

/// One variant for each reaction of the caller.
#[derive(Debug)]
pub enum StoreError {
    /// The server is unreachable or busy: wait and retry.
    Transient(Cause),
    /// Nothing was written: the partition's next offset is not the start of the batch. Read it
    /// again and continue from there.
    Fenced,
    /// Nothing was written: the batch was to be inserted, and some of its orders already exist.
    /// Retry with upserts.
    NotNew,
    /// The database rejected a row of the batch: find out which.
    Data(Cause),
    /// An operator has to intervene; the cause says how.
    Permanent(Cause),
}

/// The cause as text: the thing, the place and, if known, the remedy. Its `Display` form contains
/// no row values.
#[derive(Clone, Debug)]
pub struct Cause {
    message: String,
    /// The database's own message, if it can quote a row.
    verbatim: Option<String>,
    is_unique_violation: bool,
}

impl Cause {
    /// A cause that is not an error reported by the database.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), verbatim: None, is_unique_violation: false }
    }

    /// The database's full message. It can quote the row: store it only with that row's bytes and
    /// never log it.
    #[must_use]
    pub fn in_full(&self) -> String {
        match &self.verbatim {
            Some(verbatim) => format!("{verbatim}: {}", self.message),
            None => self.message.clone(),
        }
    }

    /// Whether both have the same cause, possibly for different rows.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.message == other.message
    }

    /// Whether a row with the same key already exists.
    pub(super) const fn is_unique_violation(&self) -> bool {
        self.is_unique_violation
    }

    /// The same cause with the server's address.
    #[must_use]
    pub(super) fn at(mut self, address: &impl fmt::Display) -> Self {
        self.message = format!("PostgreSQL at {address}: {}", self.message);
        self
    }

    fn of(error: &DbError) -> Self {
        let code = error.code().code();
        // Errors of class 22 quote the value, and those of class P0 contain a trigger's own text.
        let quotes = matches!(code.get(..2), Some("22" | "44" | "P0"));
        let mut message =
            if quotes { "a value was rejected".to_owned() } else { error.message().to_owned() };
        // DETAIL is left out: it quotes the row.
        for (what, name) in [
            ("table", error.table()),
            ("column", error.column()),
            ("constraint", error.constraint()),
        ] {
            if let Some(name) = name.filter(|name| !message.contains(name)) {
                message.push_str(&format!(", {what} \"{name}\""));
            }
        }
        if let Some(remedy) = remedy(error.code()) {
            message.push_str(": ");
            message.push_str(remedy);
        }
        message.push_str(&format!(" (SQLSTATE {code})"));
        Self {
            message,
            verbatim: quotes.then(|| error.message().to_owned()),
            is_unique_violation: *error.code() == SqlState::UNIQUE_VIOLATION,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient(cause) | Self::Data(cause) | Self::Permanent(cause) => cause.fmt(f),
            Self::Fenced => f.write_str("another instance committed past this offset"),
            Self::NotNew => f.write_str("some of these orders already exist"),
        }
    }
}

impl Error for StoreError {}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(db_error) = error.as_db_error() {
            return reaction(db_error.code())(Cause::of(db_error));
        }
        let cause = Cause::new(with_sources(&error));
        // An error without a source is an unexpected message, such as from a pooler that mixed up
        // responses: use another connection.
        if error.is_closed() || is_io(&error) || error.source().is_none() {
            Self::Transient(cause)
        } else {
            // A value could not be encoded or decoded: find out which row it belongs to.
            Self::Data(cause)
        }
    }
}

/// For the classes see the PostgreSQL manual, appendix A.
fn reaction(code: &SqlState) -> fn(Cause) -> StoreError {
    let permanent_in_data_class = [&SqlState::NOT_NULL_VIOLATION];
    match (code.code().get(..2).unwrap_or_default(), code) {
        // No statement here writes a null into a NOT NULL column of schema.sql, so the column was
        // added later and has no default. Every order would be rejected for the same reason.
        (_, code) if permanent_in_data_class.contains(&code) => StoreError::Permanent,
        ("21" | "22" | "23" | "44" | "54" | "P0", _) => StoreError::Data,
        ("08" | "40" | "53" | "57" | "58", _) => StoreError::Transient,
        // A lock timeout; a process frozen during a transaction; a standby during a failover; a
        // pooler that switched to a server without the prepared statement.
        (
            _,
            &SqlState::LOCK_NOT_AVAILABLE
            | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            | &SqlState::READ_ONLY_SQL_TRANSACTION
            | &SqlState::INVALID_SQL_STATEMENT_NAME
            | &SqlState::DUPLICATE_PSTATEMENT,
        ) => StoreError::Transient,
        _ => StoreError::Permanent,
    }
}

fn remedy(code: &SqlState) -> Option<&'static str> {
    Some(match *code {
        SqlState::INVALID_PASSWORD => {
            "check database.user and database.password, and the server's pg_hba.conf"
        }
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "check database.user, database.sslmode and database.sslcert, and the server's \
             pg_hba.conf"
        }
        SqlState::INVALID_CATALOG_NAME => "create it with createdb, or set database.dbname",
        SqlState::UNDEFINED_TABLE
        | SqlState::UNDEFINED_OBJECT
        | SqlState::UNDEFINED_COLUMN
        | SqlState::UNDEFINED_FUNCTION
        | SqlState::INVALID_SCHEMA_NAME => {
            "run `vendas schema --apply` as the tables' owner, or set database.schema"
        }
        SqlState::INVALID_COLUMN_REFERENCE => {
            "the table lacks the primary key that `vendas schema` shows: add it"
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "grant the privilege to database.user: `vendas check` lists those that `run` needs, \
             packaging/grants-purge.sql in the source has those for purges and roll-ups"
        }
        SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => {
            "behind a pooler in transaction mode, set database.prepared_statements = false, or \
             enable prepared statements in the pooler (PgBouncer 1.21 or newer: \
             max_prepared_statements)"
        }
        SqlState::LOCK_NOT_AVAILABLE => {
            "another session has held the lock for too long, pg_locks shows which one"
        }
        SqlState::NOT_NULL_VIOLATION => "give that column a default, or drop its NOT NULL",
        _ => return None,
    })
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.is::<io::Error>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

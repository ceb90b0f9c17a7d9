//! What went wrong in PostgreSQL, by what the caller does about it.

use std::{error::Error, fmt, io};

use tokio_postgres::error::{DbError, SqlState};

/// A variant for each reaction of the caller.
#[derive(Debug)]
pub enum StoreError {
    /// The server is out of reach or busy: wait, and try again.
    Transient(Cause),
    /// Nothing was written, since the partition's next offset is not the one that the batch starts
    /// at: read it again, and go on from there.
    Fenced,
    /// Nothing was written, since some of the batch's orders are there already and it was to be
    /// inserted: do it again with upserts.
    NotNew,
    /// The database rejects a row of the batch: find out which.
    Data(Cause),
    /// A person has to put something right, and the cause says what.
    Permanent(Cause),
}

/// Why, in words for a person: the thing, the place and, where there is one, the remedy. What it
/// displays holds no value of any row.
#[derive(Clone, Debug)]
pub struct Cause {
    message: String,
    /// What the database said in its own words, where these can quote a row.
    verbatim: Option<String>,
    is_unique_violation: bool,
}

impl Cause {
    /// A cause that did not come from the database as an error of its own.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), verbatim: None, is_unique_violation: false }
    }

    /// Everything the database said. It can quote the row, so it belongs beside that row's bytes and
    /// into no log.
    #[must_use]
    pub fn in_full(&self) -> String {
        match &self.verbatim {
            Some(verbatim) => format!("{verbatim}: {}", self.message),
            None => self.message.clone(),
        }
    }

    /// Whether it is the same trouble, whatever row it is about.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.message == other.message
    }

    /// Whether a row with the same key is there already.
    pub(super) const fn is_unique_violation(&self) -> bool {
        self.is_unique_violation
    }

    /// The same cause, met at the server with that address.
    #[must_use]
    pub(super) fn at(mut self, address: &impl fmt::Display) -> Self {
        self.message = format!("PostgreSQL at {address}: {}", self.message);
        self
    }

    fn of(error: &DbError) -> Self {
        let code = error.code().code();
        // Class 22 quotes what it cannot convert, and P0 says whatever a trigger's author likes.
        let quotes = matches!(code.get(..2), Some("22" | "44" | "P0"));
        let mut message =
            if quotes { "a value is rejected".to_owned() } else { error.message().to_owned() };
        // Not DETAIL, which quotes the row.
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
            Self::Fenced => f.write_str("the partition's next offset was moved by another"),
            Self::NotNew => f.write_str("some of these orders are there already"),
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
        // What has no cause of its own is an answer that does not belong to the question, as from a
        // pooler that lost count: another connection will do.
        if error.is_closed() || is_io(&error) || error.source().is_none() {
            Self::Transient(cause)
        } else {
            // It could not be said to the server, or not be understood: which row is it about?
            Self::Data(cause)
        }
    }
}

/// Classes: PostgreSQL manual, appendix A.
fn reaction(code: &SqlState) -> fn(Cause) -> StoreError {
    let permanent_in_data_class = [&SqlState::NOT_NULL_VIOLATION];
    match (code.code().get(..2).unwrap_or_default(), code) {
        // No statement of ours writes a null where our tables forbid it, so it is somebody's new
        // column that has no default, and every order would be rejected alike.
        (_, code) if permanent_in_data_class.contains(&code) => StoreError::Permanent,
        ("21" | "22" | "23" | "44" | "54" | "P0", _) => StoreError::Data,
        ("08" | "40" | "53" | "57" | "58", _) => StoreError::Transient,
        // A lock that was not had in time; a process that was frozen amid a transaction; a standby
        // amid a failover; a pooler that gave us another server, which does not know our prepared
        // statement.
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
            "run `vendas schema --apply` as the role that owns the schema, or set database.schema"
        }
        SqlState::INVALID_COLUMN_REFERENCE => {
            "the table lacks the primary key that `vendas schema` shows: add it"
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "grant it to database.user; `vendas check` lists what `run` needs"
        }
        SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => {
            "behind a pooler in transaction mode set database.prepared_statements = false, or have \
             it keep them (PgBouncer 1.21 or newer: max_prepared_statements)"
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

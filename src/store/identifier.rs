//! Identifiers in SQL.

/// `name` as a quoted identifier (PostgreSQL manual, 4.1.1).
#[must_use]
pub(super) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

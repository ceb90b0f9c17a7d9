//! Problems with the tables: how their structure differs from the required one, and the remedies.

use std::{cmp::Ordering, fmt};

use super::{
    found::{Found, satisfies},
    identifier::quote_identifier,
    tables::Table,
};

/// The schema version that `schema.sql` creates and this program supports.
pub(super) const VERSION: i32 = 5;

/// The remedy for missing tables and upgrade steps.
pub(super) const APPLY: &str = "run `vendas schema --apply` as the tables' owner";

const ELSEWHERE: &str = "set database.schema to a separate schema for vendas";

/// A problem with the tables that prevents vendas from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The table or tables.
    pub what: String,
    /// What is wrong.
    pub problem: String,
    /// How to fix it.
    pub remedy: String,
    pub(super) missing: Option<Missing>,
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// All tables.
    Everything,
    /// Some tables, or an upgrade step. As for [`Self::Everything`], the remedy is applying the
    /// schema.
    Part,
    /// A column; tables of an earlier version may lack it.
    Column,
}

impl Finding {
    /// Whether none of the tables exists yet.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.missing == Some(Missing::Everything)
    }

    /// Whether applying the schema is the remedy.
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self.missing, Some(Missing::Everything | Missing::Part))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.what, self.problem, self.remedy)
    }
}

/// The differences between the structure that `table` requires and the one that was found. `name`
/// is the table's qualified name, and `user` the role that needs the privileges.
pub(super) fn compare(table: &Table, found: &Found, name: &str, user: &str) -> Vec<Finding> {
    let finding = |problem: String, remedy: String| Finding {
        what: name.to_owned(),
        problem,
        remedy,
        missing: None,
    };
    let mut findings = Vec::new();
    if found.is_view != table.is_view {
        let problem = if table.is_view { "is not a view" } else { "is not a table" };
        findings.push(finding(problem.to_owned(), ELSEWHERE.to_owned()));
        return findings;
    }
    if !found.is_logged {
        findings.push(finding(
            "is unlogged: a crash would empty it but keep the offsets".to_owned(),
            format!("ALTER TABLE {name} SET LOGGED"),
        ));
    }
    for (column, data_type) in table.columns {
        let have = found.columns.get(*column).map(|column| column.data_type.as_str());
        if have.is_none_or(|have| !satisfies(data_type, have)) {
            let wanted = data_type.replace('|', " or ");
            let problem = match have {
                Some(have) => format!("column {column} is {have}, must be {wanted}"),
                None => format!("has no column {column} of type {wanted}"),
            };
            let remedy = format!("alter it, or {ELSEWHERE}");
            let missing = have.is_none().then_some(Missing::Column);
            findings.push(Finding { missing, ..finding(problem, remedy) });
        }
    }
    for (column, have) in &found.columns {
        let ours = table.columns.iter().any(|(name, _)| name == column);
        if have.demands_value && !ours {
            findings.push(finding(
                format!(
                    "column {column} is NOT NULL and has no default, and vendas has no value for it"
                ),
                format!(
                    "ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL, or give it a default"
                ),
            ));
        }
    }
    let same_columns = |key: &[String]| {
        key.len() == table.key.len()
            && table.key.iter().all(|column| key.iter().any(|have| have == column))
    };
    if !table.key.is_empty() && !found.keys.iter().any(|key| same_columns(key)) {
        let key = table.key.join(", ");
        findings.push(finding(
            format!("has no primary key or unique constraint on exactly ({key})"),
            format!("ALTER TABLE {name} ADD UNIQUE ({key})"),
        ));
    }
    let missing: Vec<&str> = table
        .privileges
        .iter()
        .copied()
        .filter(|privilege| !found.privileges.iter().any(|have| have == privilege))
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        findings.push(finding(
            format!("the role \"{user}\" lacks {missing}"),
            format!("GRANT {missing} ON {name} TO {}", quote_identifier(user)),
        ));
    }
    findings
}

/// The problem with tables of `version`, if there is one; `name` is the name of the table that holds
/// the version.
pub(super) fn compare_version(version: i32, name: String) -> Option<Finding> {
    let (problem, remedy) = match version.cmp(&VERSION) {
        Ordering::Less => {
            (format!("version {version} is too old: this vendas needs version {VERSION}"), APPLY)
        }
        Ordering::Equal => return None,
        Ordering::Greater => (
            format!("version {version} is too new: this vendas supports version {VERSION}"),
            "upgrade vendas on this machine",
        ),
    };
    Some(Finding {
        what: name,
        problem,
        remedy: remedy.to_owned(),
        missing: (version < VERSION).then_some(Missing::Part),
    })
}

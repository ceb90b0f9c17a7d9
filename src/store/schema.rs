//! Checks, creates and upgrades the tables.

use std::{cmp::Ordering, collections::HashMap, fmt};

use tokio_postgres::types::{ToSql, Type};

use super::{
    Cause, Store, StoreError,
    found::{Found, precision_and_scale, satisfies},
    tables::{TABLES, Table},
};
use crate::order::SalesBounds;

/// `schema.sql`: creates everything that is missing.
pub const SCHEMA: &str = include_str!("../../schema.sql");

/// The schema version that `schema.sql` creates and this program supports.
const VERSION: i32 = 5;

const APPLY: &str = "run `vendas schema --apply` as the role that owns the schema";

const ELSEWHERE: &str = "set database.schema to a separate schema for vendas";

/// Key of the advisory lock that allows one session at a time to apply the schema: an arbitrary
/// constant.
const APPLY_LOCK: i64 = 0x7665_6e64_6173;

/// A problem with the tables that prevents vendas from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The table or tables.
    pub what: String,
    /// What is wrong.
    pub problem: String,
    /// How to fix it.
    pub remedy: String,
    missing: Option<Missing>,
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
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
    const fn is_absent(&self) -> bool {
        matches!(self.missing, Some(Missing::Everything | Missing::Part))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.what, self.problem, self.remedy)
    }
}

/// `name` as a quoted identifier (PostgreSQL manual, 4.1.1).
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Store {
    /// All problems with the tables and the privileges on them that prevent vendas from working;
    /// empty if there are none.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn inspect(&self) -> Result<Vec<Finding>, StoreError> {
        let found = self.catalogue().await?;
        let mut findings = Vec::new();
        let may_use = self.may_use_schema().await?;
        if !may_use {
            let (user, schema) = (self.server.config.get_user().unwrap_or_default(), &self.schema);
            let (role, quoted) = (quote_identifier(user), quote_identifier(schema));
            findings.push(Finding {
                what: format!("schema {quoted}"),
                problem: format!("the role \"{user}\" lacks USAGE"),
                remedy: format!("GRANT USAGE ON SCHEMA {quoted} TO {role}"),
                missing: None,
            });
        }
        let (present, absent): (Vec<_>, Vec<_>) =
            TABLES.iter().partition(|table| found.contains_key(table.name));
        if !absent.is_empty() {
            let names: Vec<_> = absent.iter().map(|table| self.qualified(table.name)).collect();
            findings.push(Finding {
                what: names.join(", "),
                problem: "missing".to_owned(),
                remedy: APPLY.to_owned(),
                missing: Some(if present.is_empty() { Missing::Everything } else { Missing::Part }),
            });
        }
        for table in present {
            findings.extend(
                found.get(table.name).into_iter().flat_map(|found| self.compare(table, found)),
            );
        }
        let versions = found.get("schema_version").filter(|versions| versions.is_readable());
        if may_use && versions.is_some() {
            let version = self.schema_version().await?;
            if version < VERSION {
                // The remaining upgrade steps add these.
                findings.retain(|finding| finding.missing != Some(Missing::Column));
            }
            findings.extend(self.compare_version(version));
        }
        Ok(findings)
    }

    /// Checks the tables; applies the schema if some are missing and `may_apply` is set.
    ///
    /// # Errors
    /// [`StoreError::Permanent`] with all problems and their remedies; otherwise as
    /// [`Store::session`].
    pub async fn prepare_schema(&self, may_apply: bool) -> Result<(), StoreError> {
        let mut findings = self.inspect().await?;
        if may_apply && findings.iter().any(Finding::is_absent) {
            self.apply_schema().await.map_err(|error| match error {
                StoreError::Permanent(cause) => {
                    let missing: Vec<String> = findings.iter().map(Finding::to_string).collect();
                    let missing = missing.join("; ");
                    StoreError::Permanent(Cause::new(format!(
                        "{missing}; applying the schema \
                        failed: {cause}"
                    )))
                }
                passing => passing,
            })?;
            findings = self.inspect().await?;
        }
        if findings.is_empty() {
            return Ok(());
        }
        let all: Vec<String> = findings.iter().map(Finding::to_string).collect();
        Err(StoreError::Permanent(Cause::new(all.join("; "))))
    }

    /// The value ranges of the columns of `sales`; the table may have existed before vendas.
    ///
    /// # Errors
    /// [`StoreError::Permanent`] if there is no such table; otherwise as [`Store::session`].
    pub async fn sales_bounds(&self) -> Result<SalesBounds, StoreError> {
        let found = self.catalogue().await?;
        let data_type = |column: &str| {
            let sales = found.get("sales")?;
            sales.columns.get(column).map(|column| column.data_type.as_str())
        };
        match (data_type("order_number"), data_type("total")) {
            (Some(number), Some(total)) => Ok(SalesBounds {
                wide_numbers: number == "bigint",
                total: precision_and_scale(total),
            }),
            _ => {
                let sales = self.qualified("sales");
                Err(StoreError::Permanent(Cause::new(format!("{sales}: missing: {APPLY}"))))
            }
        }
    }

    /// The time zone in which rows without `counted_at` count; `None` without tables.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn shop_clock(&self) -> Result<Option<String>, StoreError> {
        let sql = self.sql("SELECT timezone FROM {schema}.shop_clock");
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let row = connection.in_time(connection.client().query_typed_opt(&sql, &[])).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Runs `schema.sql` in the configured schema, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Permanent`] if the role lacks the privileges; otherwise as [`Store::session`].
    pub async fn apply_schema(&self) -> Result<(), StoreError> {
        let schema = quote_identifier(&self.schema);
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let client = connection.client();
        let exists = "SELECT to_regnamespace($1) IS NOT NULL";
        let row =
            connection.in_time(client.query_typed_one(exists, &[(&schema, Type::TEXT)])).await?;
        // IF NOT EXISTS requires the privilege even if the schema exists.
        let create = match row.try_get(0)? {
            true => String::new(),
            false => format!("CREATE SCHEMA IF NOT EXISTS {schema};"),
        };
        let clock = format!("'{}'", self.shop_timezone.replace('\'', "''"));
        let sql = format!(
            "BEGIN; SET LOCAL client_min_messages = warning; \
             SELECT pg_advisory_xact_lock({APPLY_LOCK}); {create} \
             SET LOCAL search_path TO {schema}; SET LOCAL vendas.shop_timezone = {clock}; \
             {SCHEMA} COMMIT"
        );
        let applied = connection.in_time(connection.client().batch_execute(&sql)).await;
        if applied.is_err() {
            connection.give_up();
        }
        applied
    }

    /// Whether the role may create tables in the configured schema, or the schema itself if it does
    /// not exist.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn may_create(&self) -> Result<bool, StoreError> {
        let sql = "SELECT coalesce((SELECT has_schema_privilege(oid, 'USAGE') \
                                    AND has_schema_privilege(oid, 'CREATE') \
                                    FROM pg_namespace WHERE nspname = $1), \
                                   has_database_privilege(current_database(), 'CREATE'))";
        self.schema_query(sql).await
    }

    /// True as well if the schema does not exist yet.
    async fn may_use_schema(&self) -> Result<bool, StoreError> {
        let sql = "SELECT coalesce(bool_and(has_schema_privilege(oid, 'USAGE')), true) \
                   FROM pg_namespace WHERE nspname = $1";
        self.schema_query(sql).await
    }

    /// The result of a boolean query about the configured schema, `$1`.
    async fn schema_query(&self, sql: &str) -> Result<bool, StoreError> {
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let asked = [(&self.schema as &(dyn ToSql + Sync), Type::TEXT)];
        let row = connection.in_time(connection.client().query_typed_one(sql, &asked)).await?;
        Ok(row.try_get(0)?)
    }

    async fn schema_version(&self) -> Result<i32, StoreError> {
        let sql = self.sql("SELECT coalesce(max(version), 0) FROM {schema}.schema_version");
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let row = connection.in_time(connection.client().query_typed_one(&sql, &[])).await?;
        Ok(row.try_get(0)?)
    }

    async fn catalogue(&self) -> Result<HashMap<String, Found>, StoreError> {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let rows = connection
            .in_time(connection.client().query_typed(
                include_str!("sql/catalogue.sql"),
                &[(&self.schema, Type::TEXT), (&names, Type::TEXT_ARRAY)],
            ))
            .await?;
        let mut tables = HashMap::<String, Found>::new();
        for row in &rows {
            let table: String = row.try_get("table_name")?;
            tables.entry(table).or_default().add(row)?;
        }
        Ok(tables)
    }

    fn compare_version(&self, version: i32) -> Option<Finding> {
        let (problem, remedy) = match version.cmp(&VERSION) {
            Ordering::Less => (
                format!("version {version} is too old: this vendas needs version {VERSION}"),
                APPLY,
            ),
            Ordering::Equal => return None,
            Ordering::Greater => (
                format!("version {version} is too new: this vendas supports version {VERSION}"),
                "upgrade vendas on this machine",
            ),
        };
        Some(Finding {
            what: self.qualified("schema_version"),
            problem,
            remedy: remedy.to_owned(),
            missing: (version < VERSION).then_some(Missing::Part),
        })
    }

    fn compare(&self, table: &Table, found: &Found) -> Vec<Finding> {
        let name = self.qualified(table.name);
        let user = self.server.config.get_user().unwrap_or_default();
        let finding = |problem: String, remedy: String| Finding {
            what: name.clone(),
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
                    format!("column {column} is NOT NULL and has no default, and vendas has no value for it"),
                    format!("ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL, or give it a default"),
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
                format!("ALTER TABLE {name} ADD PRIMARY KEY ({key})"),
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

    fn qualified(&self, table: &str) -> String {
        format!("{}.{table}", quote_identifier(&self.schema))
    }
}

//! Checks, creates and upgrades the tables.

use std::{collections::HashMap, time::Duration};

use tokio_postgres::types::{ToSql, Type};

use super::{
    database::Store,
    error::{Cause, StoreError},
    finding::{APPLY, Finding, Missing, VERSION, compare, compare_version},
    found::{Found, precision_and_scale},
    identifier::quote_identifier,
    locks::APPLY_LOCK,
    long::begin_long,
    tables::TABLES,
};
use crate::order::SalesBounds;

/// `schema.sql`: creates everything that is missing.
pub const SCHEMA: &str = include_str!("../../schema.sql");

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
        let user = self.server.config.get_user().unwrap_or_default();
        if !may_use {
            let (role, quoted) = (quote_identifier(user), quote_identifier(&self.schema));
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
            if let Some(found) = found.get(table.name) {
                findings.extend(compare(table, found, &self.qualified(table.name), user));
            }
        }
        let versions = found.get("schema_version").filter(|versions| versions.is_readable());
        if may_use && versions.is_some() {
            let version = self.schema_version().await?;
            if version < VERSION {
                // The remaining upgrade steps add these.
                findings.retain(|finding| finding.missing != Some(Missing::Column));
            }
            findings.extend(compare_version(version, self.qualified("schema_version")));
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
            self.apply_schema(None).await.map_err(|error| match error {
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

    /// Runs `schema.sql` in the configured schema, in one transaction. An upgrade step may add up all
    /// orders: with a `limit`, that is the limit, and `database.statement_timeout` only limits each wait
    /// for a lock, behind which commits queue.
    ///
    /// # Errors
    /// [`StoreError::Permanent`] if the role lacks the privileges, or after `limit`; otherwise as
    /// [`Store::session`].
    pub async fn apply_schema(&self, limit: Option<Duration>) -> Result<(), StoreError> {
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
        let limits = limit.map(|limit| {
            let lock_timeout = self.server.statement_timeout.as_millis().max(1);
            format!("{}; SET LOCAL lock_timeout = {lock_timeout};", begin_long(limit))
        });
        let limits = limits.unwrap_or_default();
        let sql = format!(
            "BEGIN; {limits} SET LOCAL client_min_messages = warning; \
             SELECT pg_advisory_xact_lock({APPLY_LOCK}); {create} \
             SET LOCAL search_path TO {schema}; SET LOCAL vendas.shop_timezone = {clock}; \
             {SCHEMA} COMMIT"
        );
        let apply = client.batch_execute(&sql);
        let applied = async {
            match limit {
                Some(limit) => {
                    self.in_long_time(connection, "applying the schema", limit, apply).await
                }
                None => connection.in_time(apply).await,
            }
        };
        connection.transaction(applied).await
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

    fn qualified(&self, table: &str) -> String {
        format!("{}.{table}", quote_identifier(&self.schema))
    }
}

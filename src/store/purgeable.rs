//! Counts what a purge would delete.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use tokio_postgres::types::Type;

use super::{database::Store, error::StoreError, rows::WallClock};

/// What a purge would delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeableOrders {
    /// Rows of `sales`.
    pub sales_rows: i64,
    /// Rows of `orders`, cancelled ones included.
    pub orders_rows: i64,
    /// Orders; one with rows in both tables counts once.
    pub orders: i64,
    /// The total of these orders, as a decimal number without trailing zeros.
    pub total: String,
    /// The first and the last day of these rows in the shop's time zone, in ISO 8601.
    pub days: Option<(String, String)>,
    /// Orders without a known time. They are not deleted.
    pub unknown: i64,
    /// Orders that were purged earlier and whose sums are archived.
    pub archived: i64,
}

/// Today and an earlier day in the shop's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopDay {
    /// Today.
    pub today: Date,
    /// The earlier day.
    pub then: Date,
    /// The shop's time zone: a name of the IANA database.
    pub timezone: String,
}

impl Store {
    /// Today in the shop's time zone, and the day at `ago` (an interval in ISO 8601, such as
    /// `P400D`) before now.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn shop_day(&self, ago: &str) -> Result<ShopDay, StoreError> {
        let sql = self.sql(
            "SELECT local::date, (local - $1::text::interval)::date, timezone \
             FROM (SELECT now() AT TIME ZONE timezone AS local, timezone FROM {schema}.shop_clock) \
                 AS clock",
        );
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let client = connection.client();
        let row = connection.in_time(client.query_typed_one(&sql, &[(&ago, Type::TEXT)])).await?;
        Ok(ShopDay { today: row.try_get(0)?, then: row.try_get(1)?, timezone: row.try_get(2)? })
    }

    /// What a purge of the orders before `before`, in the shop's time zone, would delete. Reads
    /// both tables completely, for at most `limit`.
    ///
    /// # Errors
    /// As [`Store::session`]; [`StoreError::Permanent`] also after `limit`.
    pub async fn purgeable_orders(
        &self,
        before: DateTime,
        limit: Duration,
    ) -> Result<PurgeableOrders, StoreError> {
        let sql = self.sql(include_str!("sql/purgeable.sql"));
        let row = self
            .long_row("counting orders", limit, &sql, &[(&WallClock(before), Type::TIMESTAMP)])
            .await?;
        let first: Option<String> = row.try_get("first")?;
        let last: Option<String> = row.try_get("last")?;
        Ok(PurgeableOrders {
            sales_rows: row.try_get("sales")?,
            orders_rows: row.try_get("orders_rows")?,
            orders: row.try_get("orders")?,
            total: row.try_get("total")?,
            days: first.zip(last),
            unknown: row.try_get("unknown")?,
            archived: row.try_get("archived")?,
        })
    }
}

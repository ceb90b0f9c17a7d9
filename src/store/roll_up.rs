//! Rolls sums of products by day up to months (see `schema.sql`, the table `roll_ups`).
//!
//! The boundary is set first, in a transaction of its own: from then on sums that are folded go to the
//! first day of their month. Then the days of a month become one row for each product, a transaction a
//! month. Sums of months are the same at every moment, so that it can end anywhere and be started again.

use jiff::civil::Date;
use tokio_postgres::types::{ToSql, Type};

use super::{Store, StoreError, rows::Day};

/// What a roll-up would make of the sums of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollUp {
    /// Sums of a product and a day, as they are.
    pub days: i64,
    /// Sums of a product and a month, as they would be.
    pub months: i64,
}

impl Store {
    /// What there is to roll up before a day.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn roll_up(&self, before: Date) -> Result<RollUp, StoreError> {
        let sql = self.sql(
            "SELECT (SELECT count(*) FROM {schema}.product_days \
                     WHERE isfinite(day) AND day < $1), \
                    (SELECT count(*) FROM {schema}.product_months \
                     WHERE isfinite(month) AND month < $1)",
        );
        let lent = self.lend().await?;
        let client = lent.connection()?.client();
        let row = client.query_typed_one(&sql, &[(&Day(before), Type::DATE)]).await?;
        Ok(RollUp { days: row.try_get(0)?, months: row.try_get(1)? })
    }

    /// Has sums of products before `before`, the first day of a month, kept by month, and notes who says
    /// so and why.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn begin_roll_up(
        &self,
        before: Date,
        because: &str,
        rolled_up_by: &str,
    ) -> Result<(), StoreError> {
        let sql = self.sql(
            "INSERT INTO {schema}.roll_ups (rolled_up_before, because, rolled_up_by) \
             VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&Day(before), Type::DATE), (&because, Type::TEXT), (&rolled_up_by, Type::TEXT)];
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        connection.in_time(connection.client().execute_typed(&sql, &parameters)).await?;
        Ok(())
    }

    /// Rolls up the first month after `done` of which there are days, all or nothing. Returns its first
    /// day; `None` if there is none.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn roll_up_month(&self, done: Option<Date>) -> Result<Option<Date>, StoreError> {
        let sql = self.sql("SELECT {schema}.roll_up_month($1)");
        let lent = self.lend().await?;
        let client = lent.connection()?.client();
        // It takes as long as it takes, and no batch waits for it.
        let row = client.query_typed_one(&sql, &[(&done.map(Day), Type::DATE)]).await?;
        fail::fail_point!("rolled_up_month");
        Ok(row.try_get(0)?)
    }
}

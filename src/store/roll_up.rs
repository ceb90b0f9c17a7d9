//! Rolls up daily product sums to months (see `schema.sql`, the table `roll_ups`).
//!
//! A separate transaction sets the boundary first: from then on, folded sums before it go to the
//! first day of their month. Then, in one transaction per month, the days of a month become one row
//! per product. Monthly sums stay the same throughout, so a roll-up can be interrupted and started
//! again.

use jiff::civil::Date;
use tokio_postgres::types::{ToSql, Type};

use super::{database::Store, error::StoreError, rows::Day};

/// The effect of a roll-up on the product sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollUp {
    /// The current number of rows by product and day.
    pub days: i64,
    /// The resulting number of rows by product and month.
    pub months: i64,
}

impl Store {
    /// Counts what a roll-up before a day would change.
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

    /// Sets the boundary to `before`, the first day of a month, and records who did so and why.
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

    /// Rolls up the first month after `done` that has daily sums, in one transaction. Returns its
    /// first day; `None` if there is none.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn roll_up_month(&self, done: Option<Date>) -> Result<Option<Date>, StoreError> {
        let sql = self.sql("SELECT {schema}.roll_up_month($1)");
        let lent = self.lend().await?;
        let client = lent.connection()?.client();
        // No deadline: no batch waits for it.
        let row = client.query_typed_one(&sql, &[(&done.map(Day), Type::DATE)]).await?;
        fail::fail_point!("rolled_up_month");
        Ok(row.try_get(0)?)
    }
}

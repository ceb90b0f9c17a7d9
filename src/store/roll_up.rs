//! Rolls up daily product sums to months (see `schema.sql`, the table `roll_ups`).
//!
//! A separate transaction sets the boundary first: from then on, folded sums before it go to the
//! first day of their month. Then, in one transaction per month, the days of a month become one row
//! per product. Monthly sums stay the same throughout, so a roll-up can be interrupted and started
//! again.

use std::time::Duration;

use jiff::civil::Date;
use tokio_postgres::types::Type;

use super::{database::Store, error::StoreError, rows::Day, session::Parameter};

/// The effect of a roll-up on the product sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollUp {
    /// The current number of rows by product and day.
    pub days: i64,
    /// The resulting number of rows by product and month.
    pub months: i64,
}

impl Store {
    /// Counts what a roll-up before a day would change, for at most `limit`.
    ///
    /// # Errors
    /// As [`Store::session`]; [`StoreError::Permanent`] also after `limit`.
    pub async fn roll_up(&self, before: Date, limit: Duration) -> Result<RollUp, StoreError> {
        let sql = self.sql(
            "SELECT (SELECT count(*) FROM {schema}.product_days \
                     WHERE isfinite(day) AND day < $1), \
                    (SELECT count(*) FROM {schema}.product_months \
                     WHERE isfinite(month) AND month < $1)",
        );
        let parameters: [Parameter<'_>; 1] = [(&Day(before), Type::DATE)];
        let row = self.long_row("counting sums", limit, &sql, &parameters).await?;
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
        let parameters: [Parameter<'_>; 3] =
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
    /// As [`Store::session`]; [`StoreError::Permanent`] also after `limit`: then the month is as it
    /// was.
    pub async fn roll_up_month(
        &self,
        done: Option<Date>,
        limit: Duration,
    ) -> Result<Option<Date>, StoreError> {
        let sql = self.sql("SELECT {schema}.roll_up_month($1)");
        let parameters: [Parameter<'_>; 1] = [(&done.map(Day), Type::DATE)];
        let row = self.long_row("rolling up a month", limit, &sql, &parameters).await?;
        fail::fail_point!("rolled_up_month");
        Ok(row.try_get(0)?)
    }
}

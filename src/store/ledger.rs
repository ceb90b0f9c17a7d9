//! The ledgers of differences that triggers keep (see `schema.sql`).

use super::{Store, StoreError};

impl Store {
    /// Folds the ledgers of differences into the sums, which makes the totals quick to read and changes
    /// nothing about them.
    ///
    /// Returns how many rows of the ledgers were folded; `None` if another session is at it.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn fold_ledgers(&self) -> Result<Option<i64>, StoreError> {
        let sql = self.sql("SELECT {schema}.fold_ledgers()");
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let row = connection.in_time(connection.client().query_typed_one(&sql, &[])).await?;
        Ok(row.try_get(0)?)
    }
}

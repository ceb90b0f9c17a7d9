//! The ledgers of differences that triggers write (see `schema.sql`).

use super::{database::Store, error::StoreError};

impl Store {
    /// Folds the ledgers into the sums. This makes the totals quick to read and does not change
    /// them.
    ///
    /// Returns the number of folded rows; `None` if another session is folding.
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

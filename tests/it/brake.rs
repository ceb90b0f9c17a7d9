//! Keeps a run from processing everything before a test interrupts it, however fast it is.

use testbed::{Database, Result};
use tokio_postgres::Client;

/// Until it is dropped, no commit moves a partition past an offset: commits that would do so wait.
///
/// The run needs a `pipeline.commit_records` that divides the offset. Statements that wait continue
/// when the brake is dropped, even if their run has been killed.
pub(crate) struct Brake {
    _session: Client,
}

impl Brake {
    /// The database must have its tables. It replaces the previous brake, which must have been
    /// dropped.
    ///
    /// # Errors
    /// If the database refuses.
    pub(crate) async fn at(database: &Database, offset: usize) -> Result<Self> {
        let session = database.connect().await?;
        let sql = format!(
            "CREATE OR REPLACE FUNCTION brake() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 PERFORM pg_advisory_xact_lock_shared(0, 0);
                 RETURN NEW;
             END $$;
             CREATE OR REPLACE TRIGGER brake BEFORE UPDATE ON partitions FOR EACH ROW
                 WHEN (NEW.next_offset > {offset}) EXECUTE FUNCTION brake()"
        );
        session.batch_execute(&sql).await?;
        // In a second transaction: a statement of a killed run may hold a lock on the table and wait
        // for this advisory lock, which would be a deadlock.
        session.batch_execute("SELECT pg_advisory_lock(0, 0)").await?;
        Ok(Self { _session: session })
    }
}

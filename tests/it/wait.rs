//! Waits for rows, locks, sessions and log lines of vendas.

use testbed::{Database, Result, Vendas, ensure, eventually};

use crate::shop::DEADLINE;

/// Waits until `table` has exactly `expected` rows. A condition may follow the table's name.
pub(crate) async fn until_count(
    database: &Database,
    table: &str,
    expected: i64,
    run: &Vendas,
) -> Result<()> {
    eventually(&format!("{expected} rows of {table}"), DEADLINE, async || {
        let count = database.count(table).await?;
        ensure!(count == expected, "{count} rows: {}", run.state());
        Ok(())
    })
    .await
}

/// Waits until `table` has at least `expected` rows.
pub(crate) async fn until_at_least(
    database: &Database,
    table: &str,
    expected: i64,
    run: &Vendas,
) -> Result<()> {
    eventually(&format!("at least {expected} rows of {table}"), DEADLINE, async || {
        let count = database.count(table).await?;
        ensure!(count >= expected, "{count} rows: {}", run.state());
        Ok(())
    })
    .await
}

/// Waits until this number of statements of vendas in `database` wait for a lock.
pub(crate) async fn until_lock_waits(database: &Database, number: usize) -> Result<()> {
    eventually(&format!("{number} statements that wait for a lock"), DEADLINE, async || {
        let sql = "SELECT query FROM pg_stat_activity WHERE application_name = 'vendas' \
                   AND datname = current_database() AND wait_event_type = 'Lock'";
        let waiting = database.rows(sql).await?;
        ensure!(waiting.len() == number, "{waiting:?}");
        Ok(())
    })
    .await
}

/// Waits until no session of vendas is left in `database`. PostgreSQL notices the end of a killed
/// program late; until then its sessions hold their locks.
pub(crate) async fn until_no_session(database: &Database) -> Result<()> {
    eventually("the end of all sessions", DEADLINE, async || {
        let sql = "SELECT query FROM pg_stat_activity WHERE application_name = 'vendas' \
                   AND datname = current_database()";
        let sessions = database.rows(sql).await?;
        ensure!(sessions.is_empty(), "{sessions:?}");
        Ok(())
    })
    .await
}

/// Waits until the log contains a line with all of `words`.
pub(crate) async fn until_line(run: &Vendas, words: &[&str]) -> Result<()> {
    eventually(&format!("log line with {words:?}"), DEADLINE, async || {
        let log = run.stderr()?;
        let found = log.lines().any(|line| words.iter().all(|word| line.contains(word)));
        ensure!(found, "{}", run.state());
        Ok(())
    })
    .await
}

/// Waits until the log contains `pause`. The first line with it must contain `cause`.
pub(crate) async fn until_paused(run: &Vendas, pause: &str, cause: &str) -> Result<()> {
    eventually(&format!("{pause:?} because of {cause:?}"), DEADLINE, async || {
        let log = run.stderr()?;
        let line = log.lines().find(|line| line.contains(pause));
        ensure!(line.is_some_and(|line| line.contains(cause)), "{log}");
        Ok(())
    })
    .await
}

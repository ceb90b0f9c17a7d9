//! PostgreSQL is available and prevents commits.

use std::time::Instant;

use testbed::{Database, Ended, Result, Vendas, ensure, eventually};

use super::{load::Load, seed, times};
use crate::scenario::{DEADLINE, count_lines, terminate};

const TRANSIENT: &str = "paused, will resume automatically";
const NEEDS_ATTENTION: &str = "paused, needs attention";

/// A fault, and its repair.
struct Fault {
    what: &'static str,
    /// Statements, with `{role}` for the role of the program.
    begins: &'static str,
    ends: &'static str,
    /// The kind of pause in the log, and the cause.
    says: [&'static str; 2],
}

/// The statement timeout of these tests, but for deadlocks.
const STATEMENT_TIMEOUT: &str = "700ms";

/// A role with the privileges of the program.
async fn create_role(database: &Database) -> Result<String> {
    let role = format!("works_in_{}", database.name());
    let sql = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret';
         GRANT USAGE ON SCHEMA public TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
         GRANT USAGE ON SCHEMA audit TO {role};
         GRANT INSERT ON ALL TABLES IN SCHEMA audit TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA audit TO {role}"
    );
    database.execute(&sql).await?;
    Ok(role)
}

/// Roles are not dropped together with the database.
async fn drop_role(load: &Load<'_>, role: &str) -> Result<()> {
    load.scenario.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await
}

async fn start(load: &Load<'_>, role: &str, statement_timeout: &str) -> Result<Vendas> {
    let database = load.scenario.database.as_user(role, "secret");
    load.scenario
        .vendas(["run"])
        .database(&database)
        .env("VENDAS_DATABASE__STATEMENT_TIMEOUT", statement_timeout)
        .start()
}

/// The fault occurs during processing.
async fn recovers_from(fault: Fault) -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(20)?);
    let load = Load::shared(fault.what, seed, rounds + 1).await?;
    let database = &load.scenario.database;
    let role = create_role(database).await?;
    let vendas = start(&load, &role, STATEMENT_TIMEOUT).await?;
    let faults = async |vendas: &Vendas| {
        load.round();
        load.scenario.progress().await?.reach(1, vendas).await?;
        for _ in 0..rounds {
            // This session holds the lock.
            let session = database.connect().await?;
            let told = count_lines(&vendas.stderr()?, fault.says[0]);
            session.batch_execute(fault.begins).await?;
            load.round();
            load.until_logged(vendas, fault.says[0], told + 1).await?;
            session.batch_execute(fault.ends).await?;
            load.repaired_and_caught_up(vendas).await?;
        }
        Ok(())
    };
    expect_logged(&load.run_faults(vendas, faults).await?, &fault)?;
    load.check_and_print().await?;
    drop_role(&load, &role).await
}

/// The fault exists at the start, since it affects new connections only.
async fn starts_during(fault: Fault) -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(21)?);
    let load = Load::shared(fault.what, seed, rounds).await?;
    let database = &load.scenario.database;
    let role = create_role(database).await?;
    load.while_sending(async {
        for _ in 0..rounds {
            load.round();
            database.execute(&fault.begins.replace("{role}", &role)).await?;
            let vendas = start(&load, &role, STATEMENT_TIMEOUT).await?;
            load.until_logged(&vendas, fault.says[0], 1).await?;
            database.execute(&fault.ends.replace("{role}", &role)).await?;
            load.repaired_and_caught_up(&vendas).await?;
            expect_logged(&terminate(vendas).await?, &fault)?;
        }
        Ok(())
    })
    .await?;
    load.scenario.run_until_end().await?;
    load.check_and_print().await?;
    drop_role(&load, &role).await
}

fn expect_logged(ended: &Ended, fault: &Fault) -> Result<()> {
    let said = ended.stderr.lines().any(|line| fault.says.iter().all(|text| line.contains(text)));
    ensure!(said, "the log does not contain {:?}: {}", fault.says, ended.stderr);
    Ok(())
}

#[tokio::test]
async fn a_lock_on_sales_is_waited_for() -> Result<()> {
    recovers_from(Fault {
        what: "`sales` locked by another session",
        begins: "BEGIN; LOCK TABLE sales IN ACCESS EXCLUSIVE MODE",
        ends: "COMMIT",
        says: [TRANSIENT, "did not answer a statement within database.statement_timeout"],
    })
    .await
}

#[tokio::test]
async fn a_column_that_no_order_can_fill_is_waited_for_and_causes_no_dead_letters() -> Result<()> {
    recovers_from(Fault {
        what: "a NOT NULL column added to `sales`",
        begins: "SET lock_timeout = '30s';
                 BEGIN; ALTER TABLE sales ADD seller TEXT NOT NULL DEFAULT '';
                 ALTER TABLE sales ALTER seller DROP DEFAULT; COMMIT",
        ends: "ALTER TABLE sales DROP seller",
        says: [NEEDS_ATTENTION, "23502"],
    })
    .await
}

#[tokio::test]
async fn a_statement_timeout_of_the_server_is_waited_for() -> Result<()> {
    starts_during(Fault {
        what: "the role's own `statement_timeout` at 1 ms",
        begins: "ALTER ROLE {role} SET statement_timeout = 1",
        ends: "ALTER ROLE {role} RESET statement_timeout",
        says: [TRANSIENT, "57014"],
    })
    .await
}

#[tokio::test]
async fn a_read_only_server_is_waited_for() -> Result<()> {
    starts_during(Fault {
        what: "read-only (`default_transaction_read_only`)",
        begins: "ALTER ROLE {role} SET default_transaction_read_only = on",
        ends: "ALTER ROLE {role} RESET default_transaction_read_only",
        says: [TRANSIENT, "25006"],
    })
    .await
}

#[tokio::test]
async fn with_too_few_connections_processing_continues_over_the_available_ones() -> Result<()> {
    let (rounds, seed) = (times(3)?, seed(23)?);
    let what = "one connection allowed instead of four";
    let load = Load::shared(what, seed, rounds).await?;
    let role = create_role(&load.scenario.database).await?;
    load.scenario.database.execute(&format!("ALTER ROLE {role} CONNECTION LIMIT 1")).await?;
    let (began, vendas) = (Instant::now(), start(&load, &role, STATEMENT_TIMEOUT).await?);
    let rounds_of_records = async |vendas: &Vendas| {
        for _ in 0..rounds {
            load.round();
            load.repaired_and_caught_up(vendas).await?;
        }
        Ok(())
    };
    let ended = load.run_faults(vendas, rounds_of_records).await?;
    let told = [TRANSIENT, "53300"].map(|text| count_lines(&ended.stderr, text));
    // Each outage ends when a connection is free again.
    let most = 30 * rounds + 10 * usize::try_from(began.elapsed().as_secs())?;
    ensure!(told[1] > 0 && told[0] < most, "{told:?}, not {most}: {}", ended.stderr);
    load.check_and_print().await?;
    drop_role(&load, &role).await
}

#[tokio::test]
async fn deadlocks_with_other_sessions_are_resolved() -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(22)?);
    let what = "deadlocks with a session that locks in the opposite order";
    let load = Load::shared(what, seed, rounds + 1).await?;
    let database = &load.scenario.database;
    let role = create_role(database).await?;
    // A session checks for a deadlock after waiting this long, and is its victim.
    database.execute(&format!("ALTER ROLE {role} SET deadlock_timeout = 3000")).await?;
    let vendas = start(&load, &role, "20s").await?;
    let deadlocks = async |vendas: &Vendas| {
        let backwards = database.connect().await?;
        backwards.batch_execute("SET deadlock_timeout = '60s'").await?;
        let session: i32 = backwards.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?;
        load.round();
        load.caught_up(vendas).await?;
        for _ in 0..rounds {
            // A batch locks its row of `partitions` first.
            backwards.batch_execute("BEGIN; SELECT FROM sales FOR UPDATE").await?;
            load.round();
            eventually("a waiting batch", DEADLINE, async || {
                let waiting =
                    format!("pg_stat_activity WHERE {session} = ANY(pg_blocking_pids(pid))");
                ensure!(database.count(&waiting).await? > 0, "{}", vendas.state());
                Ok(())
            })
            .await?;
            backwards.batch_execute("SELECT FROM partitions FOR UPDATE; COMMIT").await?;
            load.repaired_and_caught_up(vendas).await?;
        }
        Ok(())
    };
    let ended = load.run_faults(vendas, deadlocks).await?;
    let victim = count_lines(&ended.stderr, "40P01");
    ensure!(victim > 0, "it was never the victim of a deadlock: {}", ended.stderr);
    load.check_and_print().await?;
    drop_role(&load, &role).await
}

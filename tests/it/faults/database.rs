//! PostgreSQL is there, and does not let the work go on.

use testbed::{Database, Ended, Result, Testbed, Vendas, ensure, eventually};

use super::{load::Load, seed, times};
use crate::stage::{DEADLINE, lines, terminate};

const BY_ITSELF: &str = "paused, will resume automatically";
const BY_A_PERSON: &str = "paused, needs attention";

/// What stands in the way, and what takes it away.
struct Trouble {
    what: &'static str,
    /// Statements with `{role}` for the role that the program works as.
    begins: &'static str,
    ends: &'static str,
    /// Which pause the log tells of, and the cause.
    says: [&'static str; 2],
}

/// How long a statement may take here.
const STATEMENT_TIMEOUT: &str = "700ms";

/// A role that may do what the program does.
async fn role(database: &Database) -> Result<String> {
    let role = format!("works_in_{}", database.name());
    let sql = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret';
         GRANT USAGE ON SCHEMA public TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
         GRANT USAGE ON SCHEMA witness TO {role};
         GRANT INSERT ON ALL TABLES IN SCHEMA witness TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA witness TO {role}"
    );
    database.execute(&sql).await?;
    Ok(role)
}

/// The role would outlive its database.
async fn leave(load: &Load<'_>, role: &str) -> Result<()> {
    load.stage.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await
}

async fn start(load: &Load<'_>, role: &str) -> Result<Vendas> {
    let database = load.stage.database.as_user(role, "secret");
    load.stage
        .vendas(["run"])
        .database(&database)
        .env("VENDAS_DATABASE__STATEMENT_TIMEOUT", STATEMENT_TIMEOUT)
        .start()
}

/// The trouble comes while it works.
async fn goes_on_after(trouble: Trouble) -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(20)?);
    let database = Testbed::shared().await?.database().await?;
    let load = Load::with(trouble.what, database, seed, rounds + 1).await?;
    let database = &load.stage.database;
    let role = role(database).await?;
    let vendas = start(&load, &role).await?;
    load.while_it_lasts(async {
        load.round();
        load.stage.progress().await?.reach(1, &vendas).await?;
        for _ in 0..rounds {
            load.round();
            // What is held is held by this session.
            let session = database.connect().await?;
            let told = lines(&vendas.stderr()?, trouble.says[0]);
            session.batch_execute(trouble.begins).await?;
            load.says(&vendas, trouble.says[0], told + 1).await?;
            session.batch_execute(trouble.ends).await?;
            load.mended();
            load.caught_up(&vendas).await?;
        }
        Ok(())
    })
    .await?;
    load.caught_up(&vendas).await?;
    says(&terminate(vendas).await?, &trouble)?;
    load.settle().await?;
    leave(&load, &role).await
}

/// The trouble is there when it starts, since it concerns new connections only.
async fn starts_amid(trouble: Trouble) -> Result<()> {
    let (rounds, seed) = (times(2)?, seed(21)?);
    let database = Testbed::shared().await?.database().await?;
    let load = Load::with(trouble.what, database, seed, rounds).await?;
    let database = &load.stage.database;
    let role = role(database).await?;
    load.while_it_lasts(async {
        for _ in 0..rounds {
            load.round();
            database.execute(&trouble.begins.replace("{role}", &role)).await?;
            let vendas = start(&load, &role).await?;
            load.says(&vendas, trouble.says[0], 1).await?;
            database.execute(&trouble.ends.replace("{role}", &role)).await?;
            load.mended();
            load.caught_up(&vendas).await?;
            says(&terminate(vendas).await?, &trouble)?;
        }
        Ok(())
    })
    .await?;
    load.stage.run_until_end().await?;
    load.settle().await?;
    leave(&load, &role).await
}

fn says(ended: &Ended, trouble: &Trouble) -> Result<()> {
    let said = ended.stderr.lines().any(|line| trouble.says.iter().all(|text| line.contains(text)));
    ensure!(said, "it does not say {:?}: {}", trouble.says, ended.stderr);
    Ok(())
}

#[tokio::test]
async fn a_lock_on_sales_is_waited_out() -> Result<()> {
    goes_on_after(Trouble {
        what: "`sales` locked by another session",
        begins: "BEGIN; LOCK TABLE sales IN ACCESS EXCLUSIVE MODE",
        ends: "COMMIT",
        says: [BY_ITSELF, "did not answer a statement within database.statement_timeout"],
    })
    .await
}

#[tokio::test]
async fn a_column_that_no_order_can_fill_is_waited_for_and_no_order_is_blamed() -> Result<()> {
    goes_on_after(Trouble {
        what: "a NOT NULL column added to `sales`",
        begins: "SET lock_timeout = '30s';
                 BEGIN; ALTER TABLE sales ADD seller TEXT NOT NULL DEFAULT '';
                 ALTER TABLE sales ALTER seller DROP DEFAULT; COMMIT",
        ends: "ALTER TABLE sales DROP seller",
        says: [BY_A_PERSON, "23502"],
    })
    .await
}

#[tokio::test]
async fn a_statement_timeout_of_the_servers_own_is_waited_out() -> Result<()> {
    starts_amid(Trouble {
        what: "the role's own `statement_timeout` at 1 ms",
        begins: "ALTER ROLE {role} SET statement_timeout = 1",
        ends: "ALTER ROLE {role} RESET statement_timeout",
        says: [BY_ITSELF, "57014"],
    })
    .await
}

#[tokio::test]
async fn a_server_that_only_reads_as_a_standby_does_is_waited_out() -> Result<()> {
    starts_amid(Trouble {
        what: "read-only (`default_transaction_read_only`)",
        begins: "ALTER ROLE {role} SET default_transaction_read_only = on",
        ends: "ALTER ROLE {role} RESET default_transaction_read_only",
        says: [BY_ITSELF, "25006"],
    })
    .await
}

#[tokio::test]
async fn with_too_few_connections_the_work_goes_on_over_those_that_there_are() -> Result<()> {
    let (rounds, seed) = (times(3)?, seed(23)?);
    let database = Testbed::shared().await?.database().await?;
    let what = "one connection allowed where it wants four";
    let load = Load::with(what, database, seed, rounds).await?;
    let role = role(&load.stage.database).await?;
    load.stage.database.execute(&format!("ALTER ROLE {role} CONNECTION LIMIT 1")).await?;
    let vendas = start(&load, &role).await?;
    load.while_it_lasts(async {
        for _ in 0..rounds {
            load.round();
            load.mended();
            load.caught_up(&vendas).await?;
        }
        Ok(())
    })
    .await?;
    let ended = terminate(vendas).await?;
    let told = [BY_ITSELF, "53300"].map(|text| lines(&ended.stderr, text));
    ensure!(told[1] > 0 && told[0] < 30 * rounds, "{told:?}: {}", ended.stderr);
    load.settle().await?;
    leave(&load, &role).await
}

#[tokio::test]
async fn deadlocks_with_other_sessions_are_overcome() -> Result<()> {
    let (rounds, seed) = (times(5)?, seed(22)?);
    let database = Testbed::shared().await?.database().await?;
    let load =
        Load::with("deadlocks with a session that locks backwards", database, seed, rounds + 1)
            .await?;
    let database = &load.stage.database;
    let role = role(database).await?;
    // Who waits for this long looks whether it is a deadlock, and is then its victim.
    database.execute(&format!("ALTER ROLE {role} SET deadlock_timeout = 300")).await?;
    let vendas = start(&load, &role).await?;
    load.while_it_lasts(async {
        let backwards = database.connect().await?;
        backwards.batch_execute("SET deadlock_timeout = '10s'").await?;
        load.round();
        load.caught_up(&vendas).await?;
        for _ in 0..rounds {
            // A batch takes its row of `partitions` first.
            backwards.batch_execute("BEGIN; SELECT FROM sales FOR UPDATE").await?;
            load.round();
            eventually("a batch that waits", DEADLINE, async || {
                let waiting = "pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0
                               AND datname = current_database()";
                ensure!(database.count(waiting).await? > 0, "{}", vendas.state());
                Ok(())
            })
            .await?;
            backwards.batch_execute("SELECT FROM partitions FOR UPDATE; COMMIT").await?;
            load.mended();
            load.caught_up(&vendas).await?;
        }
        Ok(())
    })
    .await?;
    load.caught_up(&vendas).await?;
    let ended = terminate(vendas).await?;
    let victim = lines(&ended.stderr, "40P01");
    ensure!(victim > 0, "it was never the victim: {}", ended.stderr);
    load.settle().await?;
    leave(&load, &role).await
}

//! `--timeout` limits statements that read or change whole tables, and nothing that a command has
//! started continues on the server after it.

use testbed::{Database, Postgres, Result, Signal, Testbed, ensure};

use crate::{
    shop::{DEADLINE, Shop, VENDAS},
    wait::until_lock_waits,
};

/// The message of a command whose statement took longer than `limit`.
fn message(database: &Database, what: &str, limit: &str) -> String {
    let (host, port) = (database.host(), database.port());
    format!(
        "vendas: PostgreSQL at {host}:{port}: {what} took longer than --timeout, {limit}: set a longer one, \
         or check pg_stat_activity for locks and slow statements"
    )
}

/// The command fails after two seconds, and its statement has ended.
async fn expect_late(shop: &Shop, args: &[&str], what: &str) -> Result<()> {
    let ended = shop.vendas(args).args(["--timeout", "2s"]).run(DEADLINE).await?.expect_code(1)?;
    let told = message(&shop.database, what, "2s");
    ensure!(ended.stderr.starts_with(&told), "{args:?}: not {told:?}: {}", ended.state());
    until_lock_waits(&shop.database, 0).await
}

#[tokio::test]
async fn commands_that_wait_for_too_long_name_the_statement_and_the_remedy() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let order =
        "INSERT INTO orders (order_id, numbered, total, items, sold_at, processed_at, counted_at)
                 SELECT n, false, n, ARRAY[ROW('p', 1, n)::order_item],
                        '2024-01-15'::timestamp + n * interval '9 days', now(),
                        '2024-01-15'::timestamp + n * interval '9 days'
                 FROM generate_series(1, 20) AS n;
                 SELECT fold_ledgers()";
    shop.database.execute(order).await?;
    let roll_up = ["orders", "roll-up", "--before", "2024-04-01", "--because", "a test", "--yes"];
    let purge = ["orders", "purge", "--before", "2024-03-01", "--because", "a test", "--yes"];
    let forget = [&purge[..], &["--forget-sums"]].concat();

    let session = shop.database.connect().await?;
    session.batch_execute("BEGIN; LOCK TABLE orders, product_day_sums").await?;
    for (args, what) in [
        (&["verify"][..], "adding up all orders"),
        (&["schema", "--apply"], "applying the schema"),
        (&purge, "counting orders"),
        (&roll_up, "counting sums"),
    ] {
        expect_late(&shop, args, what).await?;
    }
    // A wait for a lock, behind which commits would queue, is limited as for other statements.
    let short = ["schema", "--apply", "--set", "database.statement_timeout=2s"];
    let ended = shop.vendas(&short).run(DEADLINE).await?.expect_code(1)?;
    let told = "another session has held the lock for too long, pg_locks shows which one";
    ensure!(ended.stderr.contains(told), "{}", ended.state());
    // The lock that folding holds.
    let lock =
        "ROLLBACK; BEGIN; SELECT pg_advisory_xact_lock('orders_ledger'::regclass::oid::bigint)";
    session.batch_execute(lock).await?;
    expect_late(&shop, &roll_up, "rolling up a month").await?;
    expect_late(&shop, &forget, "deleting empty sums").await?;

    session.batch_execute("ROLLBACK").await?;
    for args in [&["schema", "--apply"][..], &roll_up, &forget, &["verify"]] {
        shop.vendas(args).run(DEADLINE).await?.expect_code(0)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_server_ends_the_statement_of_a_killed_or_frozen_command() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let session = shop.database.connect().await?;
    session.batch_execute("BEGIN; LOCK TABLE orders").await?;
    let verify = shop.vendas(&["verify"]).start()?;
    until_lock_waits(&shop.database, 1).await?;
    verify.kill()?;
    until_lock_waits(&shop.database, 0).await?;

    let verify = shop.vendas(&["verify", "--timeout", "10s"]).start()?;
    until_lock_waits(&shop.database, 1).await?;
    verify.signal(Signal::STOP)?;
    until_lock_waits(&shop.database, 0).await?;
    verify.signal(Signal::CONT)?;
    verify.wait_exit(DEADLINE).await?.expect_code(1).map(drop)
}

#[tokio::test]
async fn a_command_ends_even_if_the_server_does_not_answer() -> Result<()> {
    let postgres = Postgres::start().await?;
    let database = postgres.database().await?;
    let vendas = Testbed::shared().await?.vendas(VENDAS, &["unused"], &database);
    vendas.clone().args(["schema", "--apply"]).run(DEADLINE).await?.expect_code(0)?;
    let session = database.connect().await?;
    session.batch_execute("BEGIN; LOCK TABLE orders").await?;
    let verify = vendas.args(["verify", "--timeout", "10s"]).start()?;
    until_lock_waits(&database, 1).await?;
    postgres.pause()?;
    let ended = verify.wait_exit(DEADLINE).await?.expect_code(1)?;
    let told = message(&database, "adding up all orders", "10s");
    ensure!(ended.stderr.starts_with(&told), "not {told:?}: {}", ended.state());
    postgres.resume()
}

/// An upgrade may add up all orders, which takes longer than a batch may.
#[tokio::test]
async fn applying_the_schema_may_take_longer_than_other_statements() -> Result<()> {
    let shop = Shop::open(1).await?;
    let slow = "CREATE FUNCTION public.slow() RETURNS EVENT_TRIGGER LANGUAGE plpgsql AS $$ BEGIN
                    IF coalesce(current_setting('test.slow', true), '') = '' THEN
                        PERFORM set_config('test.slow', 'was', true), pg_sleep(6);
                    END IF;
                END $$;
                CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE TABLE')
                EXECUTE FUNCTION public.slow()";
    shop.database.execute(slow).await?;
    let short = ["--set", "database.statement_timeout=5s"];
    shop.vendas(&["schema", "--apply"]).args(short).run(DEADLINE).await?.expect_code(0)?;
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

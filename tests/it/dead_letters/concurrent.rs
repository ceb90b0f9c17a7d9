//! Replays concurrent with other replays and with batches, and killed ones, at chosen moments.

use testbed::{Result, Vendas, ensure, eventually};
use tokio_postgres::Client;

use super::{CANCELLED, CORRECTED, id, numbered, replay, verify};
use crate::{
    shop::{DEADLINE, Shop},
    wait::until_no_session,
};

/// Marking dead letters waits for the advisory lock 4711; the orders are written by then.
const SLOW: &str = "
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock(4711); RETURN NEW;
    END $$;
    CREATE TRIGGER wait BEFORE UPDATE ON dead_letters
    FOR EACH ROW WHEN (NEW.replayed_at IS NOT NULL) EXECUTE FUNCTION wait()";

const HOLD: &str = "SELECT pg_advisory_lock(4711)";

/// Waits until this number of sessions waits for a lock of this kind.
async fn until_waiting(shop: &Shop, sessions: i64, last: &Vendas) -> Result<()> {
    eventually("waiting sessions", DEADLINE, async || {
        let waiting = "pg_stat_activity WHERE application_name = 'vendas' \
                       AND datname = current_database() AND wait_event = 'advisory'";
        let waiting = shop.database.count(waiting).await?;
        ensure!(waiting == sessions, "{waiting} of {sessions}: {}", last.state());
        Ok(())
    })
    .await
}

/// Blocks the marking of dead letters until the returned session is closed.
async fn hold_marks(shop: &Shop) -> Result<Client> {
    shop.database.execute(SLOW).await?;
    let holder = shop.database.connect().await?;
    holder.execute(HOLD, &[]).await?;
    Ok(holder)
}

/// Starts a replay that has written its orders and waits to mark its dead letters.
async fn start_blocked_replay(shop: &Shop) -> Result<(Client, Vendas)> {
    let holder = hold_marks(shop).await?;
    let replaying =
        shop.vendas(&["dead-letters", "replay", "--all", "--set", CORRECTED]).start()?;
    until_waiting(shop, 1, &replaying).await?;
    Ok((holder, replaying))
}

#[tokio::test]
async fn a_batch_that_cancels_the_order_waits_for_the_replay_and_sees_its_row() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &[&numbered(1, "amount", 5)]).await?;
    shop.process_backlog().await?;
    let (holder, replaying) = start_blocked_replay(&shop).await?;
    // The new row of `sales` is written and not committed, so that the batch cannot see it yet.
    shop.send(0, &[r#"{"order_number": 1, "state": "gone"}"#]).await?;
    let run = shop.vendas(&["run", "--until-end"]).args(CANCELLED).start()?;
    until_waiting_for_partitions(&shop, &run).await?;
    drop(holder);
    replaying.wait_exit(DEADLINE).await?.expect_code(0)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.database.count("sales").await? == 0, "a cancelled order is in sales");
    let marks = shop.rows("SELECT order_id, numbered, cancelled FROM orders").await?;
    ensure!(marks == ["1|t|t"], "{marks:?}");
    Ok(())
}

#[tokio::test]
async fn a_replay_waits_for_the_batch_that_cancels_its_order_and_is_superseded() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &[&numbered(1, "amount", 5)]).await?;
    shop.process_backlog().await?;
    let slow = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$; \
                CREATE TRIGGER wait BEFORE INSERT ON orders \
                FOR EACH ROW EXECUTE FUNCTION wait()";
    shop.database.execute(slow).await?;
    let holder = shop.database.connect().await?;
    holder.execute(HOLD, &[]).await?;
    shop.send(0, &[r#"{"order_number": 1, "state": "gone"}"#]).await?;
    let run = shop.vendas(&["run", "--until-end"]).args(CANCELLED).start()?;
    until_waiting(&shop, 1, &run).await?;
    let replaying =
        shop.vendas(&["dead-letters", "replay", "--all", "--set", CORRECTED]).start()?;
    until_waiting_for_partitions(&shop, &replaying).await?;
    drop(holder);
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    let ended = replaying.wait_exit(DEADLINE).await?.expect_code(1)?;
    ensure!(ended.stdout.contains("0 dead letters replayed, 1 superseded"), "{}", ended.state());
    ensure!(shop.database.count("sales").await? == 0, "a cancelled order is in sales");
    Ok(())
}

/// Waits until a session waits for a lock on the table `partitions`.
async fn until_waiting_for_partitions(shop: &Shop, last: &Vendas) -> Result<()> {
    eventually("a session that waits for partitions", DEADLINE, async || {
        let waiting = "pg_locks WHERE relation = 'partitions'::regclass AND NOT granted";
        ensure!(shop.database.count(waiting).await? == 1, "{}", last.state());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn concurrent_replays_take_turns_and_each_dead_letter_is_replayed_by_one() -> Result<()> {
    let shop = Shop::open(1).await?;
    let records = [numbered(1, "amount", 5), numbered(1, "amount", 6), numbered(2, "amount", 7)];
    shop.send(0, &records.each_ref().map(String::as_str)).await?;
    shop.process_backlog().await?;
    let holder = hold_marks(&shop).await?;
    let mut replays = Vec::new();
    // The first one has written its order when the others begin; the second has a later version.
    for (sessions, which) in
        [(1, id(&shop, 0).await?), (2, id(&shop, 1).await?), (3, "--all".into())]
    {
        let args = ["dead-letters", "replay", &which, "--set", CORRECTED];
        let replay = shop.vendas(&args).start()?;
        until_waiting(&shop, sessions, &replay).await?;
        replays.push(replay);
    }
    drop(holder);
    for replay in replays {
        let ended = replay.wait_exit(DEADLINE).await?.expect_code(0)?;
        ensure!(ended.stdout == "1 dead letter replayed\n", "{}", ended.stdout);
    }
    let sold = shop.rows("SELECT order_number, total FROM sales ORDER BY 1").await?;
    ensure!(sold == ["1|6.00", "2|7.00"], "{sold:?}");
    verify(&shop).await
}

#[tokio::test]
async fn killed_between_the_order_and_the_mark_a_replay_has_written_neither() -> Result<()> {
    let shop = Shop::open(1).await?;
    let listed = r#"{"order_id": "a", "items": [{"amount": 1, "unit_price": 6, "product": "q"}]}"#;
    shop.send(0, &[&numbered(1, "amount", 5), listed]).await?;
    shop.process_backlog().await?;
    let (holder, replaying) = start_blocked_replay(&shop).await?;
    replaying.kill()?;
    drop(holder);
    until_no_session(&shop.database).await?;
    let done = "SELECT (SELECT count(*) FROM sales), (SELECT count(*) FROM orders), \
                count(*) FILTER (WHERE replayed_at IS NULL) FROM dead_letters";
    ensure!(shop.rows(done).await? == ["0|0|2"], "{:?}", shop.rows(done).await?);
    verify(&shop).await?;
    replay(&shop, &["--all"]).await?.expect_code(0)?;
    ensure!(shop.rows(done).await? == ["1|1|0"], "{:?}", shop.rows(done).await?);
    verify(&shop).await
}

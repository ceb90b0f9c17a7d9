//! A standby is promoted, and the old primary is dead, frozen, or goes on as a second one.

use std::{env, fs};

use testbed::{Database, Replicas, Result, Testbed, Vendas, ensure, eventually};

use super::{load::Load, seed, times};
use crate::{
    shop::Shop,
    stage::{DEADLINE, LANES, Progress, Stage, lines, terminate},
};

/// What becomes of the old primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    /// All its processes are killed.
    Killed,
    /// It is frozen, and comes back when the other one is the primary.
    Frozen,
    /// It takes writes on, for a while.
    LeftAlive,
}

const ELSEWHERE: &str = "connected to a different or newly promoted PostgreSQL server";

/// The short run in which all the tests run leaves out what another case of it shows too.
fn in_full() -> bool {
    env::var_os("VENDAS_TEST_FAULTS").is_some()
}

#[tokio::test]
async fn what_an_asynchronous_standby_has_not_got_is_made_again_from_kafka() -> Result<()> {
    let mut replicas = Replicas::start(false).await?;
    let mut taken_back = 0;
    for (old, what) in [
        (Old::Killed, "asynchronous standby promoted, the old primary killed"),
        (Old::Frozen, "asynchronous standby promoted, the old primary frozen, then back"),
        (Old::LeftAlive, "asynchronous standby promoted, the old primary left alive for a while"),
    ] {
        if in_full() || old != Old::Frozen {
            taken_back += outlives(&mut replicas, old, what, "off").await?;
        }
    }
    // Otherwise this was no different from the other test.
    ensure!(taken_back > 0, "no failover took anything back");
    Ok(())
}

#[tokio::test]
async fn what_a_synchronous_standby_has_got_is_there_after_a_failover() -> Result<()> {
    let mut replicas = Replicas::start(true).await?;
    for (old, what) in [
        (Old::Killed, "synchronous standby promoted, the old primary killed"),
        (Old::Frozen, "synchronous standby promoted, the old primary frozen, then back"),
        (Old::LeftAlive, "synchronous standby promoted, the old primary left alive for a while"),
    ] {
        if in_full() || old != Old::Killed {
            let taken_back = outlives(&mut replicas, old, what, "on").await?;
            ensure!(taken_back == 0, "{taken_back} times {old:?} took back what the standby had");
        }
    }
    Ok(())
}

/// Returns how often what had been committed was taken back.
async fn outlives(
    replicas: &mut Replicas,
    old: Old,
    what: &'static str,
    synchronous_commit: &str,
) -> Result<usize> {
    let (failovers, seed) = (times(1)?, seed(30)?);
    let load = Load::with(what, replicas.primary.database().await?, seed, failovers + 1).await?;
    replicas.caught_up().await?;
    let command = load
        .stage
        .vendas(["run"])
        .env("VENDAS_DATABASE__HOST", replicas.hosts())
        .env("VENDAS_DATABASE__SYNCHRONOUS_COMMIT", synchronous_commit)
        .env("VENDAS_DATABASE__CONNECT_TIMEOUT", "1s")
        .env("VENDAS_DATABASE__STATEMENT_TIMEOUT", "1s");
    let vendas = command.start()?;
    let mut taken_back = 0;
    load.while_it_lasts(async {
        load.round();
        load.caught_up(&vendas).await?;
        for _ in 0..failovers {
            replicas.caught_up().await?;
            load.round();
            taken_back += usize::from(fail_over(replicas, old, &load, &vendas).await?);
            load.caught_up(&vendas).await?;
            replicas.rebuild().await?;
        }
        Ok(())
    })
    .await?;
    load.caught_up(&vendas).await?;
    terminate(vendas).await?;
    load.settle().await?;
    Ok(taken_back)
}

/// Fails over in the middle of the work; says whether that took anything back.
async fn fail_over(
    replicas: &mut Replicas,
    old: Old,
    load: &Load<'_>,
    vendas: &Vendas,
) -> Result<bool> {
    let progress = load.stage.progress().await?;
    let before = progress.reach(progress.records().await? + LANES, vendas).await?;
    let asynchronous = !replicas.is_synchronous();
    let told = lines(&vendas.stderr()?, ELSEWHERE);
    if asynchronous && old != Old::LeftAlive {
        replicas.cut_off().await?;
    }
    let seen = match asynchronous {
        true => progress.reach(before + LANES, vendas).await?,
        false => progress.records().await?,
    };
    match old {
        Old::Killed => replicas.primary.kill()?,
        Old::Frozen => replicas.primary.pause()?,
        Old::LeftAlive => {}
    }
    replicas.promote().await?;
    let promoted = load.stage.database.at(replicas.primary.postgres());
    let there = async || Progress::of(&promoted).await?.records().await;
    let taken_back = match old {
        Old::Killed | Old::Frozen => there().await? < seen,
        Old::LeftAlive => {
            // Its clients notice nothing, and the promoted one gets nothing of what they write. Where it
            // waits for the standby that it had, it takes only what is no longer waited for.
            let seen = match asynchronous {
                true => progress.reach(seen + LANES, vendas).await?,
                false => seen,
            };
            let taken_back = there().await? < seen;
            ensure!(taken_back == asynchronous, "{seen} were seen on the old primary");
            if !asynchronous {
                load.says(vendas, "PostgreSQL did not answer a statement", 1).await?;
            }
            replicas.standby.kill()?;
            taken_back
        }
    };
    load.mended();
    load.stage.database.move_to(&promoted);
    if old == Old::Frozen {
        let progress = load.stage.progress().await?;
        progress.reach(progress.records().await? + 1, vendas).await?;
        no_connection_is_left(vendas, replicas.standby.postgres().port()).await?;
        replicas.standby.resume()?;
        no_client_is_left(&promoted.at(replicas.standby.postgres())).await?;
    }
    load.says(vendas, ELSEWHERE, told + 1).await?;
    Ok(taken_back)
}

/// Connections that were given up are closed, although the frozen server does not answer on them.
async fn no_connection_is_left(vendas: &Vendas, port: u16) -> Result<()> {
    let folder = format!("/proc/{}/fd", vendas.process_id());
    eventually("an end of the connections to the frozen server", DEADLINE, async || {
        let own: Vec<_> = fs::read_dir(&folder)?
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .map(|link| link.to_string_lossy().into_owned())
            .collect();
        let table = fs::read_to_string("/proc/net/tcp")?;
        // "sl local_address rem_address …" and the socket's number in the tenth place.
        let there = format!(":{port:04X}");
        let open = table.lines().filter(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let is_own = |socket: &str| own.contains(&format!("socket:[{socket}]"));
            fields.get(2).is_some_and(|to| to.ends_with(&there))
                && fields.get(9).is_some_and(|socket| is_own(socket))
        });
        let open = open.count();
        ensure!(open == 0, "{open} are open");
        Ok(())
    })
    .await
}

/// All have gone to the other server.
async fn no_client_is_left(database: &Database) -> Result<()> {
    let clients = "pg_stat_activity WHERE application_name = 'vendas'
                   AND datname = current_database()";
    eventually("no more clients of the former primary", DEADLINE, async || {
        let clients = database.count(clients).await?;
        ensure!(clients == 0, "{clients} clients");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_partition_whose_offset_the_standby_has_never_got_begins_again() -> Result<()> {
    let mut replicas = Replicas::start(false).await?;
    let load = Load::with("", replicas.primary.database().await?, seed(31)?, 1).await?;
    let stage = &load.stage;
    replicas.caught_up().await?;
    replicas.cut_off().await?;
    let vendas = stage.vendas(["run"]).env("VENDAS_DATABASE__HOST", replicas.hosts()).start()?;
    stage.send_rest().await?;
    stage.progress().await?.reach(stage.sent(), &vendas).await?;
    replicas.primary.kill()?;
    replicas.promote().await?;
    stage.database.move_to(replicas.primary.postgres());
    // Nothing more comes: that PostgreSQL has failed over is news enough.
    stage.progress().await?.reach(stage.sent(), &vendas).await?;
    let log = vendas.stderr()?;
    ensure!(log.contains("PostgreSQL has lost the partition's offset"), "{log}");
    ensure!(!log.contains("partition halted"), "{log}");
    stage.expect_all().await?;
    verify(stage).await
}

/// The totals are those of the orders, by the program's own word.
async fn verify(stage: &Stage<'_>) -> Result<()> {
    stage.vendas(["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn what_is_to_be_made_again_and_no_longer_in_kafka_halts_its_partition() -> Result<()> {
    let mut replicas = Replicas::start(false).await?;
    let bed = Testbed::shared().await?;
    let (topic, database) = (bed.topic(1).await?, replicas.primary.database().await?);
    let shop = Shop { bed, topic, database };
    let work = shop.vendas(&["run", "--until-end"]).env("VENDAS_DATABASE__HOST", replicas.hosts());
    shop.send_numbers(0, 0..20).await?;
    work.run(DEADLINE).await?.expect_code(0)?;
    replicas.caught_up().await?;
    replicas.cut_off().await?;
    shop.send_numbers(0, 20..50).await?;
    work.run(DEADLINE).await?.expect_code(0)?;
    replicas.primary.kill()?;
    replicas.promote().await?;
    bed.kafka.delete_records(&shop.topic, 0, 40).await?;
    let halted = work.run(DEADLINE).await?.expect_code(1)?;
    for says in ["[20, 40)", "was deleted unread", "offsets reset"] {
        ensure!(halted.stderr.contains(says), "no {says:?}: {}", halted.stderr);
    }
    shop.database.move_to(replicas.primary.postgres());
    ensure!(shop.database.count("sales").await? == 20, "a partition that halts writes nothing");
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_tell_everything_of_itself_is_used_if_it_takes_writes() -> Result<()>
{
    let shop = Shop::open(1).await?;
    let (database, role) = (&shop.database, format!("owner_of_{}", shop.database.name()));
    let sql = format!(
        "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;
         CREATE ROLE {role} LOGIN PASSWORD 'secret';
         ALTER DATABASE {} OWNER TO {role}",
        database.name()
    );
    database.execute(&sql).await?;
    let host = format!("{}:{}", database.host(), database.port());
    let vendas = |args: &[&str]| {
        shop.vendas(args)
            .database(&database.as_user(&role, "secret"))
            .env("VENDAS_DATABASE__HOST", format!("127.0.0.1:1,{host}"))
    };
    vendas(&["schema", "--apply"]).run(DEADLINE).await?.expect_code(0)?;
    let checked = vendas(&["check"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(checked.stdout.contains(&format!("at {host} answers")), "{}", checked.stdout);
    database.execute(&format!("ALTER ROLE {role} SET default_transaction_read_only = on")).await?;
    let refused = vendas(&["check"]).run(DEADLINE).await?.expect_code(1)?;
    for says in ["127.0.0.1:1: ", "refused", &host, "it is read-only"] {
        ensure!(refused.stdout.contains(says), "no {says:?}: {}", refused.stdout);
    }
    database
        .execute(&format!("ALTER DATABASE {} OWNER TO CURRENT_USER; REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}", database.name()))
        .await
}

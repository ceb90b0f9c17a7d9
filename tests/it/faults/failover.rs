//! A standby is promoted, and the old primary is dead, frozen, or continues as a second primary.

use std::{env, fs};

use testbed::{Database, Replicas, Result, Testbed, Vendas, ensure, eventually};

use super::{load::Load, seed, times};
use crate::{
    scenario::{DEADLINE, LANES, Progress, Scenario, count_lines},
    shop::Shop,
};

/// The state of the old primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OldPrimary {
    /// All its processes are killed.
    Killed,
    /// It is frozen, and resumes after the failover.
    Frozen,
    /// It accepts writes for a while.
    LeftAlive,
}

const UNANSWERED: &str = "PostgreSQL did not answer a statement";
const ELSEWHERE: &str = "connected to a different or newly promoted PostgreSQL server";

/// The short run as part of all tests leaves out cases that another case covers.
fn all_cases() -> bool {
    env::var_os("VENDAS_TEST_FAULTS").is_some()
}

#[tokio::test]
async fn commits_that_an_asynchronous_standby_lacks_are_repeated_from_kafka() -> Result<()> {
    let mut replicas = Replicas::start(false).await?;
    let mut taken_back = 0;
    for (old, what) in [
        (OldPrimary::Killed, "asynchronous standby promoted, the old primary killed"),
        (OldPrimary::Frozen, "asynchronous standby promoted, the old primary frozen, then back"),
        (
            OldPrimary::LeftAlive,
            "asynchronous standby promoted, the old primary left alive for a while",
        ),
    ] {
        if all_cases() || old != OldPrimary::Frozen {
            taken_back += survives(&mut replicas, old, what, "off").await?;
        }
    }
    // Otherwise this would be no different from the other test.
    ensure!(taken_back > 0, "no failover lost commits");
    Ok(())
}

#[tokio::test]
async fn commits_survive_a_failover_to_a_synchronous_standby() -> Result<()> {
    let mut replicas = Replicas::start(true).await?;
    for (old, what) in [
        (OldPrimary::Killed, "synchronous standby promoted, the old primary killed"),
        (OldPrimary::Frozen, "synchronous standby promoted, the old primary frozen, then back"),
        (
            OldPrimary::LeftAlive,
            "synchronous standby promoted, the old primary left alive for a while",
        ),
    ] {
        if all_cases() || old != OldPrimary::Killed {
            let taken_back = survives(&mut replicas, old, what, "on").await?;
            ensure!(
                taken_back == 0,
                "{taken_back} failovers of {old:?} lost commits that the standby had"
            );
        }
    }
    Ok(())
}

/// Returns how many failovers lost commits.
async fn survives(
    replicas: &mut Replicas,
    old: OldPrimary,
    what: &'static str,
    synchronous_commit: &str,
) -> Result<usize> {
    let (failovers, seed) = (times(1)?, seed(30)?);
    // A failover needs up to five rounds of records.
    let rounds = 5 * failovers + 1;
    let load = Load::with(what, replicas.primary.database().await?, seed, rounds).await?;
    replicas.caught_up().await?;
    let command = load
        .scenario
        .vendas(["run"])
        .env("VENDAS_DATABASE__HOST", replicas.hosts())
        .env("VENDAS_DATABASE__SYNCHRONOUS_COMMIT", synchronous_commit)
        .env("VENDAS_DATABASE__CONNECT_TIMEOUT", "1s")
        .env("VENDAS_DATABASE__STATEMENT_TIMEOUT", "1s");
    let vendas = command.start()?;
    let mut taken_back = 0;
    let faults = async |vendas: &Vendas| {
        load.round();
        load.caught_up(vendas).await?;
        for _ in 0..failovers {
            replicas.caught_up().await?;
            taken_back += usize::from(fail_over(replicas, old, &load, vendas).await?);
            load.caught_up(vendas).await?;
            replicas.rebuild().await?;
        }
        Ok(())
    };
    load.run_faults(vendas, faults).await?;
    load.check_and_print().await?;
    Ok(taken_back)
}

/// Fails over during processing; returns whether commits were lost.
async fn fail_over(
    replicas: &mut Replicas,
    old: OldPrimary,
    load: &Load<'_>,
    vendas: &Vendas,
) -> Result<bool> {
    let before = load.advance(LANES, vendas).await?;
    let asynchronous = !replicas.is_synchronous();
    let told = count_lines(&vendas.stderr()?, ELSEWHERE);
    let unanswered = count_lines(&vendas.stderr()?, UNANSWERED);
    if asynchronous && old != OldPrimary::LeftAlive {
        replicas.cut_off().await?;
    }
    let seen = match asynchronous {
        true => load.advance(LANES, vendas).await?,
        false => before,
    };
    match old {
        OldPrimary::Killed => replicas.primary.kill()?,
        OldPrimary::Frozen => replicas.primary.pause()?,
        OldPrimary::LeftAlive => {}
    }
    replicas.promote().await?;
    let promoted = load.scenario.database.at(replicas.primary.postgres());
    let there = async || Progress::of(&promoted).await?.records().await;
    let taken_back = match old {
        OldPrimary::Killed | OldPrimary::Frozen => there().await? < seen,
        OldPrimary::LeftAlive => {
            // Its clients notice nothing, and the promoted server does not receive their writes.
            // With a synchronous standby it accepts only commits that do not wait for the standby.
            let seen = match asynchronous {
                true => load.advance(LANES, vendas).await?,
                false => seen,
            };
            let taken_back = there().await? < seen;
            ensure!(taken_back == asynchronous, "{seen} were seen on the old primary");
            if !asynchronous {
                load.round();
                load.until_logged(vendas, UNANSWERED, unanswered + 1).await?;
            }
            replicas.standby.kill()?;
            taken_back
        }
    };
    load.repaired();
    load.scenario.database.move_to(&promoted);
    if old == OldPrimary::Frozen {
        load.advance(1, vendas).await?;
        until_no_connection(vendas, replicas.standby.postgres().port()).await?;
        replicas.standby.resume()?;
        until_no_client(&promoted.at(replicas.standby.postgres())).await?;
    }
    load.round();
    load.until_logged(vendas, ELSEWHERE, told + 1).await?;
    Ok(taken_back)
}

/// Abandoned connections are closed, although the frozen server does not answer.
async fn until_no_connection(vendas: &Vendas, port: u16) -> Result<()> {
    let folder = format!("/proc/{}/fd", vendas.process_id());
    eventually("an end of the connections to the frozen server", DEADLINE, async || {
        let own: Vec<_> = fs::read_dir(&folder)?
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .map(|link| link.to_string_lossy().into_owned())
            .collect();
        let table = fs::read_to_string("/proc/net/tcp")?;
        // "sl local_address rem_address …", with the socket's number in field 10.
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

/// All clients have connected to the other server. A backend that waits for a synchronous standby does not
/// notice that its client has gone (`client_connection_check_interval` is 0 by default).
async fn until_no_client(database: &Database) -> Result<()> {
    let clients = "pg_stat_activity WHERE application_name = 'vendas'
                   AND datname = current_database() AND wait_event IS DISTINCT FROM 'SyncRep'";
    eventually("no more clients of the former primary", DEADLINE, async || {
        let clients = database.count(clients).await?;
        ensure!(clients == 0, "{clients} clients");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_partition_whose_offset_never_reached_the_standby_starts_again() -> Result<()> {
    let mut replicas = Replicas::start(false).await?;
    let load = Load::with("", replicas.primary.database().await?, seed(31)?, 1).await?;
    let scenario = &load.scenario;
    replicas.caught_up().await?;
    replicas.cut_off().await?;
    let vendas = scenario.vendas(["run"]).env("VENDAS_DATABASE__HOST", replicas.hosts()).start()?;
    scenario.send_rest().await?;
    scenario.progress().await?.reach(scenario.sent(), &vendas).await?;
    replicas.primary.kill()?;
    replicas.promote().await?;
    scenario.database.move_to(replicas.primary.postgres());
    // No further records: the failover itself is noticed.
    scenario.progress().await?.reach(scenario.sent(), &vendas).await?;
    let log = vendas.stderr()?;
    ensure!(log.contains("PostgreSQL has lost the partition's offset"), "{log}");
    ensure!(!log.contains("partition halted"), "{log}");
    scenario.expect_all().await?;
    verify(scenario).await
}

/// Checks the totals with the program's own command.
async fn verify(scenario: &Scenario<'_>) -> Result<()> {
    scenario.vendas(["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn records_to_be_repeated_that_kafka_no_longer_has_halt_the_partition() -> Result<()> {
    let mut replicas = Replicas::start(false).await?;
    let servers = Testbed::shared().await?;
    let (topic, database) = (servers.topic(1).await?, replicas.primary.database().await?);
    let shop = Shop { servers, topic, database };
    let work = shop.vendas(&["run", "--until-end"]).env("VENDAS_DATABASE__HOST", replicas.hosts());
    shop.send_numbers(0, 0..20).await?;
    work.run(DEADLINE).await?.expect_code(0)?;
    replicas.caught_up().await?;
    replicas.cut_off().await?;
    shop.send_numbers(0, 20..50).await?;
    work.run(DEADLINE).await?.expect_code(0)?;
    replicas.primary.kill()?;
    replicas.promote().await?;
    servers.kafka.delete_records(&shop.topic, 0, 40).await?;
    let halted = work.run(DEADLINE).await?.expect_code(1)?;
    for says in ["[20, 40)", "was deleted before it was read", "offsets reset"] {
        ensure!(halted.stderr.contains(says), "no {says:?}: {}", halted.stderr);
    }
    shop.database.move_to(replicas.primary.postgres());
    ensure!(shop.database.count("sales").await? == 20, "a halted partition writes nothing");
    Ok(())
}

#[tokio::test]
async fn a_server_that_hides_its_identity_is_used_if_it_is_writable() -> Result<()> {
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

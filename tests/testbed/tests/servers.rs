//! The servers behave as the other tests need.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use testbed::{
    Context, Kafka, Postgres, Record, Result, Signal, Testbed, VendasCommand, ensure, eventually,
};

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn kafka_keeps_its_records_when_it_is_killed_and_restarted() -> Result<()> {
    let kafka = Kafka::start().await?;
    let address = kafka.address().to_owned();
    kafka.create_topic("sales", 3, &[]).await?;
    let records = [Record::new("one").with_key("k"), Record::tombstone("k"), Record::new("three")];
    assert_eq!(kafka.produce("sales", 2, &records).await?, [0, 1, 2]);

    kafka.kill()?;
    assert!(kafka.client().await.is_err(), "a killed broker still answers");
    kafka.restart().await?;

    assert_eq!(kafka.address(), address);
    assert_eq!(kafka.partitions("sales").await?, [0, 1, 2]);
    assert_eq!(kafka.log_end("sales", 2).await?, 3);
    assert_eq!(kafka.produce("sales", 2, &records[..1]).await?, [3]);
    kafka.stop().await?;
    kafka.restart().await?;
    assert_eq!(kafka.log_end("sales", 2).await?, 4);
    Ok(())
}

#[tokio::test]
async fn kafka_accepts_configurations_and_deletes_records_and_topics() -> Result<()> {
    let servers = Testbed::shared().await?;
    let topic = servers.configured_topic(1, &[("cleanup.policy", "compact")]).await?;
    servers
        .kafka
        .produce(&topic, 0, &vec![Record::new("x".repeat(1_000)).with_key("k"); 1_500])
        .await?;
    assert_eq!(servers.kafka.log_end(&topic, 0).await?, 1_500);

    let args = ["--describe", "--topic", &topic];
    let said = servers.kafka.tool("org.apache.kafka.tools.TopicCommand", &args, b"").await?;
    assert!(said.contains("cleanup.policy=compact"), "{said}");

    let plain = servers.topic(1).await?;
    servers.kafka.produce(&plain, 0, &vec![Record::new("x"); 10]).await?;
    servers.kafka.delete_records(&plain, 0, 7).await?;
    servers.kafka.delete_topic(&topic).await?;
    eventually("disappearance of the topic", DEADLINE, async || {
        let partitions = servers.kafka.partitions(&topic).await?;
        ensure!(partitions.is_empty(), "partitions {partitions:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn postgres_recovers_when_it_is_killed_and_restarted() -> Result<()> {
    let postgres = Postgres::start().await?;
    let database = postgres.database().await?;
    database.execute("CREATE TABLE kept (n INT); INSERT INTO kept VALUES (1), (2)").await?;
    let client = database.connect().await?;
    // A busy child: it would continue for a while if only its parent were killed.
    let busy = tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(600)").await });
    eventually("a sleeping session", DEADLINE, async || {
        let sql = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'";
        ensure!(database.table(sql).await?.rows.len() == 1, "none");
        Ok(())
    })
    .await?;

    postgres.kill()?;
    assert!(busy.await?.is_err());
    assert!(database.execute("SELECT 1").await.is_err(), "a killed server still answers");
    postgres.restart().await?;

    assert_eq!(database.count("kept").await?, 2);
    postgres.stop().await?;
    postgres.restart().await?;
    assert_eq!(database.count("kept").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_frozen_server_neither_answers_nor_ends() -> Result<()> {
    let postgres = Postgres::start().await?;
    let client = postgres.postgres().connect().await?;
    postgres.pause()?;
    let answer = tokio::time::timeout(Duration::from_millis(300), client.simple_query("SELECT 1"));
    assert!(answer.await.is_err(), "a frozen server answers");
    postgres.resume()?;
    client.simple_query("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_program_sees_only_the_given_environment() -> Result<()> {
    let servers = Testbed::shared().await?;
    let database = servers.database().await?;
    let ended = servers
        .vendas("/bin/sh", &["sales", "more"], &database)
        .args(["-c", "env | grep VENDAS_; ls; cat; echo said >&2; exit 3"])
        .input("from standard input")
        .run(DEADLINE)
        .await?;
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 10, "{lines:?}");
    assert!(lines.contains(&"VENDAS_KAFKA__TOPICS=sales,more"), "{lines:?}");
    assert!(lines.contains(&"from standard input"), "{lines:?}");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(3), "said\n"));
    let error = ended.expect_code(0).map(drop).unwrap_err().to_string();
    assert!(error.contains("/bin/sh") && error.contains("said"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_program_is_signalled_and_killed() -> Result<()> {
    let sleep = VendasCommand::new("/bin/sleep").args(["600"]);
    let running = sleep.start()?;
    running.signal(Signal::TERM)?;
    assert_eq!(running.wait_exit(DEADLINE).await?.code, None);
    let running = sleep.start()?;
    let id = running.process_id();
    drop(running);
    assert!(!Path::new(&format!("/proc/{id}")).exists());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_never_holds_reports_the_last_observation() {
    let mut sales = 0;
    let waited = eventually("250 sales", DEADLINE, async || -> Result<()> {
        sales += 1;
        testbed::bail!("{} sales", sales.min(200))
    });
    let error = format!("{:#}", waited.await.unwrap_err());
    assert_eq!(error, "no 250 sales within 60s, saw: 200 sales");
}

#[tokio::test]
async fn no_process_outlives_a_killed_owner() -> Result<()> {
    // A separate temporary folder that contains everything.
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()?;
    for signal in [Signal::KILL, Signal::INT] {
        let mut owner = Command::new(env!("CARGO_BIN_EXE_testbed"))
            .arg("up")
            .env("TMPDIR", folder.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(owner.stdout.take().context("no standard output")?).lines();
        let settings = lines.take(6).collect::<Result<Vec<_>, _>>()?;
        assert!(settings[5].starts_with("export VENDAS_DATABASE__DBNAME="), "{settings:?}");
        let processes = processes_in(folder.path());
        assert!(processes.len() > 5, "only {processes:?} run in {}", folder.path().display());

        let id = rustix::process::Pid::from_child(&owner);
        // The whole process group, as a terminal does.
        rustix::process::kill_process_group(id, signal)?;
        owner.wait()?;
        until_clean(folder.path()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_process_outlives_an_owner_killed_during_the_start() -> Result<()> {
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()?;
    for millis in [50, 400, 900, 1_500, 2_500] {
        let mut owner = Command::new(env!("CARGO_BIN_EXE_testbed"))
            .arg("up")
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        tokio::time::sleep(Duration::from_millis(millis)).await;
        owner.kill()?;
        owner.wait()?;
        until_clean(folder.path()).await?;
    }
    Ok(())
}

/// Waits until no process uses the folder and all files in it are deleted.
async fn until_clean(folder: &Path) -> Result<()> {
    eventually("the end of all processes", DEADLINE, async || {
        let processes = processes_in(folder);
        let files: Vec<_> = fs::read_dir(folder)?.collect();
        ensure!(processes.is_empty() && files.is_empty(), "{processes:?} and {files:?}");
        Ok(())
    })
    .await
}

/// Processes with the folder on their command line or as their working folder; zombies have
/// neither.
fn processes_in(folder: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let name = folder.to_string_lossy();
    processes
        .filter(|process| {
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            let works_in = fs::read_link(process.join("cwd")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&*name) || works_in.starts_with(folder)
        })
        .collect()
}

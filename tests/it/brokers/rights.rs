//! What ACLs give and refuse: whatever `check` calls ok, `run` can do.

use testbed::{
    KafkaOptions, KafkaRelease, Result, Signal, Testbed, VendasCommand, ensure, eventually,
};

use crate::shop::{DEADLINE, Shop};

/// With an authorizer, for which whoever has no ACL may do everything.
pub(super) fn authorizing(options: KafkaOptions, release: KafkaRelease) -> KafkaOptions {
    let class = match release {
        KafkaRelease::V2_8 => "kafka.security.authorizer.AclAuthorizer",
        // It came to KRaft with Kafka 3.3 (KIP-801).
        KafkaRelease::V3_0 => return options,
        KafkaRelease::V3_9 | KafkaRelease::V4_3 => {
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        }
    };
    options
        .property("authorizer.class.name", class)
        .property("allow.everyone.if.no.acl.found", "true")
}

/// On a topic and a group that nobody may use, then one right is given after the other.
pub(super) async fn found_by_check(bed: &'static Testbed) -> Result<()> {
    if bed.kafka.release() == KafkaRelease::V3_0 {
        return Ok(());
    }
    let shop = Shop::on(bed, 1, &[]).await?;
    shop.apply_schema().await?;
    shop.send_numbers(0, 0..5).await?;
    let alone = || shop.vendas(&[]);
    let member = || shop.vendas(&[]).env("VENDAS_KAFKA__GROUP", &shop.topic);
    let (topic, group) = (["--topic", &shop.topic], ["--group", &shop.topic]);

    both_can(alone()).await?;
    allow(bed, "User:nobody", "Read", topic).await?;
    both_tell(alone, "grant READ and DESCRIBE", Run::Ends).await?;
    both_tell(member, "grant READ and DESCRIBE", Run::Ends).await?;
    allow(bed, "User:ANONYMOUS", "Describe", topic).await?;
    both_tell(alone, "grant READ", Run::Waits).await?;
    allow(bed, "User:ANONYMOUS", "Read", topic).await?;
    both_can(alone()).await?;

    both_can(member()).await?;
    allow(bed, "User:nobody", "Read", group).await?;
    both_tell(member, "grant READ on the group", Run::Ends).await?;
    allow(bed, "User:ANONYMOUS", "Read", group).await?;
    both_can(member()).await
}

/// Adds an ACL.
async fn allow(bed: &Testbed, user: &str, operation: &str, [kind, name]: [&str; 2]) -> Result<()> {
    let args = ["--add", "--allow-principal", user, "--operation", operation, kind, name];
    bed.kafka.tool("org.apache.kafka.tools.AclCommand", &args, b"").await.map(drop)
}

/// What `run` does without a right.
#[derive(Clone, Copy)]
enum Run {
    Ends,
    /// Until it has the right.
    Waits,
}

async fn both_tell(vendas: impl Fn() -> VendasCommand, told: &str, run: Run) -> Result<()> {
    // Brokers learn of an ACL a moment after it was added.
    eventually(told, DEADLINE, async || {
        let checked = vendas().args(["check"]).run(DEADLINE).await?.expect_code(1)?;
        ensure!(checked.stdout.contains(told), "{}", checked.stdout);
        Ok(())
    })
    .await?;
    match run {
        Run::Ends => {
            let ended = vendas().args(["run"]).run(DEADLINE).await?.expect_code(1)?;
            ensure!(ended.stderr.contains(told), "{}", ended.stderr);
        }
        Run::Waits => {
            let waiting = vendas().args(["run"]).start()?;
            eventually("a word about it", DEADLINE, async || {
                let log = waiting.stderr()?;
                let line = log.lines().find(|line| line.contains("paused, needs attention"));
                ensure!(line.is_some_and(|line| line.contains(told)), "{log}");
                Ok(())
            })
            .await?;
            waiting.signal(Signal::TERM)?;
            waiting.wait_exit(DEADLINE).await?.expect_code(0)?;
        }
    }
    Ok(())
}

async fn both_can(vendas: VendasCommand) -> Result<()> {
    eventually("check to find no fault", DEADLINE, async || {
        vendas.clone().args(["check"]).run(DEADLINE).await?.expect_code(0).map(drop)
    })
    .await?;
    let work = vendas.clone().args(["run"]).start()?;
    eventually("all of the topic", DEADLINE, async || {
        let shown = vendas.clone().args(["offsets", "show", "--format", "json"]);
        let shown = shown.run(DEADLINE).await?.expect_code(0)?;
        ensure!(shown.stdout.contains("\"lag\": 0"), "{}\n{}", shown.stdout, work.state());
        Ok(())
    })
    .await?;
    work.signal(Signal::TERM)?;
    work.wait_exit(DEADLINE).await?.expect_code(0).map(drop)
}

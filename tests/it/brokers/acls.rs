//! ACLs: if `check` reports ok, `run` has the privileges it needs.

use testbed::{KafkaOptions, KafkaRelease, Result, Signal, Testbed, VendasCommand, ensure};

use crate::{
    shop::{DEADLINE, Shop},
    wait::{until_count, until_paused},
};

/// With an authorizer that allows everything to users without ACLs.
pub(super) fn with_authorizer(options: KafkaOptions, release: KafkaRelease) -> KafkaOptions {
    let class = match release {
        KafkaRelease::V2_8 => "kafka.security.authorizer.AclAuthorizer",
        // Available in KRaft since Kafka 3.3 (KIP-801).
        KafkaRelease::V3_0 => return options,
        KafkaRelease::V3_9 | KafkaRelease::V4_3 => {
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        }
    };
    options
        .property("authorizer.class.name", class)
        .property("allow.everyone.if.no.acl.found", "true")
}

/// A topic and a group without privileges, to which one privilege after the other is granted.
pub(super) async fn check_finds_missing_acls(servers: &'static Testbed) -> Result<()> {
    if servers.kafka.release() == KafkaRelease::V3_0 {
        return Ok(());
    }
    let shop = Shop::on(servers, 1, &[]).await?;
    shop.apply_schema().await?;
    shop.send_numbers(0, 0..5).await?;
    let alone = || shop.vendas(&[]);
    let member = || shop.vendas(&[]).env("VENDAS_KAFKA__GROUP", &shop.topic);
    let (topic, group) = (["--topic", &shop.topic], ["--group", &shop.topic]);

    both_succeed(&shop, alone()).await?;
    allow(servers, "User:nobody", "Read", topic).await?;
    both_report(alone, "grant READ and DESCRIBE", Run::Ends).await?;
    both_report(member, "grant READ and DESCRIBE", Run::Ends).await?;
    allow(servers, "User:ANONYMOUS", "Describe", topic).await?;
    both_report(alone, "grant READ", Run::Waits).await?;
    allow(servers, "User:ANONYMOUS", "Read", topic).await?;
    both_succeed(&shop, alone()).await?;

    both_succeed(&shop, member()).await?;
    allow(servers, "User:nobody", "Read", group).await?;
    both_report(member, "grant READ on the group", Run::Ends).await?;
    allow(servers, "User:ANONYMOUS", "Read", group).await?;
    both_succeed(&shop, member()).await
}

/// Adds an ACL, and waits until the broker uses it.
async fn allow(
    servers: &Testbed,
    user: &str,
    operation: &str,
    [kind, name]: [&str; 2],
) -> Result<()> {
    let args = ["--add", "--allow-principal", user, "--operation", operation, kind, name];
    servers.kafka.tool("org.apache.kafka.tools.AclCommand", &args, b"").await?;
    servers.kafka.settled().await
}

/// What `run` does without a privilege.
#[derive(Clone, Copy)]
enum Run {
    Ends,
    /// Waits for the privilege.
    Waits,
}

async fn both_report(vendas: impl Fn() -> VendasCommand, told: &str, run: Run) -> Result<()> {
    let checked = vendas().args(["check"]).run(DEADLINE).await?.expect_code(1)?;
    ensure!(checked.stdout.contains(told), "{}", checked.stdout);
    match run {
        Run::Ends => {
            let ended = vendas().args(["run"]).run(DEADLINE).await?.expect_code(1)?;
            ensure!(ended.stderr.contains(told), "{}", ended.stderr);
        }
        Run::Waits => {
            let waiting = vendas().args(["run"]).start()?;
            until_paused(&waiting, "paused, needs attention", told).await?;
            waiting.signal(Signal::TERM)?;
            waiting.wait_exit(DEADLINE).await?.expect_code(0)?;
        }
    }
    Ok(())
}

/// `check` reports no problem, and `run` processes all records of the topic again.
async fn both_succeed(shop: &Shop, vendas: VendasCommand) -> Result<()> {
    vendas.clone().args(["check"]).run(DEADLINE).await?.expect_code(0)?;
    shop.database.execute("UPDATE partitions SET next_offset = 0; DELETE FROM sales").await?;
    let work = vendas.clone().args(["run"]).start()?;
    until_count(&shop.database, "sales", 5, &work).await?;
    let shown = vendas.args(["offsets", "show", "--format", "json"]);
    let shown = shown.run(DEADLINE).await?.expect_code(0)?;
    ensure!(shown.stdout.contains("\"lag\": 0"), "{}\n{}", shown.stdout, work.state());
    work.signal(Signal::TERM)?;
    work.wait_exit(DEADLINE).await?.expect_code(0).map(drop)
}

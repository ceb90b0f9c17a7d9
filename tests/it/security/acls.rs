//! ACLs of Kafka, over TLS and SASL, with and without a group.

use std::{collections::BTreeMap, time::Duration};

use testbed::{Record, Result, Signal, ensure, eventually};
use tokio::sync::OnceCell;

use super::{PASSWORD, SecureServers, run_traced, set_password, with_settings};
use crate::{
    shop::{DEADLINE, numbered},
    wait::until_paused,
};

type Settings = Vec<(&'static str, String)>;

const TOPICS: [&str; 3] = ["acl-none", "acl-describe", "acl-read"];

/// The user `erin` on the listener with SASL over TLS.
fn erin(servers: &SecureServers, topic: &str, group: Option<&str>) -> Settings {
    let mut settings = vec![
        ("kafka.brokers", servers.kafka_at("SECURED")),
        ("kafka.tls.enabled", "true".to_owned()),
        ("kafka.tls.ca_file", servers.authority.file().display().to_string()),
        ("kafka.sasl.mechanism", "SCRAM-SHA-512".to_owned()),
        ("kafka.sasl.user", "erin".to_owned()),
        ("kafka.sasl.password", PASSWORD.to_owned()),
        ("kafka.topics", topic.to_owned()),
    ];
    settings.extend(group.map(|group| ("kafka.group", group.to_owned())));
    settings
}

/// Grants `operation` on topics and groups.
async fn grant(
    servers: &SecureServers,
    user: &str,
    operation: &str,
    on: &[(&str, &str)],
) -> Result<()> {
    let user = format!("User:{user}");
    let mut args = vec!["--add", "--allow-principal", &user, "--operation", operation];
    for (kind, name) in on {
        args.extend([kind, name]);
    }
    servers.kafka.tool("org.apache.kafka.tools.AclCommand", &args, b"").await.map(drop)
}

/// A user with an ACL on a resource has these privileges there, and other users have none.
async fn granted() -> Result<&'static SecureServers> {
    static GRANTED: OnceCell<()> = OnceCell::const_new();
    let servers = SecureServers::shared().await?;
    let grants = async || -> Result<()> {
        for topic in TOPICS {
            servers.kafka.create_topic(topic, 1, &[]).await?;
            let records = [Record::new(numbered(1))];
            servers.kafka.produce(topic, 0, &records).await?;
        }
        let on = |kind: &'static str, names: &[&'static str]| -> Vec<_> {
            names.iter().map(|name| (kind, *name)).collect()
        };
        let (topic, group) = ("--topic", "--group");
        let theirs = [on(topic, &["acl-none"]), on(group, &["acl-g-none"])].concat();
        let described = [on(topic, &["acl-describe"]), on(group, &["acl-g-describe"])].concat();
        let read = [on(topic, &["acl-read"]), on(group, &["acl-g-read"])].concat();
        tokio::try_join!(
            set_password(&servers.kafka, "SCRAM-SHA-512", "erin", PASSWORD),
            grant(servers, "nobody", "Read", &theirs),
            grant(servers, "erin", "Describe", &described),
            grant(servers, "erin", "Read", &read),
        )?;
        servers.kafka.settled().await
    };
    GRANTED.get_or_try_init(grants).await?;
    Ok(servers)
}

#[tokio::test]
async fn missing_acls_are_found_by_check_and_reported_by_run() -> Result<()> {
    let servers = granted().await?;
    let topic = "check its name and grant READ and DESCRIBE";
    let group = "GroupAuthorizationFailed: grant READ on the group";
    let cases: BTreeMap<(&str, Option<&str>), &str> = [
        (("acl-none", None), topic),
        (("acl-none", Some("acl-g-read")), topic),
        (("acl-describe", None), topic),
        (("acl-describe", Some("acl-g-read")), topic),
        (("acl-read", Some("acl-g-none")), group),
        (("acl-read", Some("acl-g-describe")), group),
    ]
    .into();
    for ((topic, of_group), told) in cases {
        let vendas = with_settings(&servers.vendas(topic).await?, &erin(servers, topic, of_group));
        let checked = run_traced(&vendas, &["check"], 1).await?;
        ensure!(checked.stdout.contains(told), "{topic} {of_group:?}: {}", checked.stdout);
        // Without the privilege to read records the start succeeds.
        if topic == "acl-describe" {
            let waiting = vendas.args(["run"]).start()?;
            until_paused(
                &waiting,
                "paused, needs attention",
                "TopicAuthorizationFailed: grant READ on the topic",
            )
            .await?;
            waiting.signal(Signal::TERM)?;
            waiting.wait_exit(DEADLINE).await?.expect_code(0)?;
        } else {
            let ended = run_traced(&vendas, &["run"], 1).await?;
            ensure!(ended.stderr.contains(told), "{topic} {of_group:?}: {}", ended.stderr);
        }
    }
    Ok(())
}

#[tokio::test]
async fn read_on_the_topic_and_on_the_group_is_enough() -> Result<()> {
    let servers = granted().await?;
    let vendas = servers.vendas("acl-read").await?;
    run_traced(&vendas, &["schema", "--apply"], 0).await?;
    run_traced(&with_settings(&vendas, &erin(servers, "acl-read", None)), &["check"], 0).await?;
    let vendas = with_settings(&vendas, &erin(servers, "acl-read", Some("acl-g-read")));
    run_traced(&vendas, &["check"], 0).await?;
    let work = vendas.clone().args(["run"]).start()?;
    eventually("the sale", DEADLINE + Duration::from_secs(10), async || {
        let shown = vendas.clone().args(["offsets", "show", "--format", "json"]);
        let shown = shown.run(DEADLINE).await?.expect_code(0)?;
        ensure!(shown.stdout.contains("\"lag\": 0"), "{}\n{}", shown.stdout, work.state());
        Ok(())
    })
    .await?;
    let log = work.stderr()?;
    ensure!(log.contains("joined the group"), "{log}");
    work.signal(Signal::TERM)?;
    work.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

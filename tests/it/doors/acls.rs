//! What a user may do in Kafka: ACLs that refuse, over TLS and SASL, with a group and without.

use std::{collections::BTreeMap, time::Duration};

use testbed::{Record, Result, Signal, ensure, eventually};
use tokio::sync::OnceCell;

use super::{Doors, PASSWORD, run, set_password, with};
use crate::shop::{DEADLINE, numbered};

type Settings = Vec<(&'static str, String)>;

const TOPICS: [&str; 3] = ["acl-none", "acl-describe", "acl-read"];

/// `erin` at the door that asks for a password over TLS.
fn erin(doors: &Doors, topic: &str, group: Option<&str>) -> Settings {
    let mut settings = vec![
        ("kafka.brokers", doors.kafka_at("SECURED")),
        ("kafka.tls.enabled", "true".to_owned()),
        ("kafka.tls.ca_file", doors.authority.file().display().to_string()),
        ("kafka.sasl.mechanism", "SCRAM-SHA-512".to_owned()),
        ("kafka.sasl.user", "erin".to_owned()),
        ("kafka.sasl.password", PASSWORD.to_owned()),
        ("kafka.topics", topic.to_owned()),
    ];
    settings.extend(group.map(|group| ("kafka.group", group.to_owned())));
    settings
}

/// Grants `operation` on topics and groups.
async fn grant(doors: &Doors, user: &str, operation: &str, on: &[(&str, &str)]) -> Result<()> {
    let user = format!("User:{user}");
    let mut args = vec!["--add", "--allow-principal", &user, "--operation", operation];
    for (kind, name) in on {
        args.extend([kind, name]);
    }
    doors.kafka.tool("org.apache.kafka.tools.AclCommand", &args, b"").await.map(drop)
}

/// Who has an ACL has what it says; the others have nothing there.
async fn granted() -> Result<&'static Doors> {
    static GRANTED: OnceCell<()> = OnceCell::const_new();
    let doors = Doors::open().await?;
    let grants = async || -> Result<()> {
        for topic in TOPICS {
            doors.kafka.create_topic(topic, 1, &[]).await?;
            let records = [Record::new(numbered(1))];
            doors.kafka.produce(topic, 0, &records).await?;
        }
        let on = |kind: &'static str, names: &[&'static str]| -> Vec<_> {
            names.iter().map(|name| (kind, *name)).collect()
        };
        let (topic, group) = ("--topic", "--group");
        let theirs = [on(topic, &["acl-none"]), on(group, &["acl-g-none"])].concat();
        let described = [on(topic, &["acl-describe"]), on(group, &["acl-g-describe"])].concat();
        let read = [on(topic, &["acl-read"]), on(group, &["acl-g-read"])].concat();
        tokio::try_join!(
            set_password(&doors.kafka, "SCRAM-SHA-512", "erin", PASSWORD),
            grant(doors, "nobody", "Read", &theirs),
            grant(doors, "erin", "Describe", &described),
            grant(doors, "erin", "Read", &read),
        )
        .map(drop)
    };
    GRANTED.get_or_try_init(grants).await?;
    Ok(doors)
}

#[tokio::test]
async fn whatever_an_acl_refuses_is_found_by_check_and_told_by_run() -> Result<()> {
    let doors = granted().await?;
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
        let vendas = with(&doors.vendas(topic).await?, &erin(doors, topic, of_group));
        let checked = run(&vendas, &["check"], 1).await?;
        ensure!(checked.stdout.contains(told), "{topic} {of_group:?}: {}", checked.stdout);
        // Without the right to fetch, everything but that is there at the start.
        if topic == "acl-describe" {
            let waiting = vendas.args(["run"]).start()?;
            eventually("a word about it", DEADLINE, async || {
                let log = waiting.stderr()?;
                let line = log.lines().find(|line| line.contains("paused, needs attention"));
                let told = "TopicAuthorizationFailed: grant READ on the topic";
                ensure!(line.is_some_and(|line| line.contains(told)), "{log}");
                Ok(())
            })
            .await?;
            waiting.signal(Signal::TERM)?;
            waiting.wait_exit(DEADLINE).await?.expect_code(0)?;
        } else {
            let ended = run(&vendas, &["run"], 1).await?;
            ensure!(ended.stderr.contains(told), "{topic} {of_group:?}: {}", ended.stderr);
        }
    }
    Ok(())
}

#[tokio::test]
async fn read_on_the_topic_and_on_the_group_is_enough() -> Result<()> {
    let doors = granted().await?;
    let vendas = doors.vendas("acl-read").await?;
    run(&vendas, &["schema", "--apply"], 0).await?;
    run(&with(&vendas, &erin(doors, "acl-read", None)), &["check"], 0).await?;
    let vendas = with(&vendas, &erin(doors, "acl-read", Some("acl-g-read")));
    run(&vendas, &["check"], 0).await?;
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

//! Kafka's own consumer, in Java.

use std::{ffi::OsString, fs};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::task::spawn_blocking;

use super::{Kafka, KafkaRelease, STOP_DEADLINE};
use crate::{
    guard::Folder,
    install,
    process::{Launch, Process},
};

const CLASS: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

/// A member of a group with the classic protocol: Kafka's console consumer, of the broker's
/// release. Dropping it kills it, without leaving the group.
#[derive(Debug)]
pub struct JavaConsumer {
    // Before the folder, so that the process is killed first.
    process: Process,
    folder: Folder,
}

impl JavaConsumer {
    /// Starts a consumer that joins `group` with `client_id`. It reads `topics` from the group's
    /// offsets, otherwise from the beginning, and commits every 200 ms. `assignor` is, for example,
    /// `CooperativeStickyAssignor` or `RangeAssignor`.
    ///
    /// # Errors
    /// If it cannot be started. [`Librdkafka::members`] shows whether it is a member.
    ///
    /// [`Librdkafka::members`]: crate::Librdkafka::members
    pub async fn join(
        kafka: &Kafka,
        group: &str,
        client_id: &str,
        topics: &[&str],
        assignor: &str,
    ) -> Result<Self> {
        let release = kafka.release();
        let class_path = spawn_blocking(move || install::kafka(release.version())).await??;
        let folder = Folder::new("consumer")?;
        let mut args = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]
            .map(OsString::from)
            .to_vec();
        args.extend([class_path.into_os_string(), release.tool(CLASS).into()]);
        // A regular expression; topic names contain no special characters except dots.
        let names = topics.join("|").replace('.', "\\.");
        let topics = if release == KafkaRelease::V2_8 { "--whitelist" } else { "--include" };
        let words = ["--bootstrap-server", kafka.address(), "--group", group, topics, &names];
        args.extend(words.map(OsString::from));
        args.extend(
            ["--from-beginning", "--isolation-level", "read_committed"].map(OsString::from),
        );
        let properties = [
            format!("partition.assignment.strategy=org.apache.kafka.clients.consumer.{assignor}"),
            format!("client.id={client_id}"),
            "auto.commit.interval.ms=200".to_owned(),
            "session.timeout.ms=6000".to_owned(),
            "heartbeat.interval.ms=500".to_owned(),
            "metadata.max.age.ms=1000".to_owned(),
        ];
        args.extend(properties.iter().flat_map(|it| ["--consumer-property".into(), it.into()]));
        let shown = ["print.partition=true", "print.offset=true"];
        args.extend(shown.into_iter().flat_map(|it| ["--property".into(), it.into()]));
        let (java, records) = (install::java(), folder.path().join("records"));
        let process = Process::start(&Launch {
            stderr: Some(&folder.path().join("consumer.log")),
            ..Launch::new(java.as_os_str(), args, folder.path(), &records)
        })?;
        Ok(Self { process, folder })
    }

    /// The records that it has read so far: partition, offset and payload, of all its topics.
    ///
    /// # Errors
    /// If it printed anything else.
    pub fn records(&self) -> Result<Vec<(i32, i64, String)>> {
        let text = fs::read_to_string(self.folder.path().join("records"))?;
        // The last line may be incomplete.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let record = |line: &str| {
            let mut fields = line.splitn(3, '\t');
            let mut number = |name: &str| fields.next()?.strip_prefix(name)?.parse().ok();
            let partition = number("Partition:").and_then(|number| i32::try_from(number).ok());
            let offset: Option<i64> = number("Offset:");
            Some((partition?, offset?, fields.next()?.to_owned()))
        };
        whole
            .lines()
            .map(|line| record(line).with_context(|| format!("no record: {line}")))
            .collect()
    }

    /// The number of records that it has read so far.
    ///
    /// # Errors
    /// If its output cannot be read.
    pub fn count(&self) -> Result<usize> {
        let printed = fs::read(self.folder.path().join("records"))?;
        let lines = printed.split(|byte| *byte == b'\n');
        Ok(lines.filter(|line| line.starts_with(b"Partition:")).count())
    }

    /// Makes it leave its group and exit.
    ///
    /// # Errors
    /// If it has ended already or is too slow.
    pub async fn leave(mut self) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        self.process.wait(STOP_DEADLINE).await.map(drop)
    }

    /// Kills it: the group notices when its session times out.
    ///
    /// # Errors
    /// If it does not end.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()
    }
}

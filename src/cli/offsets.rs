//! `vendas offsets`: shows and resets the stored offsets.

use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
    sync::Arc,
};

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::Serialize;
use uuid::Uuid;

use super::{
    CliError, Format,
    asking::{confirm, whoami},
    print, store,
};
use crate::{
    config::Config,
    kafka::{Kafka, MemberSeen, NextOffset, OffsetAt, TopicPartition, TopicState},
    pipeline::RunError,
};

/// The next offset that a partition is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    At(OffsetAt),
    Offset(NextOffset),
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "earliest" => Ok(Self::At(OffsetAt::Earliest)),
            "latest" => Ok(Self::At(OffsetAt::End)),
            number => number
                .parse()
                .ok()
                .and_then(NextOffset::new)
                .map(Self::Offset)
                .ok_or("must be earliest, latest, or an offset of 0 or more"),
        }
    }
}

/// One partition, as it is printed. `None` where a value is not known yet.
#[derive(Debug, Serialize)]
struct Line {
    topic: Arc<str>,
    partition: i32,
    /// The first offset that is not committed yet.
    next_offset: Option<i64>,
    /// The last stable offset: one past the last record that can be read now.
    log_end: i64,
    /// Offsets from the next offset, or without one from the log's start, to the log's end.
    lag: i64,
    /// The instance that committed the next offset.
    moved_by: Option<Uuid>,
    /// The group member that the partition is assigned to, and its host.
    member: Option<String>,
    host: Option<String>,
}

pub(super) async fn show(config: &Config, format: Format) -> Result<(), CliError> {
    let lines = lines(config).await?;
    match format {
        Format::Json => {
            let json = serde_json::to_string_pretty(&lines)
                .map_err(|error| CliError::Failed(error.to_string()))?;
            print(&format!("{json}\n"))
        }
        Format::Table => print(&format!("{}\n", table(&lines, config.group.is_some()))),
    }
}

async fn lines(config: &Config) -> Result<Vec<Line>, CliError> {
    let kafka = Kafka::new(config.kafka.clone());
    let partitions = partitions(&kafka, config).await?;
    let earliest = kafka.offsets(&partitions, OffsetAt::Earliest).await?;
    let ends = kafka.offsets(&partitions, OffsetAt::End).await?;
    let store = store(config);
    // Before the first run there are no tables.
    let rows = if store.has_offsets().await? {
        store.partitions(&topics_of(&partitions)).await?
    } else {
        Vec::new()
    };
    let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.partition.clone(), row)).collect();
    let mut members = HashMap::new();
    if let Some(group) = &config.group {
        let seen = kafka.group(group, config.group_protocol).await?;
        for MemberSeen { id, host, assigned } in seen.members {
            let has = assigned.into_iter().map(|partition| (partition, (id.clone(), host.clone())));
            members.extend(has);
        }
    }
    let lines = earliest.into_iter().zip(ends).map(|((partition, earliest), (_, end))| {
        let row = rows.get(&partition);
        let next_offset = row.map(|row| row.next_offset);
        let (member, host) = members.remove(&partition).unzip();
        Line {
            moved_by: row.map(|row| row.moved_by),
            member,
            host,
            next_offset: next_offset.map(NextOffset::get),
            log_end: end.get(),
            lag: next_offset.unwrap_or(earliest).lag(end),
            topic: partition.topic,
            partition: partition.partition,
        }
    });
    Ok(lines.collect())
}

fn topics_of(partitions: &[TopicPartition]) -> Vec<Arc<str>> {
    let topics: BTreeSet<_> =
        partitions.iter().map(|partition| Arc::clone(&partition.topic)).collect();
    topics.into_iter().collect()
}

async fn partitions(kafka: &Kafka, config: &Config) -> Result<Vec<TopicPartition>, CliError> {
    let mut all = Vec::new();
    for state in kafka.topics(&config.topics).await? {
        match state {
            TopicState::Present { partitions, .. } => all.extend(partitions),
            TopicState::Missing { topic } => {
                return Err(RunError::NoSuchTopic(topic).into());
            }
        }
    }
    Ok(all)
}

fn table(lines: &[Line], in_group: bool) -> Table {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut header = vec!["topic", "partition", "next offset", "log end", "lag", "committed by"];
    if in_group {
        header.extend(["member", "host"]);
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    for line in lines {
        let mut row = vec![
            line.topic.to_string(),
            line.partition.to_string(),
            or_none(line.next_offset.map(|offset| offset.to_string())),
            line.log_end.to_string(),
            line.lag.to_string(),
            or_none(line.moved_by.map(|instance| instance.to_string())),
        ];
        if in_group {
            row.extend([or_none(line.member.clone()), or_none(line.host.clone())]);
        }
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Sets the next offset. An instance that processes the partition is fenced and reads the new offset.
pub(super) async fn reset(
    config: &Config,
    partition: Option<i32>,
    to: Target,
    because: &str,
    yes: bool,
) -> Result<(), CliError> {
    let kafka = Kafka::new(config.kafka.clone());
    let mut partitions = partitions(&kafka, config).await?;
    partitions.retain(|found| partition.is_none_or(|wanted| found.partition == wanted));
    if partitions.is_empty() {
        return Err(CliError::Failed(
            "no topic of kafka.topics has that partition: `vendas offsets show` lists them"
                .to_owned(),
        ));
    }
    let targets = match to {
        Target::At(at) => kafka.offsets(&partitions, at).await?,
        Target::Offset(offset) => {
            partitions.iter().map(|partition| (partition.clone(), offset)).collect()
        }
    };
    let store = store(config);
    let ends = kafka.offsets(&partitions, OffsetAt::End).await?;
    let mut text = String::new();
    for ((partition, offset), (_, end)) in targets.iter().zip(ends) {
        if *offset > end {
            return Err(CliError::Failed(format!(
                "offset {offset} is beyond the end of {partition}, which is {end}"
            )));
        }
        let row = store.partition(partition).await?;
        let from = row.map_or_else(|| "none".to_owned(), |row| row.next_offset.to_string());
        text.push_str(&format!("{partition}: next offset {from} -> {offset}\n"));
    }
    print(&text)?;
    if !yes && !confirm("Set them?")? {
        return print("nothing was changed: use --yes to apply this\n");
    }
    store.reset_partitions(&targets, because, &whoami()).await?;
    print(
        "done; running instances continue from there within seconds, or within a minute on partitions \
         without new records\n",
    )
}

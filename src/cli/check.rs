//! `vendas check`: checks configuration and servers, and names the remedies. Changes nothing.

use std::{collections::BTreeSet, sync::Arc};

use clap::Args;

use super::{CliError, print, sampling, schemas, store};
use crate::{
    config::{Config, StartFrom},
    format::Schemas,
    http_client::Address,
    init::{
        outcome::{self, Outcome},
        propose::{Input, leftovers_of},
        render,
        sample::Sample,
        taken,
    },
    kafka::{
        GroupError, GroupProtocol, GroupSeen, Kafka, KafkaError, OffsetAt, TopicPartition,
        TopicState,
    },
    pipeline::RunError,
    registry::{self, Registry},
    store::{Greeting, Settings as DatabaseSettings, Store},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Also process up to N records of each topic, the newest, without writing anything.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    sample: Option<u16>,
}

/// The result of one check: `Ok` with what was found, or `Err` with the problem and its remedy.
type Line = Result<String, String>;

pub(super) async fn check(config: &Config, arguments: Arguments) -> Result<(), CliError> {
    let mut failed = 0;
    let mut say = |lines: Vec<Line>| {
        let mut text = String::new();
        for line in lines {
            match line {
                Ok(line) => text.push_str(&format!("ok    {line}\n")),
                Err(line) => {
                    failed += 1;
                    text.push_str(&format!("FAIL  {line}\n"));
                }
            }
        }
        print(&text)
    };
    say(vec![Ok("configuration: valid".to_owned())])?;
    for idle in config.idle_mappings() {
        print(&format!("WARN  configuration: {idle}\n"))?;
    }
    say(kafka(config).await)?;
    say(postgres(config).await)?;
    let registry = config.registry.as_ref().map(Registry::new);
    if let (Some(settings), Some(registry)) = (&config.registry, &registry) {
        say(vec![schema_registry(registry, settings).await])?;
    }
    if let Some(most) = arguments.sample {
        for sample in sampling::read(config, most.into()).await? {
            let schemas = schemas::of(&config.rules, registry.as_ref(), &sample.records).await?;
            let outcome =
                outcome::outcome(&sample.records, config.rules.of(&sample.topic), &schemas);
            print(&sample_result(config, &sample, &schemas, &outcome))?;
            if let Some(trouble) = render::trouble(&outcome).filter(|_| outcome.is_rejected()) {
                say(vec![Err(format!("topic {}: {trouble}", sample.topic))])?;
            }
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(CliError::Reported("one check failed")),
        _ => Err(CliError::Reported("several checks failed")),
    }
}

async fn kafka(config: &Config) -> Vec<Line> {
    let kafka = Kafka::new(config.kafka.clone());
    let (brokers, security) = (config.kafka.brokers.join(","), &config.kafka.security);
    let states = match kafka.topics(&config.topics).await {
        Ok(states) => states,
        Err(error @ KafkaError::Unreachable { .. }) => {
            return vec![Err(format!("kafka: {error}: check kafka.brokers"))];
        }
        Err(error) => return vec![Err(format!("kafka: {error}"))],
    };
    let mut lines = vec![Ok(format!("kafka: the cluster at {brokers} answers {security}"))];
    if let Some(group) = &config.group {
        lines.push(
            joins(&kafka, group, config.group_protocol)
                .await
                .map_err(|error| format!("group {group}: {error}")),
        );
    }
    let present: Vec<_> = states.iter().flat_map(TopicState::partitions).cloned().collect();
    lines.extend(start(config, &kafka, &present).await);
    for state in states {
        lines.push(match state {
            TopicState::Missing { topic } => Err(format!(
                "topic {topic}: does not exist: create it (kafka-topics.sh --bootstrap-server \
                 {brokers} --create --topic {topic} --partitions 4), or set kafka.topics"
            )),
            TopicState::Present { topic, partitions, .. } => readable(&kafka, &partitions)
                .await
                .map(|()| format!("topic {topic}: {} partitions can be read", partitions.len()))
                .map_err(|error| format!("topic {topic}: {error}")),
        });
    }
    lines
}

/// Whether the partitions of one topic, which has at least one, can be read.
async fn readable(kafka: &Kafka, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
    let ends = kafka.offsets(partitions, OffsetAt::End).await?;
    match ends.first() {
        Some((partition, end)) => kafka.may_read(partition, *end).await,
        None => Ok(()),
    }
}

/// Whether the consumer group of `kafka.start_from`, if one is set, has offsets for the topics that
/// have none stored yet.
async fn start(config: &Config, kafka: &Kafka, partitions: &[TopicPartition]) -> Option<Line> {
    let StartFrom::Group(group) = &config.start_from else { return None };
    let topics: BTreeSet<_> = partitions.iter().map(|it| Arc::clone(&it.topic)).collect();
    // Missing tables hold no offsets; their own check reports other problems.
    let rows = store(config).partitions(&Vec::from_iter(topics)).await.unwrap_or_default();
    let is_new = |it: &&TopicPartition| rows.iter().all(|row| row.partition.topic != it.topic);
    let new: Vec<_> = partitions.iter().filter(is_new).cloned().collect();
    if new.is_empty() {
        return None;
    }
    Some(match kafka.committed(group, &new).await {
        Ok(offsets) => match offsets.iter().filter(|(_, offset)| offset.is_some()).count() {
            0 => Err(format!("start: {}", RunError::NothingCommitted(Arc::clone(group)))),
            count => Ok(format!(
                "start: group {group} has committed offsets of {count} of {} partitions",
                new.len()
            )),
        },
        Err(error) => Err(format!("start: {error}")),
    })
}

async fn joins(
    kafka: &Kafka,
    group: &Arc<str>,
    protocol: GroupProtocol,
) -> Result<String, GroupError> {
    let GroupSeen { protocol, members } = kafka.group(group, protocol).await?;
    kafka.may_join(group).await?;
    let members = match members.len() {
        1 => "1 member".to_owned(),
        several => format!("{several} members"),
    };
    Ok(format!("group {group}: can be joined with the {protocol} protocol, has {members}"))
}

async fn schema_registry(registry: &Registry, settings: &registry::Settings) -> Line {
    match registry.ping().await {
        Ok(answering) => {
            // The addresses before this one were tried first.
            let is_silent = |it: &&Address| Some(*it) != answering;
            let silent: Vec<_> =
                settings.addresses.iter().take_while(is_silent).map(ToString::to_string).collect();
            let mut line = "schema registry:".to_owned();
            if let Some(address) = answering {
                line.push_str(&format!(" {address} answers"));
            }
            if !silent.is_empty() {
                line.push_str(&format!(", but not {}", silent.join(",")));
            }
            Ok(line)
        }
        Err(error) => Err(format!("schema registry: {error}")),
    }
}

async fn postgres(config: &Config) -> Vec<Line> {
    let settings = &config.database;
    let hosts: Vec<String> = settings.hosts.iter().map(ToString::to_string).collect();
    let place =
        format!("database \"{}\" on {} as \"{}\"", settings.dbname, hosts.join(","), settings.user);
    let store = store(config);
    let greeting = match store.ping().await {
        Ok(greeting) => greeting,
        Err(error) => return vec![Err(format!("{place}: {error}"))],
    };
    let Greeting { host, version, tls } = greeting;
    let tls = tls.map_or("without TLS".to_owned(), |tls| format!("over {tls}"));
    // Names the host if there are several.
    let at = host.filter(|_| hosts.len() > 1).map_or(String::new(), |host| format!(" at {host}"));
    let mut lines = vec![Ok(format!("{place}: PostgreSQL {version}{at} answers {tls}"))];
    match store.inspect().await {
        Ok(findings) if findings.is_empty() => {
            lines.push(Ok(format!(
                "schema \"{}\": all tables and privileges are present",
                settings.schema
            )));
            lines.extend(other_clock(&store, settings).await);
        }
        Ok(findings) => {
            let makes = config.apply_schema && store.may_create().await.unwrap_or_default();
            lines.extend(findings.iter().map(|finding| match makes && finding.is_fresh() {
                true => Ok("tables: missing, `vendas run` will create them".to_owned()),
                false => Err(finding.to_string()),
            }));
        }
        Err(error) => lines.push(Err(format!("schema \"{}\": {error}", settings.schema))),
    }
    lines
}

/// Reports a time zone in the tables that differs from the configured one.
async fn other_clock(store: &Store, settings: &DatabaseSettings) -> Option<Line> {
    let (configured, schema) = (&settings.shop_timezone, &settings.schema);
    let clock = match store.shop_clock().await {
        Ok(clock) => clock?,
        Err(error) => return Some(Err(format!("shop_clock: {error}"))),
    };
    (clock != *configured).then(|| {
        Err(format!(
            "shop_clock: the tables use the time zone {clock}, but \
             orders.shop_timezone is {configured}: change the setting, or, as the tables' owner, \
             run `SET search_path = \"{schema}\"; UPDATE shop_clock SET timezone = '{configured}'; \
             SELECT rebuild_sums()`"
        ))
    })
}

/// The result of processing the sample, and the fields that the mapping does not read.
fn sample_result(config: &Config, sample: &Sample, schemas: &Schemas, outcome: &Outcome) -> String {
    let Sample { topic, from, .. } = sample;
    let rules = config.rules.of(topic);
    let mut text = format!("\ntopic {topic}, {from}: {}", render::outcome(outcome));
    let viewed = sample.as_json(rules.format(), schemas);
    let input = Input { sample: &viewed, shop_timezone: rules.shop_timezone() };
    let taken = taken::places(rules.mapping().settings());
    text.push_str(&render::leftovers(&leftovers_of(input, &taken)));
    text
}

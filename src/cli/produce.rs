//! `vendas produce`: sends the orders of a file, unchanged.

mod elements;
mod writer;

use std::{
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use clap::{Args, CommandFactory, error::ErrorKind};
use tokio::{
    sync::mpsc::{self, error::TryRecvError},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;

use super::{Cli, CliError, print, signals};
use crate::{
    config::Config,
    format::Reading,
    kafka::{Kafka, ProduceError, Producer},
    order::{OrderKey, Rules},
};

use writer::Writer;

/// The largest file that is validated: it is held in memory, since all of it is
/// validated first.
const CHECKED_BYTES: u64 = 1 << 30;

/// The longest line: more than the largest record that brokers accept by default.
const LINE_BYTES: u64 = 64 << 20;

/// An order as it is in the file, and its payload.
type Order = (Bytes, Bytes);

/// The number of records in a chunk passed from the reader to the sender.
const CHUNK: usize = 256;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file with one order per line (NDJSON) or one JSON array, up to 1 GiB; - for standard
    /// input.
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// Send each line unchanged, JSON or not, without validating the file first.
    #[arg(long)]
    as_is: bool,
    /// Encode the orders with the latest schema of this subject of the schema registry, and add the
    /// header with its id. An Avro schema gives Avro, a JSON schema gives JSON.
    #[arg(long, value_name = "NAME", conflicts_with = "as_is")]
    subject: Option<String>,
}

/// Where records are sent.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The topic; by default, the single topic of kafka.topics.
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// The number of partitions if the topic has to be created.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,
}

/// A producer and the name of its topic.
pub(super) struct Sender {
    pub(super) producer: Producer,
    topic: Arc<str>,
}

impl Target {
    /// Creates the topic if it is missing.
    pub(super) async fn open(self, config: &Config) -> Result<Sender, CliError> {
        let topic = match (self.topic, config.topics.only()) {
            (Some(named), _) => named.into(),
            (None, Some(only)) => Arc::clone(only),
            (None, None) => {
                let text = "kafka.topics does not name exactly one topic: use --topic";
                let kind = ErrorKind::MissingRequiredArgument;
                return Err(CliError::Usage(Cli::command().error(kind, text)));
            }
        };
        let kafka = Kafka::new(config.kafka.clone());
        Ok(Sender { producer: kafka.producer(&topic, self.partitions).await?, topic })
    }
}

impl Sender {
    /// A summary: the records acknowledged in each partition, and `details`.
    pub(super) fn summary(&self, details: &str) -> String {
        let acknowledged = self.producer.acknowledged();
        let sum: u64 = acknowledged.iter().map(|(_, records)| records).sum();
        let created = match acknowledged.len() {
            _ if !self.producer.has_created_topic() => String::new(),
            1 => ", created with 1 partition".to_owned(),
            count => format!(", created with {count} partitions"),
        };
        let plural = if sum == 1 { "" } else { "s" };
        let mut text =
            format!("{sum} record{plural} sent to topic {}{created}{details}\n", self.topic);
        for (partition, records) in acknowledged.iter().filter(|(_, records)| *records > 0) {
            text.push_str(&format!("partition {partition}: {records}\n"));
        }
        text
    }
}

pub(super) async fn produce(config: &Config, arguments: Arguments) -> Result<(), CliError> {
    let Arguments { file, target, as_is, subject } = arguments;
    let writer = match &subject {
        Some(subject) => Some(Writer::of(config, subject).await?),
        None => None,
    };
    let stop = CancellationToken::new();
    signals::cancel_on_signal(&stop)?;
    let (give, mut chunks) = mpsc::channel(4);
    // Reading blocks, possibly forever if standard input is a terminal.
    let reading = spawn_blocking(move || match as_is {
        true => lines(&file, &give),
        false => checked(&file, writer.as_ref(), &give),
    });
    // The topic is not created for an invalid file.
    let first = tokio::select! {
        first = chunks.recv() => first,
        () = stop.cancelled() => None,
    };
    if first.is_none() && !stop.is_cancelled() {
        read(reading).await?;
        return print("0 records sent: the file is empty\n");
    }
    let mut sender = target.open(config).await?;
    // The file contains JSON, whatever the format of the topic.
    let rules = Rules::clone(config.rules.of(&sender.topic)).reading(Reading::Json);
    let sent = send(&mut sender.producer, first, &mut chunks, &rules, &stop).await;
    let stopped = stop.is_cancelled();
    let sent = sent.and(sender.producer.finish().await);
    print(&sender.summary(if stopped { ", then interrupted by a signal" } else { "" }))?;
    sent?;
    if stopped { Ok(()) } else { read(reading).await }
}

/// The result of reading the file.
async fn read(reading: tokio::task::JoinHandle<Result<(), String>>) -> Result<(), CliError> {
    let failed = |_| "internal error while reading: report it as a bug".to_owned();
    reading.await.map_err(failed).and_then(|result| result).map_err(CliError::Failed)
}

async fn send(
    producer: &mut Producer,
    first: Option<Vec<Order>>,
    chunks: &mut mpsc::Receiver<Vec<Order>>,
    rules: &Rules,
    stop: &CancellationToken,
) -> Result<(), ProduceError> {
    let mut next = first;
    while let Some(chunk) = next {
        for (json, payload) in chunk {
            let Some(sent) =
                stop.run_until_cancelled(producer.send(key(rules, &json), Some(payload))).await
            else {
                return Ok(());
            };
            sent?;
        }
        next = match chunks.try_recv() {
            Ok(chunk) => Some(chunk),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                // The next chunk may take long.
                producer.flush().await?;
                tokio::select! {
                    chunk = chunks.recv() => chunk,
                    () = stop.cancelled() => None,
                }
            }
        };
    }
    Ok(())
}

/// An order's number or id. An invalid order has none and is sent to any partition.
fn key(rules: &Rules, payload: &Bytes) -> Option<Bytes> {
    let meaning = rules.understand_value(Some(payload)).ok()?;
    Some(match meaning.orders().first()?.key() {
        OrderKey::Number(number) => number.to_string().into(),
        OrderKey::Id(id) => Bytes::copy_from_slice(id.as_bytes()),
    })
}

fn open(file: &Path) -> Result<Box<dyn Read>, String> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let opened = std::fs::File::open(file).map_err(|error| format!("{}: {error}", file.display()));
    Ok(Box::new(opened?))
}

/// The orders of a file, unchanged, if all of it is valid: the lines of NDJSON, or the elements of
/// one JSON array.
pub(super) fn elements_of(file: &Path) -> Result<Vec<Bytes>, String> {
    let name = file.display();
    let mut bytes = Vec::new();
    let read = open(file)?.take(CHECKED_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("{name}: {error}"))?;
    let bytes = Bytes::from(bytes);
    if u64::try_from(bytes.len()).is_ok_and(|length| length > CHECKED_BYTES) {
        return Err(format!("{name}: larger than 1 GiB: split it, or send its lines with --as-is"));
    }
    let elements = elements::of(&bytes).map_err(|fault| format!("{name}: {fault}"))?;
    Ok(elements.into_iter().map(|element| bytes.slice_ref(element.as_bytes())).collect())
}

/// Passes on the orders of the file if all of it is valid.
fn checked(
    file: &Path,
    writer: Option<&Writer>,
    give: &mpsc::Sender<Vec<Order>>,
) -> Result<(), String> {
    let elements = elements_of(file).map_err(|error| format!("{error}: nothing was sent"))?;
    let write = |(index, json): (usize, Bytes)| match writer {
        None => Ok((json.clone(), json)),
        Some(writer) => match writer.write(&json) {
            Ok(payload) => Ok((json, payload)),
            Err(error) => {
                let name = file.display();
                Err(format!("{name}: order {}: {error}: nothing was sent", index + 1))
            }
        },
    };
    let elements: Vec<_> = elements.into_iter().enumerate().map(write).collect::<Result<_, _>>()?;
    for chunk in elements.chunks(CHUNK) {
        if give.blocking_send(chunk.to_vec()).is_err() {
            break;
        }
    }
    Ok(())
}

/// Passes on each line as it is read.
fn lines(file: &Path, give: &mpsc::Sender<Vec<Order>>) -> Result<(), String> {
    let name = file.display();
    let mut reader = BufReader::new(open(file)?);
    let mut chunk = Vec::with_capacity(CHUNK);
    for number in 1_u64.. {
        let mut line = Vec::new();
        let read = (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line);
        read.map_err(|error| format!("{name}: {error}"))?;
        let whole = line.pop_if(|last| *last == b'\n').is_some();
        if !whole && u64::try_from(line.len()).is_ok_and(|length| length == LINE_BYTES) {
            return Err(format!("{name}: line {number} is longer than 64 MiB: it was not sent"));
        }
        let ended = !whole && line.is_empty();
        if !ended {
            let line = Bytes::from(line);
            chunk.push((line.clone(), line));
        }
        // Lines that are complete do not wait for the next one.
        let due = ended || chunk.len() == CHUNK || reader.buffer().is_empty();
        if due && !chunk.is_empty() && give.blocking_send(std::mem::take(&mut chunk)).is_err() {
            break;
        }
        if ended {
            break;
        }
    }
    Ok(())
}

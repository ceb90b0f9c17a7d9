//! librdkafka, the client library of most programs that are not in Java: the reference for the
//! contents of a topic.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    kafka::{Kafka, Record},
    python::Python,
};

const SCRIPT: &str = include_str!("../librdkafka.py");

/// A process with librdkafka. Its transactions stay open when it is dropped, until they expire.
#[derive(Debug)]
pub struct Librdkafka {
    python: Python,
}

/// A record's header, whose value may be null.
pub type Header = (&'static str, Option<&'static [u8]>);

/// Records that are sent to a partition together, all with the same headers.
#[derive(Clone, Debug, Default)]
pub struct RecordBatch {
    /// The partition.
    pub partition: i32,
    /// They become one record batch, which is compressed as a whole.
    pub records: Vec<Record>,
    /// Each record's headers; a name may occur twice.
    pub headers: Vec<Header>,
}

/// The actions of a producer, which is identified by its transactional id.
#[derive(Clone, Debug)]
pub enum Step {
    /// Begins a transaction.
    Begin(&'static str),
    /// Sends in the transaction.
    Send(&'static str, RecordBatch),
    /// Sends without a transaction.
    SendPlainly(RecordBatch),
    /// Commits the transaction.
    Commit(&'static str),
    /// Aborts the transaction.
    Abort(&'static str),
}

/// A member of a consumer group, and its assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Its client id.
    pub client_id: String,
    /// The assigned partitions by topic.
    pub partitions: BTreeMap<String, BTreeSet<i32>>,
}

/// The part of a partition that read_committed returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The last stable offset, the end of this part.
    pub end: i64,
    /// The records by their offsets.
    pub records: Vec<(i64, Record)>,
}

impl Librdkafka {
    /// Starts a process for `kafka`.
    ///
    /// # Errors
    /// If Python or librdkafka is unavailable: the error names the package to install.
    pub async fn start(kafka: &Kafka) -> Result<Self> {
        Ok(Self { python: Python::start(SCRIPT, [kafka.address()]).await? })
    }

    /// Sends batches, compressed with `codec` (none, gzip, snappy, lz4, zstd). Returns the number
    /// of transmitted bytes.
    ///
    /// # Errors
    /// If not all of them were acknowledged.
    pub async fn produce(
        &self,
        topic: &str,
        codec: &str,
        batches: &[RecordBatch],
    ) -> Result<usize> {
        let batches: Vec<_> = batches.iter().map(batch).collect();
        let plan =
            json!({"do": "produce", "topic": topic, "compression": codec, "batches": batches});
        let sent = self.python.call(plan).await?;
        Ok(usize::try_from(sent.as_u64().context("the script returned no number of bytes")?)?)
    }

    /// Sends each batch with a separate idempotent producer, which sends nothing more.
    ///
    /// # Errors
    /// If not all of them were acknowledged.
    pub async fn produce_apart(&self, topic: &str, batches: &[RecordBatch]) -> Result<()> {
        let batches: Vec<_> = batches.iter().map(batch).collect();
        let plan = json!({"do": "produce_apart", "topic": topic, "batches": batches});
        self.python.call(plan).await.map(drop)
    }

    /// Appends batches with one idempotent producer, which is kept between calls, needs
    /// acknowledgements of all replicas, and retries while brokers fail. Returns the offsets of
    /// each batch.
    ///
    /// # Errors
    /// If not all of them were acknowledged.
    pub async fn append(&self, topic: &str, batches: &[RecordBatch]) -> Result<Vec<Vec<i64>>> {
        let batches: Vec<_> = batches.iter().map(batch).collect();
        let plan = json!({"do": "append", "topic": topic, "batches": batches});
        Ok(serde_json::from_value(self.python.call(plan).await?)?)
    }

    /// The leader of each partition, -1 for none, and the ids of the in-sync replicas.
    ///
    /// # Errors
    /// If no broker answers.
    pub async fn replicas(&self, topic: &str) -> Result<BTreeMap<i32, (i32, Vec<i32>)>> {
        let answer = self.python.call(json!({"do": "replicas", "topic": topic})).await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// The members of a consumer group, ordered by client id; none if there is no such group.
    ///
    /// # Errors
    /// If no broker answers.
    pub async fn members(&self, group: &str) -> Result<Vec<GroupMember>> {
        let answer = self.python.call(json!({"do": "members", "group": group})).await?;
        let members: Vec<(String, Vec<(String, i32)>)> = serde_json::from_value(answer)?;
        let mut members: Vec<_> = members
            .into_iter()
            .map(|(client_id, assigned)| {
                let mut partitions = BTreeMap::<_, BTreeSet<_>>::new();
                for (topic, partition) in assigned {
                    partitions.entry(topic).or_default().insert(partition);
                }
                GroupMember { client_id, partitions }
            })
            .collect();
        members.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        Ok(members)
    }

    /// Executes steps in sequence. A transaction that is not ended here stays open, and may be
    /// ended in a later call.
    ///
    /// # Errors
    /// If one fails.
    pub async fn transactions(&self, topic: &str, steps: &[Step]) -> Result<()> {
        let steps: Vec<Value> = steps
            .iter()
            .map(|step| match step {
                Step::Begin(who) => json!([who, "begin"]),
                Step::Send(who, records) => json!([who, "send", batch(records)]),
                Step::SendPlainly(records) => json!([null, "send", batch(records)]),
                Step::Commit(who) => json!([who, "commit"]),
                Step::Abort(who) => json!([who, "abort"]),
            })
            .collect();
        let plan = json!({"do": "transactions", "topic": topic, "steps": steps});
        self.python.call(plan).await.map(drop)
    }

    /// Reads all partitions from the beginning to the last stable offset, with isolation level
    /// read_committed.
    ///
    /// # Errors
    /// If it does not reach the end.
    pub async fn consume(&self, topic: &str) -> Result<BTreeMap<i32, Log>> {
        let answer = self.python.call(json!({"do": "consume", "topic": topic})).await?;
        let logs = answer.as_object().context("no logs")?;
        logs.iter().map(|(partition, log)| Ok((partition.parse()?, read_log(log)?))).collect()
    }
}

fn batch(batch: &RecordBatch) -> Value {
    let headers: Vec<_> =
        batch.headers.iter().map(|(name, value)| json!([name, value.map(hex)])).collect();
    let record = |record: &Record| {
        json!([record.key.as_deref().map(hex), record.payload.as_deref().map(hex), headers])
    };
    json!({
        "partition": batch.partition,
        "records": batch.records.iter().map(record).collect::<Vec<_>>(),
    })
}

fn read_log(log: &Value) -> Result<Log> {
    let records = log["records"].as_array().context("no records")?.iter().map(|record| {
        let offset = record[0].as_i64().context("no offset")?;
        let (key, payload) = (bytes(&record[1])?, bytes(&record[2])?);
        Ok((offset, Record { key, payload, ..Record::default() }))
    });
    let end = log["end"].as_i64().context("no end")?;
    Ok(Log { end, records: records.collect::<Result<_>>()? })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn bytes(text: &Value) -> Result<Option<Vec<u8>>> {
    let Some(text) = text.as_str() else { return Ok(None) };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty()).map(Some).context("no hexadecimal")
}

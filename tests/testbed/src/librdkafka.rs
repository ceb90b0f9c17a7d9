//! librdkafka, the client behind most programs that aren't Java's: the measure of what a topic is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    kafka::{Kafka, Record},
    python::Python,
};

const SCRIPT: &str = include_str!("../librdkafka.py");

/// A process of librdkafka's. Its transactions stay open when it is dropped, until they expire.
#[derive(Debug)]
pub struct Librdkafka {
    python: Python,
}

/// A record's header, whose value may be null.
pub type Header = (&'static str, Option<&'static [u8]>);

/// Records that go to a partition together, all with the same headers.
#[derive(Clone, Debug, Default)]
pub struct RecordBatch {
    /// Where they go.
    pub partition: i32,
    /// They become one record batch, which is compressed as a whole.
    pub records: Vec<Record>,
    /// Each record's headers; a name may come twice.
    pub headers: Vec<Header>,
}

/// What a producer does, named by its transactional id.
#[derive(Clone, Debug)]
pub enum Step {
    /// Begins a transaction.
    Begin(&'static str),
    /// Sends as a part of it.
    Send(&'static str, RecordBatch),
    /// Sends without any transaction.
    SendPlainly(RecordBatch),
    /// Ends it; its records count from now on.
    Commit(&'static str),
    /// Ends it; its records never count.
    Abort(&'static str),
}

/// A member of a consumer group, and what it is assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// What its client calls itself.
    pub client_id: String,
    /// The assigned partitions by topic.
    pub partitions: BTreeMap<String, BTreeSet<i32>>,
}

/// What read_committed delivers of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The last stable offset: where it ends, all transactions up to there having ended.
    pub end: i64,
    /// The records by their offsets.
    pub records: Vec<(i64, Record)>,
}

impl Librdkafka {
    /// Starts one for `kafka`.
    ///
    /// # Errors
    /// Where Python or librdkafka can't be had: the text says what to install.
    pub async fn start(kafka: &Kafka) -> Result<Self> {
        Ok(Self { python: Python::start(SCRIPT, [kafka.address()]).await? })
    }

    /// Sends batches, compressed as `codec` (none, gzip, snappy, lz4, zstd) says. Returns how many
    /// bytes went over the wire in all.
    ///
    /// # Errors
    /// Where not all of them were taken.
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
        Ok(usize::try_from(sent.as_u64().context("no number of bytes")?)?)
    }

    /// Sends each batch by an idempotent producer of its own, which sends nothing more.
    ///
    /// # Errors
    /// Where not all of them were taken.
    pub async fn produce_apart(&self, topic: &str, batches: &[RecordBatch]) -> Result<()> {
        let batches: Vec<_> = batches.iter().map(batch).collect();
        let plan = json!({"do": "produce_apart", "topic": topic, "batches": batches});
        self.python.call(plan).await.map(drop)
    }

    /// Appends batches by one idempotent producer, which lives on from call to call, writes to all
    /// replicas, and goes on trying while brokers fail. Returns the offsets that each batch got.
    ///
    /// # Errors
    /// Where not all of them were taken.
    pub async fn append(&self, topic: &str, batches: &[RecordBatch]) -> Result<Vec<Vec<i64>>> {
        let batches: Vec<_> = batches.iter().map(batch).collect();
        let plan = json!({"do": "append", "topic": topic, "batches": batches});
        Ok(serde_json::from_value(self.python.call(plan).await?)?)
    }

    /// The leader of each partition, -1 for none, and the ids of the replicas in sync with it.
    ///
    /// # Errors
    /// Where no broker answers.
    pub async fn replicas(&self, topic: &str) -> Result<BTreeMap<i32, (i32, Vec<i32>)>> {
        let answer = self.python.call(json!({"do": "replicas", "topic": topic})).await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// The members of a consumer group, ordered by their client ids; none, where there is no such
    /// group.
    ///
    /// # Errors
    /// Where no broker answers.
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

    /// Carries out steps, one after the other. A transaction that isn't ended here stays open, and
    /// may be ended in a later call.
    ///
    /// # Errors
    /// Where one fails.
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
    /// Where it doesn't come to the end.
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

//! A generated stream of records that is sent in steps, the program that processes it, and checks
//! of the result.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, SystemTime},
};

use futures::future::try_join_all;
use testbed::{
    Context, Database, Ended, Kafka, Librdkafka, Postgres, PostgresOptions, Record, RecordBatch,
    Result, Signal, Testbed, Vendas, VendasCommand, bail, ensure,
};
use tokio::time::Instant;

use crate::{
    audit,
    oracle::Tables,
    stream::{DOCUMENT, Generated, Stream},
    totals,
};

pub(crate) use crate::shop::DEADLINE;

const TOPICS: usize = 2;
const PARTITIONS: usize = 3;
pub(crate) const LANES: usize = TOPICS * PARTITIONS;

/// Records per partition that are sent together.
const CHUNK: usize = 20;

/// Two topics, a database, and a stream of records to send. The topics have three partitions each
/// unless specified otherwise.
pub(crate) struct Scenario<'k> {
    kafka: &'k Kafka,
    /// Sends the records if brokers may fail during the test.
    producer: Option<Librdkafka>,
    pub(crate) database: Database,
    pub(crate) topics: Vec<String>,
    /// Of each topic.
    partitions: usize,
    stream: Stream,
    /// The number of records that were sent to each partition.
    sent: Cell<usize>,
    /// When, and after how many records per partition, each chunk was sent.
    sends: RefCell<Vec<(SystemTime, usize)>>,
}

impl Scenario<'static> {
    /// With a new database of the shared PostgreSQL.
    pub(crate) async fn shared(seed: u64, records: usize) -> Result<Self> {
        let servers = Testbed::shared().await?;
        Self::with(servers.database().await?, seed, records).await
    }

    /// `records` per partition on the shared Kafka, with this new database.
    pub(crate) async fn with(database: Database, seed: u64, records: usize) -> Result<Self> {
        Self::with_partitions(database, PARTITIONS, seed, records).await
    }

    /// With this number of partitions for each topic.
    pub(crate) async fn with_partitions(
        database: Database,
        partitions: usize,
        seed: u64,
        records: usize,
    ) -> Result<Self> {
        let kafka = &Testbed::shared().await?.kafka;
        Self::of(kafka, database, partitions, seed, records).await
    }

    /// The same on another shared Kafka.
    pub(crate) async fn with_partitions_on(
        kafka: &'static Kafka,
        database: Database,
        partitions: usize,
        seed: u64,
        records: usize,
    ) -> Result<Self> {
        Self::of(kafka, database, partitions, seed, records).await
    }
}

impl<'k> Scenario<'k> {
    /// On a Kafka that may fail, with an idempotent producer that retries.
    pub(crate) async fn on(
        kafka: &'k Kafka,
        database: Database,
        seed: u64,
        records: usize,
    ) -> Result<Self> {
        let producer = Some(Librdkafka::start(kafka).await?);
        let scenario = Self::of(kafka, database, PARTITIONS, seed, records).await?;
        Ok(Self { producer, ..scenario })
    }

    async fn of(
        kafka: &'k Kafka,
        database: Database,
        partitions: usize,
        seed: u64,
        records: usize,
    ) -> Result<Self> {
        let mut topics = Vec::with_capacity(TOPICS);
        for _ in 0..TOPICS {
            topics.push(kafka.new_topic(u16::try_from(partitions)?, &[]).await?);
        }
        let scenario = Self {
            kafka,
            producer: None,
            database,
            topics,
            partitions,
            stream: Stream::new(seed, TOPICS * partitions, records),
            sent: Cell::new(0),
            sends: RefCell::default(),
        };
        scenario.vendas(["schema", "--apply"]).run(DEADLINE).await?.expect_code(0)?;
        audit::install(&scenario.database).await?;
        Ok(scenario)
    }

    pub(crate) const fn kafka(&self) -> &'k Kafka {
        self.kafka
    }

    /// The program with small batches, so that there are many to interrupt.
    pub(crate) fn vendas<const N: usize>(&self, args: [&str; N]) -> VendasCommand {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        VendasCommand::new(env!("CARGO_BIN_EXE_vendas"))
            .kafka(self.kafka, &topics)
            .database(&self.database)
            .env("VENDAS_PIPELINE__BATCH_SIZE", "10")
            .args(args)
    }

    /// Topic, partition and records of each partition. A record's offset is its index.
    fn partitions(&self) -> impl Iterator<Item = (&str, i32, &[Generated])> {
        self.stream.lanes.iter().zip(0_i32..).map(|(lane, index)| {
            let (topic, partition) = self.place(index);
            (self.topics[topic].as_str(), partition, &lane[..self.sent.get()])
        })
    }

    /// The topic and the partition of a partition of the stream.
    fn place(&self, lane: i32) -> (usize, i32) {
        let partitions = i32::try_from(self.partitions).unwrap_or(1);
        (usize::try_from(lane / partitions).unwrap_or_default(), lane % partitions)
    }

    /// The total number of sent records.
    pub(crate) fn sent(&self) -> usize {
        self.sent.get() * self.stream.lanes.len()
    }

    /// The number of records that were sent to each partition.
    pub(crate) fn sent_per_partition(&self) -> usize {
        self.sent.get()
    }

    /// Sends the next `records` of each partition in small steps.
    pub(crate) async fn send(&self, records: usize) -> Result<()> {
        let until = self.sent.get() + records;
        ensure!(until <= self.stream.lanes[0].len(), "the stream is too short for this test");
        while self.sent.get() < until {
            let first = self.sent.get();
            let next = (first + CHUNK).min(until);
            self.sends.borrow_mut().push((SystemTime::now(), first));
            let found = match &self.producer {
                Some(producer) => self.append(producer, first, next).await?,
                None => self.produce(first, next).await?,
            };
            let expected: Vec<_> = (first..next).map(i64::try_from).collect::<Result<_, _>>()?;
            for (lane, found) in found.iter().enumerate() {
                ensure!(
                    *found == expected,
                    "expected offsets {expected:?} in partition {lane} of the stream, got {found:?}"
                );
            }
            self.sent.set(next);
        }
        Ok(())
    }

    /// The records of a partition from index `first` to `next`, exclusive.
    fn records(&self, lane: usize, first: usize, next: usize) -> Vec<Record> {
        self.stream.lanes[lane][first..next].iter().map(|it| it.record.clone()).collect()
    }

    /// Sends to all partitions at once; returns the offsets by partition.
    async fn produce(&self, first: usize, next: usize) -> Result<Vec<Vec<i64>>> {
        try_join_all((0..self.stream.lanes.len()).map(async |lane| {
            let (topic, partition) = self.place(i32::try_from(lane)?);
            let records = self.records(lane, first, next);
            self.kafka.produce(&self.topics[topic], partition, &records).await
        }))
        .await
    }

    async fn append(
        &self,
        producer: &Librdkafka,
        first: usize,
        next: usize,
    ) -> Result<Vec<Vec<i64>>> {
        let mut offsets = Vec::new();
        for topic in 0..TOPICS {
            let batches: Vec<_> = (topic * self.partitions..(topic + 1) * self.partitions)
                .zip(0..)
                .map(|(lane, partition)| RecordBatch {
                    partition,
                    records: self.records(lane, first, next),
                    headers: vec![],
                })
                .collect();
            offsets.extend(producer.append(&self.topics[topic], &batches).await?);
        }
        Ok(offsets)
    }

    /// Sends the remaining records.
    pub(crate) async fn send_rest(&self) -> Result<()> {
        self.send(self.stream.lanes[0].len() - self.sent.get()).await
    }

    /// When the record at this offset of any partition was about to be sent.
    pub(crate) fn sent_at(&self, offset: usize) -> Option<SystemTime> {
        let sends = self.sends.borrow();
        let behind = sends.partition_point(|(_, first)| *first <= offset);
        sends.get(behind.checked_sub(1)?).map(|(at, _)| *at)
    }

    /// Reads the progress from PostgreSQL over one connection.
    pub(crate) async fn progress(&self) -> Result<Progress> {
        Progress::of(&self.database).await
    }

    /// Processes everything that was sent, in batches of the usual size.
    pub(crate) async fn run_until_end(&self) -> Result<Ended> {
        let command = self.vendas(["run", "--until-end"]).env("VENDAS_PIPELINE__BATCH_SIZE", "100");
        command.run(DEADLINE).await?.expect_code(0)
    }

    /// The expected contents of the tables after all sent records.
    pub(crate) fn expected(&self) -> Tables {
        Tables::after(self.partitions())
    }

    /// Checks every row, and every write.
    pub(crate) async fn expect_all(&self) -> Result<()> {
        self.expected().expect(&self.database).await?;
        audit::expect(&self.database, self.partitions()).await?;
        // The orders are correct; the sums must match them.
        totals::expect_equal(&self.database).await
    }
}

/// A PostgreSQL that delays writing its log to disk as long as possible.
pub(crate) async fn postgres_with_delayed_wal() -> Result<Postgres> {
    let options = PostgresOptions::default();
    options
        .setting("wal_writer_delay", "10s")
        .setting("wal_writer_flush_after", "1GB")
        .start()
        .await
}

/// The progress of the processing.
pub(crate) struct Progress {
    client: tokio_postgres::Client,
}

impl Progress {
    pub(crate) async fn of(database: &Database) -> Result<Self> {
        Ok(Self { client: database.connect().await? })
    }

    /// The total number of records accounted for, in all partitions.
    pub(crate) async fn records(&self) -> Result<usize> {
        let sql = "SELECT coalesce(sum(next_offset), 0)::BIGINT FROM partitions";
        let sum: i64 = self.client.query_one(sql, &[]).await?.try_get(0)?;
        Ok(usize::try_from(sum)?)
    }

    /// Waits until at least `records` are accounted for, and returns their number.
    pub(crate) async fn reach(&self, records: usize, by: &Vendas) -> Result<usize> {
        let until = Instant::now() + DEADLINE;
        loop {
            let now = self.records().await?;
            if now >= records {
                return Ok(now);
            }
            if Instant::now() > until || !by.is_running()? {
                bail!("{now} records of {records} after {DEADLINE:?}: {}", by.state());
            }
            // A short pause, so that the next step of the test happens during the processing.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Sends SIGTERM, waits for the exit, and checks the exit code.
pub(crate) async fn terminate(vendas: Vendas) -> Result<Ended> {
    vendas.signal(Signal::TERM)?;
    vendas.wait_exit(Duration::from_secs(20)).await?.expect_code(0)
}

/// The number of records that a run reports as committed.
pub(crate) fn committed_records(ended: &Ended) -> Result<usize> {
    let line = ended.stderr.lines().find(|line| line.contains(" done "));
    let line =
        line.with_context(|| format!("no log line with the committed records: {}", ended.state()))?;
    Ok(field(line, "records").context("no records=")?.parse()?)
}

/// A field of a log line.
pub(crate) fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// The number of log lines that contain `text`.
pub(crate) fn count_lines(log: &str, text: &str) -> usize {
    log.lines().filter(|line| line.contains(text)).count()
}

/// Checks that no part of a payload is logged.
pub(crate) fn expect_no_payload(ended: &Ended) -> Result<()> {
    for secret in [DOCUMENT, "666.66", "never sold", "Notebook", "rubbish"] {
        let line = ended.stderr.lines().find(|line| line.contains(secret));
        ensure!(line.is_none(), "{secret} of a payload is logged: {line:?}");
    }
    Ok(())
}

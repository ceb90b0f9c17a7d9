//! A play: a stream that is sent bit by bit, the program that works it, and a look at the result.

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
    oracle::Tables,
    stream::{DOCUMENT, Generated, Stream},
    totals, witness,
};

/// For whatever takes well below a second on an idle machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

const TOPICS: usize = 2;
const PARTITIONS: usize = 3;
pub(crate) const LANES: usize = TOPICS * PARTITIONS;

/// Records of each lane that are sent together.
const CHUNK: usize = 20;

/// Two topics, of three partitions each unless it is said otherwise, a database, and what is to be
/// sent.
pub(crate) struct Stage<'k> {
    kafka: &'k Kafka,
    /// Who sends, where brokers fail meanwhile.
    producer: Option<Librdkafka>,
    pub(crate) database: Database,
    pub(crate) topics: Vec<String>,
    /// Of each topic.
    partitions: usize,
    stream: Stream,
    /// How many records of each lane are sent.
    sent: Cell<usize>,
    /// When how many of each lane were about to be sent.
    sends: RefCell<Vec<(SystemTime, usize)>>,
}

impl Stage<'static> {
    /// With a new database of the shared PostgreSQL.
    pub(crate) async fn shared(seed: u64, records: usize) -> Result<Self> {
        let bed = Testbed::shared().await?;
        Self::with(bed.database().await?, seed, records).await
    }

    /// `records` for each lane on the shared Kafka; the database is new.
    pub(crate) async fn with(database: Database, seed: u64, records: usize) -> Result<Self> {
        Self::wide(database, PARTITIONS, seed, records).await
    }

    /// With so many partitions for each of the topics.
    pub(crate) async fn wide(
        database: Database,
        partitions: usize,
        seed: u64,
        records: usize,
    ) -> Result<Self> {
        let kafka = &Testbed::shared().await?.kafka;
        Self::of(kafka, database, partitions, seed, records).await
    }

    /// The same on another Kafka that tests share.
    pub(crate) async fn wide_on(
        kafka: &'static Kafka,
        database: Database,
        partitions: usize,
        seed: u64,
        records: usize,
    ) -> Result<Self> {
        Self::of(kafka, database, partitions, seed, records).await
    }
}

impl<'k> Stage<'k> {
    /// On a Kafka that may fail, with a producer that goes on trying then and sends nothing twice.
    pub(crate) async fn on(
        kafka: &'k Kafka,
        database: Database,
        seed: u64,
        records: usize,
    ) -> Result<Self> {
        let producer = Some(Librdkafka::start(kafka).await?);
        let stage = Self::of(kafka, database, PARTITIONS, seed, records).await?;
        Ok(Self { producer, ..stage })
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
        let stage = Self {
            kafka,
            producer: None,
            database,
            topics,
            partitions,
            stream: Stream::new(seed, TOPICS * partitions, records),
            sent: Cell::new(0),
            sends: RefCell::default(),
        };
        stage.vendas(["schema", "--apply"]).run(DEADLINE).await?.expect_code(0)?;
        witness::watch(&stage.database).await?;
        Ok(stage)
    }

    pub(crate) const fn kafka(&self) -> &'k Kafka {
        self.kafka
    }

    /// The program, in small batches, so that there are many to be interrupted.
    pub(crate) fn vendas<const N: usize>(&self, args: [&str; N]) -> VendasCommand {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        VendasCommand::new(env!("CARGO_BIN_EXE_vendas"))
            .kafka(self.kafka, &topics)
            .database(&self.database)
            .env("VENDAS_PIPELINE__BATCH_SIZE", "10")
            .args(args)
    }

    /// Every record that was sent has its place here: topic, partition, and the offset by counting.
    fn partitions(&self) -> impl Iterator<Item = (&str, i32, &[Generated])> {
        self.stream.lanes.iter().zip(0_i32..).map(|(lane, index)| {
            let (topic, partition) = self.place(index);
            (self.topics[topic].as_str(), partition, &lane[..self.sent.get()])
        })
    }

    /// A lane's topic and partition.
    fn place(&self, lane: i32) -> (usize, i32) {
        let partitions = i32::try_from(self.partitions).unwrap_or(1);
        (usize::try_from(lane / partitions).unwrap_or_default(), lane % partitions)
    }

    /// How many records have been sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent.get() * self.stream.lanes.len()
    }

    /// How many records of each lane have been sent.
    pub(crate) fn sent_of_each(&self) -> usize {
        self.sent.get()
    }

    /// Sends the next `records` of each lane, little by little.
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
                ensure!(*found == expected, "lane {lane} was sent to {expected:?}, got {found:?}");
            }
            self.sent.set(next);
        }
        Ok(())
    }

    /// The records of a lane from `first` on and before `next`.
    fn records(&self, lane: usize, first: usize, next: usize) -> Vec<Record> {
        self.stream.lanes[lane][first..next].iter().map(|it| it.record.clone()).collect()
    }

    /// Sends to all partitions at once; returns the offsets by lane.
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

    /// Sends what is left.
    pub(crate) async fn send_rest(&self) -> Result<()> {
        self.send(self.stream.lanes[0].len() - self.sent.get()).await
    }

    /// When the record at this offset of any partition was about to be sent.
    pub(crate) fn sent_at(&self, offset: usize) -> Option<SystemTime> {
        let sends = self.sends.borrow();
        let behind = sends.partition_point(|(_, first)| *first <= offset);
        sends.get(behind.checked_sub(1)?).map(|(at, _)| *at)
    }

    /// Looks at PostgreSQL over one connection.
    pub(crate) async fn progress(&self) -> Result<Progress> {
        Progress::of(&self.database).await
    }

    /// Works everything that was sent, in batches of the usual size.
    pub(crate) async fn run_until_end(&self) -> Result<Ended> {
        let command = self.vendas(["run", "--until-end"]).env("VENDAS_PIPELINE__BATCH_SIZE", "100");
        command.run(DEADLINE).await?.expect_code(0)
    }

    /// What the tables must hold now, if everything that was sent was worked.
    pub(crate) fn expected(&self) -> Tables {
        Tables::after(self.partitions())
    }

    /// Checks every row, and how it came there.
    pub(crate) async fn expect_all(&self) -> Result<()> {
        self.expected().expect(&self.database).await?;
        witness::expect(&self.database, self.partitions()).await?;
        // The orders are as they should be, and so is what they sum to.
        totals::expect_equal(&self.database).await
    }
}

/// A PostgreSQL that keeps to itself, for as long as it may, what need not be durable at once.
pub(crate) async fn that_puts_off_what_it_may() -> Result<Postgres> {
    let options = PostgresOptions::default();
    options
        .setting("wal_writer_delay", "10s")
        .setting("wal_writer_flush_after", "1GB")
        .start()
        .await
}

/// How far the work is.
pub(crate) struct Progress {
    client: tokio_postgres::Client,
}

impl Progress {
    pub(crate) async fn of(database: &Database) -> Result<Self> {
        Ok(Self { client: database.connect().await? })
    }

    /// The records accounted for, in all partitions together.
    pub(crate) async fn records(&self) -> Result<usize> {
        let sql = "SELECT coalesce(sum(next_offset), 0)::BIGINT FROM partitions";
        let sum: i64 = self.client.query_one(sql, &[]).await?.try_get(0)?;
        Ok(usize::try_from(sum)?)
    }

    /// Waits until at least `records` are accounted for; says how many are then.
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
            // Tight, since what comes next shall come in the middle.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Asks it to end, and waits until it has, in order.
pub(crate) async fn terminate(vendas: Vendas) -> Result<Ended> {
    vendas.signal(Signal::TERM)?;
    vendas.wait_exit(Duration::from_secs(20)).await?.expect_code(0)
}

/// How many records a run says it has committed.
pub(crate) fn tally(ended: &Ended) -> Result<usize> {
    let line = ended.stderr.lines().find(|line| line.contains(" done "));
    let line = line.with_context(|| format!("it says nothing of being done: {}", ended.state()))?;
    Ok(field(line, "records").context("no records=")?.parse()?)
}

/// A field of a log line.
pub(crate) fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// How many log lines say this.
pub(crate) fn lines(log: &str, text: &str) -> usize {
    log.lines().filter(|line| line.contains(text)).count()
}

/// Nothing of a payload is ever logged.
pub(crate) fn expect_discretion(ended: &Ended) -> Result<()> {
    for secret in [DOCUMENT, "666.66", "never sold", "Notebook", "rubbish"] {
        let line = ended.stderr.lines().find(|line| line.contains(secret));
        ensure!(line.is_none(), "{secret} of a payload is logged: {line:?}");
    }
    Ok(())
}

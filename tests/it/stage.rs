//! A play: a stream that is sent bit by bit, the program that works it, and a look at the result.

use std::time::Duration;

use futures::future::try_join_all;
use testbed::{
    Context, Database, Ended, Record, Result, Signal, Testbed, Vendas, VendasCommand, bail, ensure,
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

/// Two topics, of three partitions each unless it is said otherwise, on the shared Kafka, a database, and what is to be sent.
pub(crate) struct Stage {
    bed: &'static Testbed,
    pub(crate) database: Database,
    topics: Vec<String>,
    /// Of each topic.
    partitions: usize,
    stream: Stream,
    /// How many records of each lane are sent.
    sent: usize,
}

impl Stage {
    /// With a new database of the shared PostgreSQL.
    pub(crate) async fn shared(seed: u64, records: usize) -> Result<Self> {
        let bed = Testbed::shared().await?;
        Self::with(bed.database().await?, seed, records).await
    }

    /// With so many partitions for each of the topics.
    pub(crate) async fn wide(
        database: Database,
        partitions: usize,
        seed: u64,
        records: usize,
    ) -> Result<Self> {
        let bed = Testbed::shared().await?;
        let mut topics = Vec::with_capacity(TOPICS);
        for _ in 0..TOPICS {
            topics.push(bed.topic(u16::try_from(partitions)?).await?);
        }
        let stream = Stream::new(seed, TOPICS * partitions, records);
        let stage = Self { bed, database, topics, partitions, stream, sent: 0 };
        stage.vendas(["schema", "--apply"]).run(DEADLINE).await?.expect_code(0)?;
        witness::watch(&stage.database).await?;
        Ok(stage)
    }

    /// `records` for each lane; the database is new.
    pub(crate) async fn with(database: Database, seed: u64, records: usize) -> Result<Self> {
        Self::wide(database, PARTITIONS, seed, records).await
    }

    /// The program, in small batches, so that there are many to be interrupted.
    pub(crate) fn vendas<const N: usize>(&self, args: [&str; N]) -> VendasCommand {
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        self.bed
            .vendas(env!("CARGO_BIN_EXE_vendas"), &topics, &self.database)
            .env("VENDAS_PIPELINE__BATCH_SIZE", "10")
            .args(args)
    }

    /// Every record that was sent has its place here: topic, partition, and the offset by counting.
    fn partitions(&self) -> impl Iterator<Item = (&str, i32, &[Generated])> {
        self.stream.lanes.iter().zip(0_i32..).map(|(lane, index)| {
            let (topic, partition) = self.place(index);
            (self.topics[topic].as_str(), partition, &lane[..self.sent])
        })
    }

    /// A lane's topic and partition.
    fn place(&self, lane: i32) -> (usize, i32) {
        let partitions = i32::try_from(self.partitions).unwrap_or(1);
        (usize::try_from(lane / partitions).unwrap_or_default(), lane % partitions)
    }

    /// How many records have been sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent * self.stream.lanes.len()
    }

    /// Sends the next `records` of each lane, little by little.
    pub(crate) async fn send(&mut self, records: usize) -> Result<()> {
        let until = self.sent + records;
        ensure!(until <= self.stream.lanes[0].len(), "the stream is too short for this test");
        while self.sent < until {
            let next = (self.sent + CHUNK).min(until);
            let lanes = self.stream.lanes.iter().zip(0_i32..).map(async |(lane, index)| {
                let (topic, partition) = self.place(index);
                let records: Vec<Record> = lane[self.sent..next]
                    .iter()
                    .map(|generated| generated.record.clone())
                    .collect();
                let kafka = &self.bed.kafka;
                let offsets = kafka.produce(&self.topics[topic], partition, &records).await?;
                let expected: Vec<_> =
                    (self.sent..next).map(i64::try_from).collect::<Result<_, _>>()?;
                ensure!(offsets == expected, "sent to {expected:?}, got {offsets:?}");
                Ok(())
            });
            try_join_all(lanes).await?;
            self.sent = next;
        }
        Ok(())
    }

    /// Sends what is left.
    pub(crate) async fn send_rest(&mut self) -> Result<()> {
        self.send(self.stream.lanes[0].len() - self.sent).await
    }

    /// Looks at PostgreSQL over one connection.
    pub(crate) async fn progress(&self) -> Result<Progress> {
        Ok(Progress { client: self.database.connect().await? })
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

/// How far the work is.
pub(crate) struct Progress {
    client: tokio_postgres::Client,
}

impl Progress {
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

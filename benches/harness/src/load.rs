//! Topics with orders, and the expected contents of the tables.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};
use rust_decimal::Decimal;
use testbed::{Context, Database, Record, Result, bail, ensure};
use vendas::{
    config::{self, Config, Sources},
    format::Schemas,
    kafka::{Batch, Kafka, NextOffset, OffsetAt, Position, TopicPartition, TopicState},
    order::Meaning,
    process::understand_all,
};

use crate::environment::{DEADLINE, Environment, value};

/// The form of the orders in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Numbered,
    Ecommerce,
}

impl Shape {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Numbered => "numbered",
            Self::Ecommerce => "ecommerce",
        }
    }

    /// The table with a row for every order of the shape.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Numbered => "sales",
            Self::Ecommerce => "orders",
        }
    }
}

/// A topic of different orders, generated from a seed.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) topic: String,
    pub(crate) shape: Shape,
    pub(crate) orders: u64,
    /// The sum of all totals.
    total: Decimal,
    /// Quantity and amount of each product.
    products: BTreeMap<String, (Decimal, Decimal)>,
    /// The last number in each partition.
    pub(crate) last_numbers: Vec<i64>,
}

impl Load {
    /// Sends orders of the simulated shop to a new topic, and reads them once to compute the
    /// expected tables.
    pub(crate) async fn send(
        environment: &Environment,
        shape: Shape,
        orders: u64,
        partitions: u16,
    ) -> Result<Self> {
        let topic = environment.servers.topic(partitions).await?;
        let count = orders.to_string();
        let sent = environment
            .program()
            .args(["simulate", "--seed", "1", "--topic", &topic, "--count", &count]);
        sent.args(["--shape", shape.name()]).run(DEADLINE).await?.expect_code(0)?;
        Self::read(environment, topic, shape, orders).await
    }

    /// The same records in another topic with the same number of partitions, with `records` of them
    /// in each record batch.
    pub(crate) async fn in_batches_of(
        &self,
        environment: &Environment,
        records: usize,
    ) -> Result<Self> {
        /// Partitions that are copied at the same time.
        const AT_ONCE: usize = 16;
        let config = config(environment, &self.topic, None)?;
        let sources = partitions(&config).await?;
        let topic = environment.servers.topic(u16::try_from(sources.len())?).await?;
        let copies = sources.into_iter().map(|source| copy(environment, source, &topic, records));
        stream::iter(copies).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        Ok(Self { topic, ..self.clone() })
    }

    /// A topic that already has its orders.
    pub(crate) async fn read(
        environment: &Environment,
        topic: String,
        shape: Shape,
        orders: u64,
    ) -> Result<Self> {
        let mut load = Self {
            topic,
            shape,
            orders,
            total: Decimal::ZERO,
            products: BTreeMap::new(),
            last_numbers: Vec::new(),
        };
        let config = config(environment, &load.topic, None)?;
        let mut found = 0;
        for mut partition in partitions(&config).await? {
            let (id, mut last) = (partition.id.clone(), None);
            while let Some(batch) = partition.next_batch(1000).await? {
                let records = batch.into_records().into_iter().map(|record| (id.clone(), record));
                for meaning in
                    understand_all(&Arc::new(records.collect()), &config.rules, Schemas::default())
                        .await
                {
                    let Ok(Meaning::Order(order)) = meaning else {
                        bail!("a record of {} is not a valid order", load.topic)
                    };
                    found += 1;
                    load.total += order.total();
                    last = order.number().or(last);
                    for item in order.items() {
                        let (quantity, amount) =
                            load.products.entry(item.product().to_owned()).or_default();
                        *quantity += item.quantity();
                        *amount += item.amount();
                    }
                }
            }
            load.last_numbers.extend(last);
        }
        ensure!(found == orders, "{} contains {found} orders instead of {orders}", load.topic);
        Ok(load)
    }

    /// Whether vendas' tables contain exactly these orders.
    ///
    /// # Errors
    /// If they do not: such a run has no rate.
    pub(crate) async fn check(&self, database: &Database) -> Result<()> {
        let table = self.shape.table();
        let sql =
            format!("SELECT count(*) || ' orders of ' || trim_scale(sum(total)) FROM {table}");
        let found = value(database, &sql).await?;
        let expected = format!("{} orders of {}", self.orders, self.total.normalize());
        ensure!(found == expected, "{table} contains {found} instead of {expected}");
        let letters = database.count("dead_letters").await?;
        ensure!(letters == 0, "there are {letters} dead letters");
        if self.shape == Shape::Ecommerce { self.check_products(database).await } else { Ok(()) }
    }

    /// Whether `sales` contains exactly these orders: all that can be checked for peers with only
    /// this table.
    pub(crate) async fn check_sales(&self, database: &Database) -> Result<()> {
        let sql = "SELECT count(*) || ' orders of ' || trim_scale(sum(total)) FROM sales";
        let found = value(database, sql).await?;
        let expected = format!("{} orders of {}", self.orders, self.total.normalize());
        ensure!(found == expected, "sales contains {found} instead of {expected}");
        Ok(())
    }

    /// Whether `product_totals` equals the sums of these orders.
    pub(crate) async fn check_products(&self, database: &Database) -> Result<()> {
        let sql = "SELECT product, trim_scale(quantity)::text, trim_scale(amount)::text FROM product_totals";
        let rows = database.table(sql).await?.rows;
        let found: BTreeMap<_, _> = rows
            .into_iter()
            .filter_map(|row| {
                let mut row = row.into_iter().flatten();
                Some((row.next()?, (row.next()?, row.next()?)))
            })
            .collect();
        let expected: BTreeMap<_, _> = self
            .products
            .iter()
            .map(|(product, (quantity, amount))| {
                (
                    product.clone(),
                    (quantity.normalize().to_string(), amount.normalize().to_string()),
                )
            })
            .collect();
        ensure!(found == expected, "product_totals contains {found:?} instead of {expected:?}");
        Ok(())
    }

    /// Whether the totals of a table have increased by those of these orders.
    pub(crate) fn check_difference(&self, before: Decimal, after: Decimal) -> Result<()> {
        let (found, expected) = ((after - before).normalize(), self.total.normalize());
        ensure!(found == expected, "the totals increased by {found} instead of {expected}");
        Ok(())
    }

    /// The sum of all quantities.
    pub(crate) fn quantity(&self) -> Decimal {
        self.products.values().map(|(quantity, _)| quantity).sum()
    }
}

/// Sends the records of a partition to the same partition of `topic`, with `records` in each record
/// batch.
async fn copy(
    environment: &Environment,
    mut from: Partition,
    topic: &str,
    records: usize,
) -> Result<()> {
    let number = from.id.partition;
    while let Some(batch) = from.next_batch(records).await? {
        let payloads = batch.into_records().into_iter().filter_map(|record| record.payload);
        let batch: Vec<_> = payloads.map(Record::new).collect();
        environment.servers.kafka.produce(topic, number, &batch).await?;
    }
    Ok(())
}

/// vendas' configuration for a topic, as from its command line.
pub(crate) fn config(
    environment: &Environment,
    topic: &str,
    database: Option<&Database>,
) -> Result<Config> {
    let mut environment = vec![
        ("VENDAS_KAFKA__BROKERS".to_owned(), environment.servers.kafka.address().to_owned()),
        ("VENDAS_KAFKA__TOPICS".to_owned(), topic.to_owned()),
        // The benchmark decides what is kept in memory.
        ("VENDAS_KAFKA__BUFFER_BYTES".to_owned(), (16_u64 << 30).to_string()),
    ];
    for (name, value) in database.into_iter().flat_map(Database::settings) {
        environment.push((name.to_owned(), value));
    }
    Ok(config::load(&Sources { environment, ..Sources::default() })?)
}

/// One partition, from its beginning to its end at the start.
pub(crate) struct Partition {
    pub(crate) id: TopicPartition,
    reader: vendas::kafka::PartitionReader,
    next: NextOffset,
    end: NextOffset,
}

impl Partition {
    /// `None` at the end.
    pub(crate) async fn next_batch(&mut self, max_records: usize) -> Result<Option<Batch>> {
        if self.next >= self.end {
            return Ok(None);
        }
        let batch = self.reader.next_batch(max_records).await?;
        self.next = batch.span().to();
        Ok(Some(batch))
    }
}

/// All partitions of the configured topic.
pub(crate) async fn partitions(config: &Config) -> Result<Vec<Partition>> {
    let kafka = Kafka::new(config.kafka.clone());
    let topic = config.topics.only().context("no topic")?;
    let states = kafka.topics_named(&[Arc::clone(topic)]).await?;
    let Some(TopicState::Present { partitions, .. }) = states.into_iter().next() else {
        bail!("there is no topic {topic}")
    };
    let starts = kafka.offsets(&partitions, OffsetAt::Earliest).await?;
    let ends = kafka.offsets(&partitions, OffsetAt::End).await?;
    Ok(starts
        .into_iter()
        .zip(ends)
        .map(|((id, next_offset), (_, end))| Partition {
            reader: kafka.read(id.clone(), Position { next_offset, leader_epoch: None }),
            id,
            next: next_offset,
            end,
        })
        .collect())
}

/// All batches of a topic, cut as `run` cuts them.
pub(crate) async fn batches(config: &Config) -> Result<Vec<(TopicPartition, Vec<Batch>)>> {
    let size = config.pipeline.batch_size;
    let reading = partitions(config).await?.into_iter().map(|mut partition| async move {
        let batches = tokio::spawn(async move {
            let mut batches = Vec::new();
            while let Some(batch) = partition.next_batch(size).await? {
                batches.push(batch);
            }
            Ok::<_, testbed::Error>((partition.id, batches))
        });
        batches.await?
    });
    try_join_all(reading).await
}

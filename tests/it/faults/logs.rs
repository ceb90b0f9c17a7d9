//! Logs lose unread records, or are replaced.

use testbed::{Result, Signal, Vendas, ensure};

use super::{Figures, times};
use crate::{
    scenario::count_lines,
    shop::Shop,
    wait::{until_count, until_line},
};

/// A run on two topics of one partition each: one is affected by the fault, the other keeps
/// receiving orders.
struct Pair {
    hit: Shop,
    spared: Shop,
    vendas: Vendas,
}

impl Pair {
    /// Both have 50 processed orders.
    async fn start() -> Result<Self> {
        let (hit, spared) = (Shop::open(1).await?, Shop::open(1).await?);
        hit.send_numbers(0, 0..50).await?;
        spared.send_numbers(0, 10_000..10_050).await?;
        let topics = format!("{},{}", hit.topic, spared.topic);
        let vendas = hit.vendas(&["run", "--topics", &topics]).start()?;
        let pair = Self { hit, spared, vendas };
        pair.sales("TRUE", 100).await?;
        Ok(pair)
    }

    /// Waits for this number of sales.
    async fn sales(&self, which: &str, count: i64) -> Result<()> {
        let table = format!("sales WHERE {which}");
        until_count(&self.hit.database, &table, count, &self.vendas).await
    }

    /// Waits until the affected partition has halted with a log line that contains all of `words`;
    /// the other one must continue, and nothing else may be written.
    async fn only_affected_halts(&self, words: &[&str], at: &[i64]) -> Result<()> {
        let halt = ["partition halted", &self.hit.topic, "offsets reset"];
        until_line(&self.vendas, &[&halt[..], words].concat()).await?;
        self.spared.send_numbers(0, 10_050..10_100).await?;
        self.sales("order_number >= 10000", 100).await?;
        ensure!(
            count_lines(&self.vendas.stderr()?, "partition halted") == 1,
            "{}",
            self.vendas.state()
        );
        let offset =
            format!("SELECT next_offset FROM partitions WHERE topic = '{}'", self.hit.topic);
        let next: i64 = self.hit.rows(&offset).await?.concat().parse()?;
        ensure!(at.contains(&next), "it halted at {next}");
        // The number of an order is its offset here.
        self.sales(&format!("order_number < {next}"), next).await?;
        self.sales("order_number < 10000", next).await
    }
}

#[tokio::test]
async fn records_deleted_unread_while_running_halt_their_partition_only() -> Result<()> {
    let rounds = times(3)?;
    for _ in 0..rounds {
        let pair = Pair::start().await?;
        pair.vendas.signal(Signal::STOP)?;
        // A fetch that is waiting at the broker returns these, and no more.
        pair.hit.send_numbers(0, 50..60).await?;
        pair.hit.send_numbers(0, 60..90).await?;
        pair.hit.servers.kafka.delete_records(&pair.hit.topic, 0, 80).await?;
        pair.vendas.signal(Signal::CONT)?;
        pair.only_affected_halts(&["[80, 90)"], &[50, 60]).await?;
    }
    Figures {
        what: "unread records deleted while vendas was frozen",
        times: rounds,
        records: rounds * 190,
        longest: None,
        after: None,
    }
    .print();
    Ok(())
}

#[tokio::test]
async fn a_topic_recreated_while_running_halts_and_its_records_are_not_processed() -> Result<()> {
    let rounds = times(3)?;
    for round in 0..rounds {
        let pair = Pair::start().await?;
        let (kafka, topic) = (&pair.hit.servers.kafka, &pair.hit.topic);
        // In every second round vendas is frozen until the topic is recreated.
        let frozen = round % 2 == 1;
        if frozen {
            pair.vendas.signal(Signal::STOP)?;
        }
        kafka.recreate_topic(topic).await?;
        // A longer log than the one that was read.
        pair.hit.send_numbers(0, 5_000..5_090).await?;
        if frozen {
            pair.vendas.signal(Signal::CONT)?;
        }
        pair.only_affected_halts(&["recreated"], &[50]).await?;
    }
    Figures {
        what: "topic deleted and recreated while vendas was running",
        times: rounds,
        records: rounds * 240,
        longest: None,
        after: None,
    }
    .print();
    Ok(())
}

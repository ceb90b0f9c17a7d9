//! Three brokers that are also the controllers: one of them may fail at any time.

use anyhow::{Context, Result};
use futures::future::try_join_all;

use super::{Kafka, KafkaOptions, KafkaRelease, options::Seat};
use crate::port;

const BROKERS: u16 = 3;

/// A private cluster. Its brokers' ids are 1, 2 and 3; each can be stopped, killed, frozen and
/// restarted.
#[derive(Debug)]
pub struct KafkaCluster {
    brokers: Vec<Kafka>,
    whole: Kafka,
}

impl KafkaCluster {
    /// Starts a cluster whose topics have three replicas, of which two must acknowledge a record.
    ///
    /// # Errors
    /// If it does not start, with the end of a broker's log.
    pub async fn start() -> Result<Self> {
        Self::start_of(KafkaRelease::default()).await
    }

    /// The same with brokers of another release.
    ///
    /// # Errors
    /// If it does not start, with the end of a broker's log.
    pub async fn start_of(release: KafkaRelease) -> Result<Self> {
        let options = KafkaOptions::default()
            .release(release)
            .property("default.replication.factor", "3")
            .property("min.insync.replicas", "2")
            .property("offsets.topic.replication.factor", "3")
            .property("transaction.state.log.replication.factor", "3")
            // A failed broker is replaced within seconds.
            .property("broker.session.timeout.ms", "3000")
            .property("broker.heartbeat.interval.ms", "500");
        let installed = options.installed().await?;
        let brokers = port::start_on_free("Kafka", async || {
            let seats: Vec<_> = (1..=BROKERS).map(Seat::free).collect::<Result<_>>()?;
            let voters = seats.iter().map(Seat::voter).collect::<Vec<_>>().join(",");
            let metadata = options.metadata(&installed, voters).await?;
            let starting =
                seats.into_iter().map(|seat| options.start_at(&installed, seat, &metadata));
            Ok(try_join_all(starting).await?.into_iter().collect::<Option<Vec<Kafka>>>())
        })
        .await?;
        let addresses: Vec<_> = brokers.iter().map(Kafka::address).collect();
        let whole = Kafka { release, ..Kafka::external(&addresses.join(",")) };
        Ok(Self { brokers, whole })
    }

    /// The cluster for its clients: any of its brokers may answer.
    #[must_use]
    pub const fn kafka(&self) -> &Kafka {
        &self.whole
    }

    /// The broker with this id.
    ///
    /// # Errors
    /// If there is none.
    pub fn broker(&self, id: i32) -> Result<&Kafka> {
        let index = usize::try_from(id - 1)?;
        self.brokers.get(index).with_context(|| format!("there is no broker {id}"))
    }
}

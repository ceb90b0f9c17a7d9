//! The subscription of a partition at its fetcher: its request, and the handling of responses.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use kafka_protocol::{ResponseError, messages::fetch_response::PartitionData};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::kafka::{
    fetch::memory::Account,
    log::{
        decode::{Aborted, Chunk},
        header::scan,
        record::TopicPartition,
    },
    offset::{NextOffset, Position},
    trouble::Trouble,
};

/// A partition to fetch from its leader, and the channel for its records.
pub(in crate::kafka) struct Subscription {
    pub(in crate::kafka) partition: TopicPartition,
    pub(in crate::kafka) account: Arc<Account>,
    pub(in crate::kafka) position: Position,
    /// The minimum size to request: with less, no records were returned.
    pub(in crate::kafka) least_bytes: usize,
    /// The epoch of the leader.
    pub(in crate::kafka) leader_epoch: i32,
    pub(in crate::kafka) feed: mpsc::Sender<Feed>,
    /// Ends with the first response without an error.
    pub(in crate::kafka) trouble: Option<Trouble>,
}

/// An item of a subscription.
#[derive(Debug)]
pub(in crate::kafka) enum Feed {
    /// Records to decode.
    Chunk(Chunk),
    /// The last item: why the subscription ended.
    Lost(Loss, Option<Trouble>),
}

/// Why a subscription ended.
#[derive(Clone, Debug)]
pub(in crate::kafka) enum Loss {
    /// The connection or the broker failed.
    Connection(String),
    /// The broker does not support a compatible version of Fetch.
    NoVersion(String),
    /// Authentication failed.
    Denied(String),
    /// The broker returned an error for this partition.
    Error(ResponseError),
    /// The leader's log differs from the records read, from this offset on (KIP-320).
    Diverged(NextOffset),
    /// The response cannot be skipped.
    Stuck(String),
}

/// A subscription with room for one more item in its feed.
pub(in crate::kafka) struct Ready {
    pub(in crate::kafka) subscription: Subscription,
    pub(in crate::kafka) room: mpsc::OwnedPermit<Feed>,
}

/// A subscription that waits for room; `None` when its reader is dropped.
pub(in crate::kafka) type Waiting = BoxFuture<'static, Option<Ready>>;

pub(in crate::kafka) async fn await_room(subscription: Subscription) -> Option<Ready> {
    tokio::select! {
        () = subscription.account.room() => {}
        () = subscription.feed.closed() => return None,
    }
    let room = subscription.feed.clone().reserve_owned().await.ok()?;
    Some(Ready { subscription, room })
}

impl Subscription {
    /// The size to request, up to `most`: as much as its share of the memory allows, unless its next
    /// record batch is larger.
    pub(in crate::kafka) fn fetch_bytes(&self, most: usize) -> usize {
        self.account.fetch_bytes().max(self.least_bytes).min(most)
    }
}

/// The response that contains a partition's records.
#[derive(Clone, Copy)]
pub(in crate::kafka) struct Whole {
    /// The bytes of records in it.
    pub(in crate::kafka) total: usize,
    /// The size limit of the response.
    pub(in crate::kafka) limit: usize,
    /// The size limit of each partition in it.
    pub(in crate::kafka) partition_limit: usize,
}

/// The records for a subscription.
pub(in crate::kafka) struct Delivery {
    chunk: Chunk,
    /// Whether it cannot be skipped; decoding reports the fault.
    ends_here: bool,
}

impl Ready {
    /// The topic id and the partition in requests.
    pub(in crate::kafka) const fn key(&self) -> (Uuid, i32) {
        let partition = &self.subscription.partition;
        (partition.topic_id, partition.partition)
    }

    /// Handles the partition's part of a response; `None` if there are no new records. `whole` is the
    /// response, in which this partition was `first` or not.
    pub(in crate::kafka) fn accept(
        &mut self,
        data: PartitionData,
        whole: Whole,
        first: bool,
    ) -> Result<Option<Delivery>, Loss> {
        if let Some(error) = ResponseError::try_from_code(data.error_code) {
            return Err(Loss::Error(error));
        }
        let subscription = &mut self.subscription;
        if let Some(trouble) = subscription.trouble.take() {
            trouble.over();
        }
        if let Some(from) = NextOffset::new(data.diverging_epoch.end_offset) {
            return Err(Loss::Diverged(from));
        }
        let mut bytes = data.records.unwrap_or_default();
        if bytes.is_empty() {
            self.ask_for_more(data.last_stable_offset, whole);
            return Ok(None);
        }
        // The headers are enough to know the next position, so the next fetch starts before this
        // one is decoded.
        let seen = scan(&bytes, subscription.position.next_offset);
        if !seen.faulty {
            bytes.truncate(seen.whole_bytes);
            if bytes.is_empty() && !first {
                // The response had no space left.
                return Ok(None);
            }
            if seen.next_offset == subscription.position.next_offset {
                // The first record batch is complete, whatever its size (KIP-74).
                let detail = if bytes.is_empty() {
                    "a partial record batch"
                } else {
                    "records before this offset"
                };
                return Err(Loss::Stuck(format!("the broker returns only {detail}")));
            }
        }
        subscription.position = Position {
            next_offset: seen.next_offset,
            leader_epoch: seen.leader_epoch.or(subscription.position.leader_epoch),
        };
        // A slice keeps the whole response in memory. That is acceptable if it is most of it.
        let mut size = whole.total;
        if bytes.len().saturating_mul(2) < whole.total {
            bytes = Bytes::copy_from_slice(&bytes);
            size = bytes.len();
        }
        let bytes = subscription.account.hold(bytes, size);
        let aborted = data.aborted_transactions.unwrap_or_default();
        let aborted = aborted.iter().map(|transaction| Aborted {
            first_offset: transaction.first_offset,
            producer_id: transaction.producer_id.0,
        });
        let chunk = Chunk { bytes, aborted: aborted.collect() };
        Ok(Some(Delivery { chunk, ends_here: seen.faulty }))
    }

    /// A broker omits a record batch larger than the requested size, unless it is the first of the
    /// response (KIP-74). If the response had room for the requested size, that was the cause.
    fn ask_for_more(&mut self, end: i64, whole: Whole) {
        let subscription = &mut self.subscription;
        let asked = subscription.fetch_bytes(whole.partition_limit);
        let had_room = whole.total.saturating_add(asked) <= whole.limit;
        if had_room && end > subscription.position.next_offset.get() {
            subscription.least_bytes = asked.saturating_mul(2);
        }
    }

    /// Passes the records on; returns the subscription unless it has ended.
    pub(in crate::kafka) fn deliver(self, delivery: Delivery) -> Option<Subscription> {
        self.room.send(Feed::Chunk(delivery.chunk));
        (!delivery.ends_here).then_some(self.subscription)
    }

    /// Ends the subscription and notifies its reader.
    pub(in crate::kafka) fn lose(self, loss: Loss) {
        self.room.send(Feed::Lost(loss, self.subscription.trouble));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{
        fetch::memory::Memory,
        log::samples::{BatchOf, at},
    };

    /// A partition at offset 1, with room.
    async fn ready() -> Ready {
        let (feed, _reader) = mpsc::channel(1);
        let partition =
            TopicPartition { topic: "orders".into(), partition: 0, topic_id: Uuid::nil() };
        let account = Memory::new(1 << 20).open();
        let position = Position { next_offset: at(1), leader_epoch: None };
        let (least_bytes, leader_epoch, trouble) = (0, 0, None);
        let subscription =
            Subscription { partition, account, position, least_bytes, leader_epoch, feed, trouble };
        await_room(subscription).await.unwrap()
    }

    /// The outcome of a response with `bytes` for a partition at offset 1.
    async fn outcome(
        bytes: &[u8],
        total: usize,
        first: bool,
    ) -> (NextOffset, Result<Option<Delivery>, Loss>) {
        let mut ready = ready().await;
        let data = PartitionData::default().with_records(Some(Bytes::copy_from_slice(bytes)));
        let whole = Whole { total, limit: total, partition_limit: total };
        let result = ready.accept(data, whole, first);
        (ready.subscription.position.next_offset, result)
    }

    #[tokio::test]
    async fn a_batch_that_is_larger_than_the_share_is_asked_for_in_its_size() {
        let mut ready = ready().await;
        let partition_limit = 900 << 10;
        let mut asked_after = |end, total, limit| {
            let data = PartitionData::default().with_last_stable_offset(end);
            let whole = Whole { total, limit, partition_limit };
            assert!(matches!(ready.accept(data, whole, false), Ok(None)));
            ready.subscription.fetch_bytes(partition_limit)
        };
        // There are no more records, or the response had no space left.
        assert_eq!(asked_after(1, 0, 2 << 20), 512 << 10);
        assert_eq!(asked_after(9, 2 << 20, 2 << 20), 512 << 10);
        assert_eq!(asked_after(9, 1 << 20, 2 << 20), partition_limit);
    }

    #[tokio::test]
    async fn the_next_fetch_goes_on_behind_the_last_whole_batch() {
        let bytes = [
            BatchOf::plain(1, &[b"a", b"b"]).encode(),
            BatchOf { next: 9, ..BatchOf::plain(5, &[b"c"]) }.encode(),
            BatchOf::plain(9, &[b"d"]).encode(),
        ]
        .concat();
        let (position, result) = outcome(&bytes[..bytes.len() - 1], bytes.len(), true).await;
        assert_eq!(position, at(9));
        assert!(!result.unwrap().unwrap().ends_here);
    }

    #[tokio::test]
    async fn a_batch_that_never_comes_whole_halts_instead_of_looping() {
        let bytes = BatchOf::plain(1, &[b"a"]).encode();
        let partial = &bytes[..bytes.len() - 1];
        let (position, result) = outcome(partial, partial.len(), true).await;
        assert!(matches!(result, Err(Loss::Stuck(_))) && position == at(1));
        // After other partitions it may only have lacked space, and is requested again.
        assert!(matches!(outcome(partial, partial.len(), false).await.1, Ok(None)));
    }

    #[tokio::test]
    async fn records_below_the_position_alone_halt_instead_of_looping() {
        let bytes = BatchOf::plain(0, &[b"a"]).encode();
        assert!(matches!(outcome(&bytes, bytes.len(), true).await.1, Err(Loss::Stuck(_))));
    }

    #[tokio::test]
    async fn a_faulty_header_is_handed_on_and_ends_the_subscription() {
        let mut bytes = BatchOf::plain(1, &[b"a"]).encode();
        bytes[16] = 0;
        let (_, result) = outcome(&bytes, bytes.len(), true).await;
        let delivery = result.unwrap().unwrap();
        assert!(delivery.ends_here && delivery.chunk.bytes.len() == bytes.len());
    }
}

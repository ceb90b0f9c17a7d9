//! What the reader hands on: records, in batches that account for every offset between them.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use uuid::Uuid;

use super::Span;

/// One partition of one topic; a topic that was deleted and created again has another `topic_id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number within its topic, from 0.
    pub partition: i32,
    /// The topic's identity (KIP-516), which its name is not.
    pub topic_id: Uuid,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// What Kafka holds at one offset.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Where it stands in its partition.
    pub offset: i64,
    /// The key as the producer wrote it.
    pub key: Option<Bytes>,
    /// The value as the producer wrote it; `None` is a tombstone.
    pub payload: Option<Bytes>,
    /// In milliseconds since 1970 (UTC): when the producer sent it, or when the broker appended it
    /// where the topic says so (`message.timestamp.type`). `None` where it has none.
    pub timestamp: Option<i64>,
    /// Its headers.
    pub headers: Headers,
}

/// A record's headers, as Kafka encodes them (KIP-82): their count, then each with its key and value.
/// Empty where there are none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Bytes);

/// Prints lengths only: a payload holds personal data and never reaches a log.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("offset", &self.offset)
            .field("key_bytes", &self.key.as_ref().map(Bytes::len))
            .field("payload_bytes", &self.payload.as_ref().map(Bytes::len))
            .field("header_bytes", &self.headers.0.len())
            .finish_non_exhaustive()
    }
}

/// Prints their length only.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Headers").field(&self.0.len()).finish()
    }
}

/// Consecutive records of one partition, and the span of offsets that they account for.
///
/// Only the reader makes one (and tests do). The span also covers what is no record to us:
/// transaction markers, records of aborted transactions and the gaps that compaction leaves; so a
/// batch may be empty.
#[derive(Debug)]
pub struct Batch {
    span: Span,
    leader_epoch: Option<i32>,
    records: Vec<Record>,
}

impl Batch {
    /// `records` are in the order of their offsets, all of them within `span`.
    pub(crate) fn new(span: Span, leader_epoch: Option<i32>, records: Vec<Record>) -> Self {
        debug_assert!(records.iter().all(|record| span.contains(record.offset)));
        debug_assert!(records.is_sorted_by(|a, b| a.offset < b.offset));
        Self { span, leader_epoch, records }
    }

    /// Every offset that this batch accounts for.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The leader epoch of the last of what it accounts for, where that is known (KIP-320).
    #[must_use]
    pub const fn leader_epoch(&self) -> Option<i32> {
        self.leader_epoch
    }

    /// The records, in the order of their offsets.
    #[must_use]
    pub fn into_records(self) -> Vec<Record> {
        self.records
    }
}

//! What the reader hands on: records, in batches that account for every offset between them.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use uuid::Uuid;

use crate::kafka::{
    Span,
    log::{header::Fault, wire::Wire},
};

/// One partition of one topic; a topic that was deleted and created again has another `topic_id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number within its topic, from 0.
    pub partition: i32,
    /// The topic's identity (KIP-516), which its name is not; where brokers give none, a UUID of
    /// version 5 made from the name.
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

impl Headers {
    /// Each header's key and value, in the order in which the producer wrote them. Ends early where
    /// the bytes are damaged, which those from the decoder are not.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut wire = Wire::new(&self.0, 0);
        let mut left = if self.0.is_empty() { 0 } else { wire.varint().unwrap_or(0) };
        std::iter::from_fn(move || {
            if left <= 0 {
                return None;
            }
            left -= 1;
            let header = header(&mut wire);
            if header.is_err() {
                left = 0;
            }
            header.ok()
        })
    }

    /// The value of the last header of this name (as `lastHeader` of Kafka's Java client); the inner
    /// `None` is a null value.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<Option<&[u8]>> {
        self.iter().filter(|(key, _)| *key == name).last().map(|(_, value)| value)
    }

    /// Whether `encoded` are headers and nothing else.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] if they are not.
    pub(in crate::kafka) fn check(encoded: &[u8]) -> Result<(), Fault> {
        let mut wire = Wire::new(encoded, 0);
        let count = wire.varint()?;
        if count < 0 {
            return Err(Fault::corrupt(format!("a record with {count} headers")));
        }
        // Each takes at least two bytes, so that a count that is too large ends soon.
        for _ in 0..count {
            header(&mut wire)?;
        }
        match wire.rest() {
            [] => Ok(()),
            rest => {
                let bytes = rest.len();
                Err(Fault::corrupt(format!("a record with {bytes} bytes after its headers")))
            }
        }
    }
}

/// The header that follows; its key may be empty and not null (KIP-82).
fn header<'a>(wire: &mut Wire<'a>) -> Result<(&'a [u8], Option<&'a [u8]>), Fault> {
    let key = wire.nullable_bytes()?.ok_or_else(|| Fault::corrupt("a header without a key"))?;
    Ok((key, wire.nullable_bytes()?))
}

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
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Its records.
    #[must_use]
    pub fn into_records(self) -> Vec<Record> {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::{collection::vec, prelude::*};

    use crate::kafka::Headers;

    /// Two of the name `a`, the last one null, and one of an empty name.
    const THREE: &[u8] = b"\x06\x02a\x02x\x00\x04yz\x02a\x01";

    #[test]
    fn the_last_header_of_a_name_counts_and_its_value_may_be_null() {
        let headers = Headers(Bytes::from_static(THREE));
        Headers::check(THREE).unwrap();
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all, [(&b"a"[..], Some(&b"x"[..])), (b"", Some(b"yz")), (b"a", None)]);
        assert_eq!(headers.get(b"a"), Some(None));
        assert_eq!(headers.get(b""), Some(Some(&b"yz"[..])));
        assert_eq!(headers.get(b"b"), None);
        assert_eq!(Headers::default().iter().count(), 0);
    }

    #[test]
    fn headers_that_end_early_or_late_are_damaged() {
        for end in 0..THREE.len() {
            Headers::check(&THREE[..end]).unwrap_err();
            assert!(Headers(Bytes::from_static(&THREE[..end])).iter().count() < 3, "{end}");
        }
        Headers::check(&[THREE, b"\0"].concat()).unwrap_err();
        for damaged in [&b"\x01"[..], b"\x02\x01\x01", b"\x02\x03\x01", b"\xff\xff\xff\xff\x0f"] {
            Headers::check(damaged).unwrap_err();
            assert_eq!(Headers(Bytes::from_static(damaged)).iter().count(), 0);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in vec(any::<u8>(), 0..100)) {
            let whole = Headers::check(&bytes).is_ok();
            let headers = Headers(bytes.into());
            let count = headers.iter().count();
            prop_assert!(!whole || headers.0[0] == u8::try_from(count * 2).unwrap() || count > 63);
        }
    }
}

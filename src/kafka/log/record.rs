//! Records, and batches of them that account for all offsets of a span.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use uuid::Uuid;

use crate::kafka::{
    log::{header::Fault, wire::Wire},
    offset::Span,
};

/// A partition of a topic; a recreated topic has another `topic_id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number within its topic, from 0.
    pub partition: i32,
    /// The topic's id (KIP-516), which identifies it, unlike its name; if brokers have none, a
    /// version 5 UUID of the name.
    pub topic_id: Uuid,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A Kafka record.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Its offset in the partition.
    pub offset: i64,
    /// The key from the producer.
    pub key: Option<Bytes>,
    /// The value from the producer; `None` is a tombstone.
    pub payload: Option<Bytes>,
    /// The time in milliseconds since 1970 (UTC) when the producer sent it, or when the broker
    /// appended it, as configured for the topic (`message.timestamp.type`). `None` if it has none.
    pub timestamp: Option<i64>,
    /// The headers.
    pub headers: Headers,
}

/// The headers of a record in Kafka's encoding (KIP-82): their count, then key and value of each.
/// Empty if there are none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Bytes);

impl Headers {
    /// The key and value of each header, in the producer's order. Ends early if the bytes are
    /// invalid, which cannot happen after decoding.
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

    /// The value of the last header with this name (like `lastHeader` in Kafka's Java client); the
    /// inner
    /// `None` is a null value.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<Option<&[u8]>> {
        self.iter().filter(|(key, _)| *key == name).last().map(|(_, value)| value)
    }

    /// Checks that `encoded` contains exactly the headers.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] if they are not.
    pub(in crate::kafka) fn check(encoded: &[u8]) -> Result<(), Fault> {
        let mut wire = Wire::new(encoded, 0);
        let count = wire.varint()?;
        if count < 0 {
            return Err(Fault::corrupt(format!("invalid header count {count}")));
        }
        // Each header takes at least two bytes, so a count that is too large fails early.
        for _ in 0..count {
            header(&mut wire)?;
        }
        match wire.rest() {
            [] => Ok(()),
            rest => {
                let bytes = rest.len();
                Err(Fault::corrupt(format!("{bytes} trailing bytes after the headers")))
            }
        }
    }
}

/// Reads a header; its key may be empty but not null (KIP-82).
fn header<'a>(wire: &mut Wire<'a>) -> Result<(&'a [u8], Option<&'a [u8]>), Fault> {
    let key = wire.nullable_bytes()?.ok_or_else(|| Fault::corrupt("header without a key"))?;
    Ok((key, wire.nullable_bytes()?))
}

/// Prints only lengths: payloads contain personal data and must not appear in logs.
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

/// Prints only the length.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Headers").field(&self.0.len()).finish()
    }
}

/// Consecutive records of a partition, and the span of offsets that they account for.
///
/// Only the reader creates batches (and tests). The span includes offsets without a delivered
/// record: transaction markers, records of aborted transactions and gaps after compaction. A batch
/// can therefore be empty.
#[derive(Debug)]
pub struct Batch {
    span: Span,
    leader_epoch: Option<i32>,
    records: Vec<Record>,
}

impl Batch {
    /// `records` are in order of their offsets and within `span`.
    pub(crate) fn new(span: Span, leader_epoch: Option<i32>, records: Vec<Record>) -> Self {
        debug_assert!(records.iter().all(|record| span.contains(record.offset)));
        debug_assert!(records.is_sorted_by(|a, b| a.offset < b.offset));
        Self { span, leader_epoch, records }
    }

    /// All offsets that this batch accounts for.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The leader epoch of its last offset, if known (KIP-320).
    #[must_use]
    pub const fn leader_epoch(&self) -> Option<i32> {
        self.leader_epoch
    }

    /// The records, in order of their offsets.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Returns the records.
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

    /// Two headers named `a`, the last one null, and one with an empty name.
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

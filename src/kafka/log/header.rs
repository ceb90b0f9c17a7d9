//! The headers of record batches (message format 2, KIP-98).

use bytes::{Buf, TryGetError};

use crate::kafka::offset::NextOffset;

/// Base offset and length, which are not included in the length.
const PREFIX_BYTES: usize = 12;
/// The position of the format version, in all formats.
const MAGIC_AT: usize = 16;
/// The start of the part that the checksum covers.
const CHECKED_FROM: usize = 21;
/// The size of the header, including the prefix.
pub(in crate::kafka) const HEADER_BYTES: usize = 61;

/// Why bytes cannot be read as record batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Fault {
    /// They do not follow the format.
    Corrupt(String),
    /// They are too large after decompression.
    TooLarge,
    /// The format is not supported.
    Unsupported(String),
}

impl Fault {
    pub(in crate::kafka) fn corrupt(detail: impl Into<String>) -> Self {
        Self::Corrupt(detail.into())
    }
}

/// The type of a batch's timestamps (KIP-32), in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(in crate::kafka) enum Timestamps {
    /// Create time: each record has its own, relative to this one.
    Sent { base: i64 },
    /// Log append time: one for all records of the batch.
    Appended { at: i64 },
}

impl Timestamps {
    /// The timestamp of a record with this `delta`; `None` if it has none, which is encoded as -1.
    pub(in crate::kafka) fn of(self, delta: i64) -> Option<i64> {
        let timestamp = match self {
            Self::Sent { base } => base.saturating_add(delta),
            Self::Appended { at } => at,
        };
        (timestamp >= 0).then_some(timestamp)
    }
}

/// The header of a record batch.
#[derive(Clone, Debug)]
pub(in crate::kafka) struct Header {
    /// The size of the batch, including this header.
    pub(in crate::kafka) size_bytes: usize,
    pub(in crate::kafka) base_offset: i64,
    /// The epoch of the leader that wrote it; `None` if the batch has none.
    pub(in crate::kafka) leader_epoch: Option<i32>,
    pub(in crate::kafka) timestamps: Timestamps,
    /// The offset after the batch, also if it is empty.
    pub(in crate::kafka) next_offset: NextOffset,
    pub(in crate::kafka) crc: u32,
    pub(in crate::kafka) compression: u8,
    pub(in crate::kafka) transactional: bool,
    pub(in crate::kafka) control: bool,
    pub(in crate::kafka) producer_id: i64,
    pub(in crate::kafka) records: u32,
}

impl Header {
    /// The header of the batch at the start of `bytes`; `None` if the batch is incomplete, as at
    /// the end of a response.
    pub(in crate::kafka) fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let Some(magic) = bytes.get(MAGIC_AT) else { return Ok(None) };
        match magic {
            2 => Self::read_fields(bytes)
                .unwrap_or(Ok(None))
                .map(|header| header.filter(|header| header.size_bytes <= bytes.len())),
            0 | 1 => Err(Fault::Unsupported(format!(
                "message format {magic} is older than Kafka 0.11: copy the records to a new topic \
                 with a current producer and set kafka.topics, or skip them with `vendas offsets reset`"
            ))),
            _ => Err(Fault::Unsupported(format!("unknown message format {magic}: upgrade vendas"))),
        }
    }

    /// The outer error means that the bytes end within the header.
    fn read_fields(mut bytes: &[u8]) -> Result<Result<Option<Self>, Fault>, TryGetError> {
        let base_offset = bytes.try_get_i64()?;
        let length = bytes.try_get_i32()?;
        let leader_epoch = bytes.try_get_i32()?;
        let _magic = bytes.try_get_i8()?;
        let crc = bytes.try_get_u32()?;
        let attributes = bytes.try_get_u16()?;
        let last_offset_delta = bytes.try_get_i32()?;
        let base_timestamp = bytes.try_get_i64()?;
        let max_timestamp = bytes.try_get_i64()?;
        let producer_id = bytes.try_get_i64()?;
        let _producer_epoch = bytes.try_get_i16()?;
        let _base_sequence = bytes.try_get_i32()?;
        let records = bytes.try_get_i32()?;

        let size_bytes = usize::try_from(length).ok().and_then(|n| n.checked_add(PREFIX_BYTES));
        let Some(size_bytes) = size_bytes.filter(|size| *size >= HEADER_BYTES) else {
            return Ok(Err(Fault::corrupt(format!("invalid record batch length {length}"))));
        };
        let next_offset = (base_offset >= 0 && last_offset_delta >= 0)
            .then(|| base_offset.checked_add(i64::from(last_offset_delta)))
            .flatten()
            .and_then(NextOffset::after);
        let Some(next_offset) = next_offset else {
            return Ok(Err(Fault::corrupt(format!(
                "record batch at {base_offset} has the invalid last offset delta {last_offset_delta}"
            ))));
        };
        let Ok(records) = u32::try_from(records) else {
            return Ok(Err(Fault::corrupt(format!("invalid record count {records}"))));
        };
        Ok(Ok(Some(Self {
            size_bytes,
            base_offset,
            leader_epoch: (leader_epoch >= 0).then_some(leader_epoch),
            timestamps: if attributes & 0b1000 == 0 {
                Timestamps::Sent { base: base_timestamp }
            } else {
                Timestamps::Appended { at: max_timestamp }
            },
            next_offset,
            crc,
            compression: (attributes & 0b111).to_le_bytes()[0],
            transactional: attributes & 0b1_0000 != 0,
            control: attributes & 0b10_0000 != 0,
            producer_id,
            records,
        })))
    }

    /// Verifies the checksum of `batch`, the complete batch of this header.
    pub(in crate::kafka) fn check(&self, batch: &[u8]) -> Result<(), Fault> {
        let computed = crc32c::crc32c(batch.get(CHECKED_FROM..).unwrap_or_default());
        if computed == self.crc {
            return Ok(());
        }
        Err(Fault::corrupt(format!(
            "record batch at {} has the checksum {computed:08x}, expected {:08x}",
            self.base_offset, self.crc
        )))
    }
}

/// The result of reading only the headers in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Scan {
    /// The bytes of complete batches; a partial batch may follow.
    pub(in crate::kafka) whole_bytes: usize,
    /// The offset of the next fetch.
    pub(in crate::kafka) next_offset: NextOffset,
    /// The epoch of the last batch that has one.
    pub(in crate::kafka) leader_epoch: Option<i32>,
    /// Whether a header is invalid: then the bytes after `whole_bytes` cannot be skipped.
    pub(in crate::kafka) faulty: bool,
}

/// Reads the headers of the batches in `bytes`, which were fetched from `from` on.
pub(in crate::kafka) fn scan(bytes: &[u8], from: NextOffset) -> Scan {
    let mut scan = Scan { whole_bytes: 0, next_offset: from, leader_epoch: None, faulty: false };
    while let Some(rest) = bytes.get(scan.whole_bytes..) {
        match Header::read(rest) {
            Ok(Some(header)) => {
                scan.whole_bytes += header.size_bytes;
                scan.next_offset = scan.next_offset.max(header.next_offset);
                scan.leader_epoch = header.leader_epoch.or(scan.leader_epoch);
            }
            Ok(None) => break,
            Err(_) => {
                scan.faulty = true;
                break;
            }
        }
    }
    scan
}

//! Decodes fetched data: verifies, decompresses and parses one record batch at a time.

use std::{collections::HashSet, iter::Peekable, vec};

use bytes::Bytes;

use crate::kafka::{
    log::{
        compression::decompress,
        header::{Fault, HEADER_BYTES, Header, Timestamps},
        record::{Headers, Record},
        wire::Wire,
    },
    offset::NextOffset,
};

/// The type of control record that ends an aborted transaction (KIP-98).
const ABORT_MARKER: i16 = 0;

/// An aborted transaction: its records must not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Aborted {
    pub(in crate::kafka) first_offset: i64,
    pub(in crate::kafka) producer_id: i64,
}

/// The data of one partition in a response: record batches, and the aborted transactions in them.
/// The list applies only to these batches; it includes transactions that began before them or whose
/// marker follows later.
#[derive(Debug)]
pub(in crate::kafka) struct Chunk {
    pub(in crate::kafka) bytes: Bytes,
    pub(in crate::kafka) aborted: Vec<Aborted>,
}

/// All records in `bytes`, which contain record batches as stored and sent by brokers, without
/// aborted transactions. For benchmarks.
///
/// `None` if these are not complete record batches, or if one decompresses to more than the default in
/// [`Settings`](crate::kafka::Settings).
#[must_use]
pub fn records_in(bytes: &Bytes) -> Option<Vec<Record>> {
    let chunk = Chunk { bytes: bytes.clone(), aborted: Vec::new() };
    let limit = crate::kafka::Settings::default().max_decompressed_bytes;
    let mut decoder = Decoder::new(chunk, NextOffset::new(0)?, limit);
    let mut records = Vec::new();
    decoder.take(&mut Room { records: usize::MAX, bytes: usize::MAX }, &mut records).ok()?;
    decoder.rest.is_empty().then_some(records)
}

/// The room left in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Room {
    pub(in crate::kafka) records: usize,
    /// The bytes of keys and payloads. The last record may exceed them.
    pub(in crate::kafka) bytes: usize,
}

impl Room {
    pub(in crate::kafka) const fn is_full(self) -> bool {
        self.records == 0 || self.bytes == 0
    }

    fn subtract(&mut self, record: &Record) {
        let bytes = [&record.key, &record.payload].into_iter().flatten().map(Bytes::len).sum();
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Decodes the records of a [`Chunk`] incrementally.
pub(in crate::kafka) struct Decoder {
    /// The remaining batches.
    rest: Bytes,
    /// The aborted transactions not yet reached, by first offset.
    aborted: Peekable<vec::IntoIter<Aborted>>,
    /// The producers with an aborted transaction at the current position.
    excluded: HashSet<i64>,
    open: Option<OpenBatch>,
    position: NextOffset,
    leader_epoch: Option<i32>,
    limit: usize,
}

impl Decoder {
    /// Records below `position` are dropped, since brokers return complete batches. A batch may
    /// decompress to `limit` bytes.
    pub(in crate::kafka) fn new(chunk: Chunk, position: NextOffset, limit: usize) -> Self {
        let Chunk { bytes, mut aborted } = chunk;
        aborted.sort_unstable_by_key(|transaction| transaction.first_offset);
        Self {
            rest: bytes,
            aborted: aborted.into_iter().peekable(),
            excluded: HashSet::new(),
            open: None,
            position,
            leader_epoch: None,
            limit,
        }
    }

    /// The first offset not yet decoded.
    pub(in crate::kafka) const fn position(&self) -> NextOffset {
        self.position
    }

    /// The leader epoch of the last batch that was reached, if it has one.
    pub(in crate::kafka) const fn leader_epoch(&self) -> Option<i32> {
        self.leader_epoch
    }

    /// Appends up to `room` records to `records` and moves the position after them, and after entries
    /// that are not delivered. If room is left, the chunk is exhausted.
    ///
    /// On a fault, the position is that of the fault, and all records before it are appended.
    pub(in crate::kafka) fn take(
        &mut self,
        room: &mut Room,
        records: &mut Vec<Record>,
    ) -> Result<(), Fault> {
        loop {
            if let Some(open) = &mut self.open {
                while open.remaining > 0 {
                    if room.is_full() {
                        return Ok(());
                    }
                    let record = open.record()?;
                    if record.offset >= self.position.get() {
                        self.position = record_end(record.offset)?;
                        room.subtract(&record);
                        records.push(record);
                    }
                }
                open.at_end()?;
                self.position = self.position.max(open.next_offset);
                self.open = None;
            }
            if !self.next_batch(!room.is_full())? {
                return Ok(());
            }
        }
    }

    /// Opens the next batch, or skips it if it has no records to deliver. `false` at the end, or if
    /// there are more records and `may_open` is false.
    fn next_batch(&mut self, may_open: bool) -> Result<bool, Fault> {
        // The rest may be a partial batch, which the next response has in full.
        let Some(header) = Header::read(&self.rest)? else { return Ok(false) };
        while let Some(begun) =
            self.aborted.next_if(|begun| begun.first_offset < header.next_offset.get())
        {
            self.excluded.insert(begun.producer_id);
        }
        let aborted = header.transactional && self.excluded.contains(&header.producer_id);
        let known = header.next_offset <= self.position;
        let empty = header.size_bytes == HEADER_BYTES && header.records == 0;
        let passed_over = header.control || aborted || known || empty;
        if !passed_over && !may_open {
            return Ok(false);
        }

        let mut batch = self.rest.clone();
        batch.truncate(header.size_bytes);
        header.check(&batch)?;
        let data = batch.split_off(HEADER_BYTES);
        if header.control && OpenBatch::new(&header, &data, self.limit)?.is_abort_marker()? {
            self.excluded.remove(&header.producer_id);
        }
        if passed_over {
            self.position = self.position.max(header.next_offset);
        } else {
            self.open = Some(OpenBatch::new(&header, &data, self.limit)?);
        }
        self.leader_epoch = header.leader_epoch.or(self.leader_epoch);
        self.rest = self.rest.slice(header.size_bytes..);
        Ok(true)
    }
}

fn record_end(offset: i64) -> Result<NextOffset, Fault> {
    NextOffset::after(offset)
        .ok_or_else(|| Fault::corrupt(format!("invalid record offset {offset}")))
}

/// A record batch that is being decoded.
struct OpenBatch {
    data: Bytes,
    /// The start of the next record in it.
    at: usize,
    remaining: u32,
    base_offset: i64,
    timestamps: Timestamps,
    /// The offset after the previous record; offsets increase within a batch.
    floor: i64,
    next_offset: NextOffset,
}

impl OpenBatch {
    fn new(header: &Header, data: &Bytes, limit: usize) -> Result<Self, Fault> {
        Ok(Self {
            data: decompress(header.compression, data, limit)?,
            at: 0,
            remaining: header.records,
            base_offset: header.base_offset,
            timestamps: header.timestamps,
            floor: header.base_offset,
            next_offset: header.next_offset,
        })
    }

    /// The next record. Inlined, so that it is built in place and not moved.
    #[inline(always)]
    fn record(&mut self) -> Result<Record, Fault> {
        let mut wire = Wire::new(&self.data, self.at);
        let length = wire.varint()?;
        let body = wire.skip(length)?;
        let mut wire = Wire::new(self.data.get(..body.end).unwrap_or_default(), body.start);
        let _attributes = wire.byte()?;
        let timestamp_delta = wire.varlong()?;
        let offset_delta = wire.varint()?;
        let key = wire.nullable()?;
        let payload = wire.nullable()?;
        let headers = match wire.rest() {
            // A count of 0, as in most records.
            [0] => Headers::default(),
            encoded => {
                Headers::check(encoded)?;
                Headers(self.data.slice(body.end - encoded.len()..body.end))
            }
        };

        let offset = self.base_offset.saturating_add(i64::from(offset_delta));
        if offset < self.floor || offset >= self.next_offset.get() {
            return Err(Fault::corrupt(format!(
                "record offset {offset} is outside of [{}, {})",
                self.floor, self.next_offset
            )));
        }
        self.floor = offset + 1;
        self.at = body.end;
        self.remaining -= 1;
        let slice = |range| self.data.slice(range);
        Ok(Record {
            offset,
            key: key.map(slice),
            payload: payload.map(slice),
            timestamp: self.timestamps.of(timestamp_delta),
            headers,
        })
    }

    /// Checks that there are no bytes after the last record.
    fn at_end(&self) -> Result<(), Fault> {
        if self.at == self.data.len() {
            return Ok(());
        }
        Err(Fault::corrupt(format!(
            "trailing bytes in the record batch that ends at {}",
            self.next_offset
        )))
    }

    /// Whether this control batch ends an aborted transaction. It may be empty after compaction.
    #[cold]
    fn is_abort_marker(&mut self) -> Result<bool, Fault> {
        if self.remaining == 0 {
            return Ok(false);
        }
        let key = self.record()?.key.unwrap_or_default();
        match key.get(2..4) {
            Some(kind) => Ok(kind == ABORT_MARKER.to_be_bytes()),
            None => Err(Fault::corrupt("control record without a type")),
        }
    }
}

#[cfg(test)]
mod tests;

//! Record batches for tests, encoded by kafka-protocol.

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    protocol::StrBytes,
    records::{
        Compression, Record as Sent, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    },
};

use crate::kafka::{
    log::{
        decode::{Aborted, Chunk},
        record::{Headers, Record},
    },
    offset::NextOffset,
};

pub(in crate::kafka) const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn compress(data: &[u8], codec: Compression, framed: bool) -> Vec<u8> {
    match codec {
        Compression::None => data.to_vec(),
        Compression::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        Compression::Snappy if framed => {
            let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
            for block in data.chunks(100) {
                let block = snap::raw::Encoder::new().compress_vec(block).unwrap();
                out.put_u32(block.len().try_into().unwrap());
                out.extend(block);
            }
            out
        }
        Compression::Snappy => snap::raw::Encoder::new().compress_vec(data).unwrap(),
        Compression::Lz4 => {
            let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        Compression::Zstd => {
            // Two consecutive frames.
            let (first, second) = data.split_at(if framed { data.len() / 2 } else { data.len() });
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            let mut out = ruzstd::encoding::compress_to_vec(first, level);
            if framed {
                out.extend(ruzstd::encoding::compress_to_vec(second, level));
            }
            out
        }
    }
}

/// A record batch from `base` to `next`, with records at these offsets.
#[derive(Clone, Debug)]
pub(in crate::kafka) struct BatchOf {
    pub(in crate::kafka) base: i64,
    pub(in crate::kafka) next: i64,
    pub(in crate::kafka) producer: i64,
    pub(in crate::kafka) transactional: bool,
    pub(in crate::kafka) control: bool,
    pub(in crate::kafka) codec: Compression,
    pub(in crate::kafka) framed: bool,
    pub(in crate::kafka) records: Vec<Record>,
}

impl BatchOf {
    pub(in crate::kafka) fn plain(base: i64, values: &[&'static [u8]]) -> Self {
        let records: Vec<Record> =
            (base..).zip(values).map(|(o, v)| record(o, None, Some(v))).collect();
        let next = base + i64::try_from(records.len()).unwrap();
        let codec = Compression::None;
        let (producer, transactional, control) = (-1, false, false);
        Self { base, next, producer, transactional, control, codec, framed: false, records }
    }

    pub(in crate::kafka) fn transactional(self, producer: i64) -> Self {
        Self { producer, transactional: true, ..self }
    }

    pub(in crate::kafka) fn marker(base: i64, producer: i64, commit: bool) -> Self {
        let key: &[u8] = if commit { &[0, 0, 0, 1] } else { &[0, 0, 0, 0] };
        let marker = record(base, Some(key), Some(&[0, 0, 0, 0, 0, 0]));
        let batch = Self::plain(base, &[b""]).transactional(producer);
        Self { control: true, records: vec![marker], ..batch }
    }

    pub(in crate::kafka) fn encode(&self) -> Vec<u8> {
        let sent = |record: &Record| Sent {
            transactional: self.transactional,
            control: self.control,
            delete_horizon: false,
            partition_leader_epoch: 3,
            producer_id: self.producer,
            producer_epoch: 0,
            timestamp_type: TimestampType::Creation,
            offset: record.offset,
            sequence: i32::try_from(record.offset).unwrap(),
            timestamp: record.timestamp.unwrap_or(-1),
            key: record.key.clone(),
            value: record.payload.clone(),
            headers: (record.headers.iter())
                .map(|(key, value)| {
                    let key = StrBytes::from_string(str::from_utf8(key).unwrap().to_owned());
                    (key, value.map(Bytes::copy_from_slice))
                })
                .collect(),
        };
        // The batch begins at the offset of a record that compaction may have removed.
        let anchor = sent(&record(self.base, None, None));
        let records: Vec<Sent> = self.records.iter().map(sent).collect();
        let kept = if records.is_empty() { vec![anchor] } else { records };
        let mut out = BytesMut::new();
        let compressor = |data: &mut BytesMut, out: &mut BytesMut, codec| {
            let data = if self.records.is_empty() { &[][..] } else { &data[..] };
            out.extend_from_slice(&compress(data, codec, self.framed));
            Ok(())
        };
        RecordBatchEncoder::encode_with_custom_compression(
            &mut out,
            &kept,
            &RecordEncodeOptions { version: 2, compression: self.codec },
            Some(compressor),
        )
        .unwrap();
        let mut out = out.to_vec();
        let base = i64::from_be_bytes(out[..8].try_into().unwrap());
        let delta = i32::try_from(self.next - 1 - base).unwrap();
        out[23..27].copy_from_slice(&delta.to_be_bytes());
        if self.records.is_empty() {
            out[57..61].copy_from_slice(&0_i32.to_be_bytes());
        }
        resum(out)
    }
}

/// Recomputes the checksum.
pub(in crate::kafka) fn resum(mut batch: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

/// A record with headers, and a timestamp that may be lower than the previous record's.
pub(in crate::kafka) fn record(offset: i64, key: Option<&[u8]>, payload: Option<&[u8]>) -> Record {
    let bytes = Bytes::copy_from_slice;
    let headers = match offset % 3 {
        0 => Bytes::new(),
        1 => Bytes::from_static(b"\x02\x08null\x01"),
        _ => Bytes::from_static(b"\x04\x00\x00\x06abc\x04yz"),
    };
    Record {
        offset,
        key: key.map(bytes),
        payload: payload.map(bytes),
        timestamp: Some(1_700_000_000_000 + offset * 7 % 100),
        headers: Headers(headers),
    }
}

pub(in crate::kafka) fn at(offset: i64) -> NextOffset {
    NextOffset::new(offset).unwrap()
}

pub(in crate::kafka) fn chunk(batches: &[BatchOf], aborted: &[(i64, i64)]) -> Chunk {
    Chunk {
        bytes: batches.iter().flat_map(BatchOf::encode).collect(),
        aborted: aborted
            .iter()
            .map(|&(first_offset, producer_id)| Aborted { first_offset, producer_id })
            .collect(),
    }
}

//! Tests with kafka-protocol's encoder (see `samples`), and with invalid bytes.

mod history;
mod mutations;

use kafka_protocol::records::Compression;
use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::kafka::log::{
    header::scan,
    samples::{BatchOf, CODECS, at, chunk, record, resum},
};

const LIMIT: usize = 1 << 20;

fn room_for(records: usize) -> Room {
    Room { records, bytes: usize::MAX }
}

/// All records, taken with this `room`.
fn drain(decoder: &mut Decoder, room: usize) -> Result<Vec<Record>, Fault> {
    let mut all = Vec::new();
    loop {
        let before = all.len();
        decoder.take(&mut room_for(room), &mut all)?;
        assert!(all.len() - before <= room);
        if all.len() - before < room {
            return Ok(all);
        }
    }
}

fn offsets(records: &[Record]) -> Vec<i64> {
    records.iter().map(|record| record.offset).collect()
}

#[test]
fn position_moves_after_the_last_record_within_a_batch_and_after_the_batch_at_its_end() {
    let batch = BatchOf { next: 20, ..BatchOf::plain(10, &[b"a", b"b", b"c"]) };
    let mut decoder = Decoder::new(chunk(&[batch], &[]), at(10), LIMIT);
    let mut records = Vec::new();
    decoder.take(&mut room_for(2), &mut records).unwrap();
    assert_eq!((offsets(&records), decoder.position()), (vec![10, 11], at(12)));
    decoder.take(&mut room_for(1), &mut records).unwrap();
    assert_eq!((offsets(&records), decoder.position()), (vec![10, 11, 12], at(20)));
}

#[test]
fn empty_control_and_aborted_batches_are_skipped() {
    let log = [
        BatchOf { records: Vec::new(), ..BatchOf::plain(0, &[b"", b""]) },
        BatchOf::plain(2, &[b"gone"]).transactional(7),
        BatchOf::marker(3, 7, false),
        BatchOf { records: Vec::new(), ..BatchOf::marker(4, 9, true) },
    ];
    let mut decoder = Decoder::new(chunk(&log, &[(2, 7)]), at(0), LIMIT);
    assert_eq!(drain(&mut decoder, 10).unwrap(), []);
    assert_eq!(decoder.position(), at(5));
}

#[test]
fn markers_after_the_last_record_belong_to_the_same_take() {
    let log = [BatchOf::plain(0, &[b"a"]).transactional(7), BatchOf::marker(1, 7, true)];
    let mut decoder = Decoder::new(chunk(&log, &[]), at(0), LIMIT);
    decoder.take(&mut room_for(1), &mut Vec::new()).unwrap();
    assert_eq!(decoder.position(), at(2));
}

#[test]
fn a_producer_is_excluded_only_between_the_start_and_the_marker_of_its_aborted_transaction() {
    let log = [
        BatchOf::plain(0, &[b"kept"]).transactional(7),
        BatchOf::marker(1, 7, true),
        BatchOf::plain(2, &[b"gone"]).transactional(7),
        BatchOf::plain(3, &[b"another's"]).transactional(8),
        BatchOf::marker(4, 7, false),
        BatchOf::plain(5, &[b"kept"]).transactional(7),
        BatchOf::marker(6, 7, true),
        BatchOf::plain(7, &[b"gone"]).transactional(7),
    ];
    let mut decoder = Decoder::new(chunk(&log, &[(7, 7), (2, 7)]), at(0), LIMIT);
    assert_eq!(offsets(&drain(&mut decoder, 10).unwrap()), [0, 3, 5]);
}

#[test]
fn records_below_the_position_are_dropped() {
    let log = [BatchOf::plain(0, &[b"a"]), BatchOf::plain(1, &[b"b", b"c"])];
    let mut decoder = Decoder::new(chunk(&log, &[]), at(2), LIMIT);
    assert_eq!(offsets(&drain(&mut decoder, 10).unwrap()), [2]);
}

#[test]
fn a_partial_batch_at_the_end_is_left_for_the_next_fetch() {
    let whole = BatchOf::plain(0, &[b"a"]).encode();
    let partial = BatchOf::plain(1, &[b"b"]).encode();
    for end in 0..partial.len() {
        let bytes = Bytes::from([&whole[..], &partial[..end]].concat());
        let seen = scan(&bytes, at(0));
        assert_eq!((seen.whole_bytes, seen.next_offset, seen.faulty), (whole.len(), at(1), false));
        let mut decoder = Decoder::new(Chunk { bytes, aborted: Vec::new() }, at(0), LIMIT);
        assert_eq!(offsets(&drain(&mut decoder, 10).unwrap()), [0]);
        assert_eq!(decoder.position(), at(1));
    }
}

#[test]
fn old_formats_are_named() {
    let mut old = BatchOf::plain(0, &[b"a"]).encode();
    old[16] = 1;
    assert!(scan(&old, at(0)).faulty);
    let mut decoder = Decoder::new(Chunk { bytes: old.into(), aborted: Vec::new() }, at(0), LIMIT);
    let fault = drain(&mut decoder, 1).unwrap_err();
    assert!(matches!(&fault, Fault::Unsupported(text) if text.contains("format 1")), "{fault:?}");
}

#[test]
fn a_record_has_its_own_timestamp_or_that_of_its_batch_if_the_broker_set_it() {
    let mut batch = BatchOf::plain(0, &[b"a", b"b", b"c"]);
    for (record, timestamp) in batch.records.iter_mut().zip([7, 3, 5]) {
        record.timestamp = Some(timestamp);
    }
    let decode = |bytes: Vec<u8>| {
        let chunk = Chunk { bytes: bytes.into(), aborted: Vec::new() };
        let records = drain(&mut Decoder::new(chunk, at(0), LIMIT), 10).unwrap();
        records.iter().map(|record| record.timestamp).collect::<Vec<_>>()
    };
    let mut bytes = batch.encode();
    assert_eq!(decode(bytes.clone()), [Some(7), Some(3), Some(5)]);
    bytes[22] |= 0b1000;
    bytes[35..43].copy_from_slice(&9_i64.to_be_bytes());
    assert_eq!(decode(resum(bytes)), [Some(9); 3]);
    batch.records.truncate(1);
    batch.records[0].timestamp = None;
    assert_eq!(decode(batch.encode()), [None]);
}

#[test]
fn a_record_with_invalid_headers_is_corrupt() {
    let mut batch = BatchOf::plain(2, &[b"a"]);
    batch.records[0].headers = Headers(Bytes::from_static(b"\x02\x02k\x02v"));
    let whole = batch.encode();
    let at_count = whole.len() - 5;
    assert_eq!(whole[at_count], 2);
    // One header too many, one too few, none at all, and a key of another length.
    for (place, byte) in [(0, 4), (0, 0), (0, 1), (1, 4), (1, 1), (3, 4), (3, 0)] {
        let mut damaged = whole.clone();
        damaged[at_count + place] = byte;
        let chunk = Chunk { bytes: resum(damaged).into(), aborted: Vec::new() };
        let fault = drain(&mut Decoder::new(chunk, at(0), LIMIT), 10).unwrap_err();
        assert!(matches!(fault, Fault::Corrupt(_)), "{place} {byte}: {fault:?}");
    }
}

#[test]
fn records_before_a_corrupt_batch_are_still_delivered() {
    let mut bytes = BatchOf::plain(0, &[b"a", b"b"]).encode();
    let mut damaged = BatchOf::plain(2, &[b"c"]).encode();
    *damaged.last_mut().unwrap() ^= 1;
    bytes.extend(damaged);
    let mut decoder =
        Decoder::new(Chunk { bytes: bytes.into(), aborted: Vec::new() }, at(0), LIMIT);
    let mut records = Vec::new();
    let fault = decoder.take(&mut room_for(10), &mut records).unwrap_err();
    assert!(matches!(&fault, Fault::Corrupt(text) if text.contains("checksum")), "{fault:?}");
    assert_eq!((offsets(&records), decoder.position()), (vec![0, 1], at(2)));
}

#[test]
fn a_decompression_bomb_is_refused_with_every_codec() {
    let zeros: &'static [u8] = vec![0; 4 << 20].leak();
    for codec in &CODECS[1..] {
        for framed in [false, true] {
            let bomb = BatchOf { codec: *codec, framed, ..BatchOf::plain(0, &[zeros]) };
            let mut decoder = Decoder::new(chunk(std::slice::from_ref(&bomb), &[]), at(0), LIMIT);
            assert_eq!(drain(&mut decoder, 1), Err(Fault::TooLarge), "{codec:?}");
            let mut decoder = Decoder::new(chunk(&[bomb], &[]), at(0), 5 << 20);
            assert_eq!(drain(&mut decoder, 10).unwrap().len(), 1, "{codec:?}");
        }
    }
}

fn codec() -> impl Strategy<Value = Compression> {
    (0..CODECS.len()).prop_map(|index| CODECS[index])
}

proptest! {
    #[test]
    fn mutated_batches_end_in_a_fault_or_in_progress(
        payloads in vec(option::of(vec(any::<u8>(), 0..40)), 1..10),
        codec in codec(),
        framed in any::<bool>(),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in option::of(any::<prop::sample::Index>()),
        honest_checksum in any::<bool>(),
    ) {
        let records: Vec<Record> =
            (5..).zip(&payloads).map(|(offset, p)| record(offset, None, p.as_deref())).collect();
        let next = 5 + i64::try_from(records.len()).unwrap();
        let batch = BatchOf { next, codec, framed, records, ..BatchOf::plain(5, &[]) };
        let mut bytes = batch.encode();
        for (index, value) in mutations {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if honest_checksum && bytes.len() > 61 {
            bytes = resum(bytes);
        }
        survives(bytes)?;
    }

    #[test]
    fn arbitrary_bytes_end_in_a_fault_or_in_progress(bytes in vec(any::<u8>(), 0..300)) {
        survives(bytes)?;
    }

    #[test]
    fn arbitrary_records_end_in_a_fault_or_in_progress(
        body in vec(any::<u8>(), 0..100), codec in 0..8_u8, records in any::<i32>(),
    ) {
        let mut bytes = BatchOf { records: Vec::new(), ..BatchOf::plain(3, &[b"a"]) }.encode();
        bytes.truncate(61);
        bytes[22] = codec;
        bytes[57..61].copy_from_slice(&records.to_be_bytes());
        bytes.extend(body);
        let length = i32::try_from(bytes.len() - 12).unwrap();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        survives(resum(bytes))?;
    }
}

/// No panic, no end without progress or a fault, no records out of order, no huge allocation.
fn survives(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let bytes = Bytes::from(bytes);
    let from = at(5);
    let seen = scan(&bytes, from);
    let mut decoder = Decoder::new(Chunk { bytes, aborted: Vec::new() }, from, LIMIT);
    let mut records = Vec::new();
    let result = decoder.take(&mut room_for(1000), &mut records);
    prop_assert!(records.is_sorted_by(|a, b| a.offset < b.offset));
    prop_assert!(records.iter().all(|r| (5..decoder.position().get()).contains(&r.offset)));
    if result.is_ok() && records.len() < 1000 {
        prop_assert_eq!(decoder.position(), seen.next_offset);
        prop_assert!(!seen.faulty);
    }
    Ok(())
}

#[test]
fn a_take_ends_with_the_record_that_fills_the_room() {
    let batch = BatchOf::plain(0, &[b"12345", b"67890", b"abcde"]);
    let mut decoder = Decoder::new(chunk(&[batch], &[]), at(0), LIMIT);
    let mut records = Vec::new();
    decoder.take(&mut Room { records: 10, bytes: 6 }, &mut records).unwrap();
    assert_eq!((records.len(), decoder.position()), (2, at(2)));
}

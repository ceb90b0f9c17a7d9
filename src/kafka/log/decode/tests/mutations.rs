//! Mutated record batches with every codec; most with a recomputed checksum, so that the code after
//! its verification is reached. For long runs see [`testbed::fuzz`].

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use testbed::{fuzz, samples::Random};

use super::*;

const CASES: u64 = 10_000;

/// The time limit per batch, also for unoptimised builds.
const AT_MOST: Duration = Duration::from_millis(250);

/// The positions and sizes of header fields that affect decoding: base offset, length, format,
/// attributes, last offset delta, producer, number of records.
const FIELDS: [(usize, usize); 7] = [(0, 8), (8, 4), (16, 1), (21, 2), (23, 4), (43, 8), (57, 4)];

/// Values that are likely to cause errors.
const NUMBERS: [i64; 12] =
    [0, 1, -1, 2, 61, 127, 128, 1 << 20, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN];

/// Batches with every codec: without records, with one, with many, compressible or not.
fn batches() -> Vec<Vec<u8>> {
    let noise: Vec<u8> = (0..300_u64).map(|seed| Random(seed).bits().to_le_bytes()[0]).collect();
    let mut batches = vec![
        BatchOf::marker(5, 7, false).encode(),
        BatchOf::marker(5, 7, true).encode(),
        BatchOf { records: Vec::new(), ..BatchOf::plain(5, &[b"", b""]) }.encode(),
    ];
    for codec in CODECS {
        for framed in [false, true] {
            for count in [1, 3, 60] {
                let records = (5..5 + count).map(|offset| match offset % 4 {
                    0 => record(offset, Some(b"key"), None),
                    1 => record(offset, None, Some(&[b'x'; 400])),
                    2 => record(offset, Some(b""), Some(&noise)),
                    _ => record(offset, None, Some(br#"{"order_number": 1, "total": 1}"#)),
                });
                let records = records.collect();
                let plain = BatchOf::plain(5, &[]);
                let batch = BatchOf { next: 5 + count, codec, framed, records, ..plain };
                batches.push(batch.clone().transactional(7).encode());
                batches.push(batch.encode());
            }
        }
    }
    batches
}

fn damage(batch: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(batch.len().max(1));
    let until = (at + 1 + random.below(8)).min(batch.len());
    match random.below(8) {
        0..=2 if at < until => batch[at] ^= 1 << random.below(8),
        3 if at < until => batch[at] = random.bits().to_le_bytes()[0],
        4 => {
            let (field, size) = FIELDS[random.below(FIELDS.len())];
            let number = NUMBERS[random.below(NUMBERS.len())].to_be_bytes();
            if let Some(bytes) = batch.get_mut(field..field + size) {
                bytes.copy_from_slice(&number[8 - size..]);
            }
        }
        5 => drop(batch.drain(at..until)),
        6 => drop(batch.splice(at..at, [0xff; 8].into_iter().take(1 + random.below(8)))),
        _ => batch.truncate(at),
    }
}

/// Two consecutive batches, the first one mutated; and aborted transactions.
fn draw(seed: u64, batches: &[Vec<u8>]) -> (Bytes, Vec<Aborted>) {
    let mut random = Random(seed);
    let mut batch = batches[random.below(batches.len())].clone();
    for _ in 0..1 + random.below(3) {
        damage(&mut batch, &mut random);
    }
    if random.below(4) > 0 && batch.len() > HEADER_BYTES {
        if random.below(4) > 0 {
            let length = i32::try_from(batch.len() - 12).unwrap();
            batch[8..12].copy_from_slice(&length.to_be_bytes());
        }
        batch = resum(batch);
    }
    batch.extend(&batches[random.below(batches.len())]);
    let aborted = (0..random.below(3))
        .map(|_| Aborted { first_offset: NUMBERS[random.below(NUMBERS.len())], producer_id: 7 });
    (batch.into(), aborted.collect())
}

#[test]
fn mutated_batches_are_read_or_refused_in_bounded_time_and_memory() {
    let batches = batches();
    let (mut cases, mut delivered, mut faults) = (0_u64, 0_u64, [0_u64; 3]);
    let (mut slowest, begun) = (Duration::ZERO, Instant::now());
    for seed in fuzz::seeds(CASES).unwrap() {
        let (bytes, aborted) = draw(seed, &batches);
        let decode = || {
            let chunk = Chunk { bytes: bytes.clone(), aborted: aborted.clone() };
            let mut decoder = Decoder::new(chunk, at(5), LIMIT);
            let mut records = Vec::new();
            (decoder.take(&mut room_for(1000), &mut records), records)
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            survives(bytes.to_vec())?;
            Ok::<_, TestCaseError>(fuzz::within(AT_MOST, decode))
        }));
        let outcome = outcome.unwrap_or_else(|_| panic!("VENDAS_FUZZ_SEED={seed}: it panicked"));
        let outcome = outcome.unwrap_or_else(|error| panic!("VENDAS_FUZZ_SEED={seed}: {error}"));
        let Some(((result, records), took)) = outcome else {
            panic!("VENDAS_FUZZ_SEED={seed}: more than {AT_MOST:?}")
        };
        let size = |record: &Record| {
            [&record.key, &record.payload].into_iter().flatten().map(Bytes::len).sum::<usize>()
        };
        let size: usize = records.iter().map(size).sum();
        assert!(size <= 2 * LIMIT, "VENDAS_FUZZ_SEED={seed}: {size} bytes of records");
        slowest = slowest.max(took);
        cases += 1;
        delivered += u64::from(!records.is_empty());
        match result {
            Ok(()) => {}
            Err(Fault::Corrupt(_)) => faults[0] += 1,
            Err(Fault::TooLarge) => faults[1] += 1,
            Err(Fault::Unsupported(_)) => faults[2] += 1,
        }
    }
    println!(
        "{cases} cases in {:?}, the slowest {slowest:?}: {delivered} gave records, {} were corrupt, \
         {} too large, {} unsupported",
        begun.elapsed(),
        faults[0],
        faults[1],
        faults[2]
    );
    // A fair share of both outcomes.
    let corrupt = faults[0];
    assert!(
        cases < CASES || (delivered > cases / 20 && corrupt > cases / 5),
        "{delivered} {corrupt}"
    );
}

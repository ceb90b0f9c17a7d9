//! Logs with transactions, as brokers store them and as they are fetched.

use std::collections::BTreeMap;

use super::*;

/// An event in the history of a log.
#[derive(Clone, Debug)]
enum Event {
    Records { producer: i64, transactional: bool, gaps: Vec<(i64, Vec<u8>)>, tail: i64 },
    End { producer: i64, commit: bool },
}

fn event() -> impl Strategy<Value = Event> {
    let gaps = vec((0..3_i64, vec(any::<u8>(), 0..50)), 0..6);
    prop_oneof![
        3 => (0..3_i64, any::<bool>(), gaps, 0..3_i64).prop_map(
            |(producer, transactional, gaps, tail)| {
                Event::Records { producer, transactional, gaps, tail }
            }
        ),
        1 => (0..3_i64, any::<bool>())
            .prop_map(|(producer, commit)| Event::End { producer, commit }),
    ]
}

/// A log as stored by a broker.
#[derive(Default)]
struct Log {
    batches: Vec<BatchOf>,
    /// First offset, marker's offset and producer of aborted transactions.
    aborted: Vec<(i64, i64, i64)>,
    /// The start of each producer's open transaction, and its records.
    open: BTreeMap<i64, (i64, Vec<Record>)>,
    visible: Vec<Record>,
    end: i64,
}

impl Log {
    fn add(&mut self, event: Event, codec: Compression, framed: bool) {
        match event {
            Event::Records { producer, transactional, gaps, tail } => {
                let base = self.end;
                let mut records = Vec::new();
                for (gap, payload) in gaps {
                    let offset = self.end + gap;
                    let key = (gap == 1).then_some(&b"key"[..]);
                    records.push(record(offset, key, (gap < 2).then_some(&payload)));
                    self.end = offset + 1;
                }
                self.end += tail + 1;
                let next = self.end;
                if transactional {
                    let open = self.open.entry(producer).or_insert((base, Vec::new()));
                    open.1.extend(records.clone());
                } else {
                    self.visible.extend(records.clone());
                }
                let control = false;
                self.batches.push(BatchOf {
                    base,
                    next,
                    producer,
                    transactional,
                    control,
                    codec,
                    framed,
                    records,
                });
            }
            Event::End { producer, commit } => {
                let Some((first, records)) = self.open.remove(&producer) else { return };
                self.batches.push(BatchOf::marker(self.end, producer, commit));
                if commit {
                    self.visible.extend(records);
                } else {
                    self.aborted.push((first, self.end, producer));
                }
                self.end += 1;
            }
        }
    }

    /// The response of a broker to a fetch from `from` on, with `count` batches.
    fn fetch(&self, from: i64, count: usize) -> (Chunk, NextOffset) {
        let held = self.batches.iter().filter(|batch| batch.next > from);
        let held: Vec<BatchOf> = held.take(count).cloned().collect();
        let end = held.last().map_or(from, |batch| batch.next);
        let reaching_in =
            self.aborted.iter().filter(|(first, marker, _)| *marker >= from && *first < end);
        let aborted: Vec<_> = reaching_in.map(|(first, _, producer)| (*first, *producer)).collect();
        (chunk(&held, &aborted), at(end))
    }
}

proptest! {
    #[test]
    fn committed_records_come_once_and_in_order_however_they_are_fetched(
        events in vec((event(), codec(), any::<bool>()), 1..25),
        from in 0..20_i64,
        helpings in vec((1..4_usize, 1..5_usize), 1..8),
    ) {
        let mut log = Log::default();
        for (event, codec, framed) in events {
            log.add(event, codec, framed);
        }
        for producer in 0..3 {
            log.add(Event::End { producer, commit: producer == 1 }, Compression::None, false);
        }
        log.visible.sort_by_key(|record| record.offset);
        log.visible.retain(|record| record.offset >= from);

        let mut position = at(from);
        let mut records = Vec::new();
        let mut helpings = helpings.iter().cycle();
        while position.get() < log.end {
            let &(batches, room) = helpings.next().unwrap();
            let (chunk, end) = log.fetch(position.get(), batches);
            prop_assert_eq!(scan(&chunk.bytes, position).next_offset, end);
            let mut decoder = Decoder::new(chunk, position, LIMIT);
            records.extend(drain(&mut decoder, room).unwrap());
            prop_assert!(decoder.position() > position);
            prop_assert_eq!(decoder.position(), end);
            position = decoder.position();
        }
        prop_assert_eq!(records, log.visible);
    }
}

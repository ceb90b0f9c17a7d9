//! Vendas reads the same records from a topic as librdkafka.
//!
//! No payload here is an order, so that every record becomes a dead letter: that table is then a
//! dump of the topic as vendas read it.

use std::{collections::BTreeMap, time::Duration};

use testbed::{
    Context, Database, Librdkafka, Log, Record, RecordBatch, Result, Step, Testbed, ensure,
    eventually, samples::Random,
};

use crate::shop::{DEADLINE, Shop};

/// One record batch at a time, a few, and as many as possible.
const FETCH_MAX_BYTES: [&str; 3] = ["1024", "20000", "1048576"];

pub(crate) type Logs = BTreeMap<i32, Log>;

/// The dead letters in `database`, as the records that vendas has read.
async fn read_by_vendas(database: &Database) -> Result<Logs> {
    let mut logs = Logs::new();
    for row in database.query("SELECT partition, next_offset FROM partitions", &[]).await? {
        let log = Log { end: row.try_get("next_offset")?, records: Vec::new() };
        logs.insert(row.try_get("partition")?, log);
    }
    let letters = "SELECT partition, record_offset, key, payload FROM dead_letters \
                   ORDER BY partition, record_offset";
    for row in database.query(letters, &[]).await? {
        let (key, payload) = (row.try_get("key")?, row.try_get("payload")?);
        let record = Record { key, payload, ..Record::default() };
        let log = logs.get_mut(&row.try_get("partition")?).context("no such partition")?;
        log.records.push((row.try_get("record_offset")?, record));
    }
    Ok(logs)
}

fn ensure_same(found: &Logs, expected: &Logs) -> Result<()> {
    let partitions = || (found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    ensure!(found.len() == expected.len(), "partitions {:?}", partitions());
    for ((partition, found), (_, expected)) in found.iter().zip(expected) {
        // Whole logs would be too long.
        let (mut ours, mut theirs) = (found.records.iter(), expected.records.iter());
        while let (a, b) = (ours.next(), theirs.next())
            && (a.is_some() || b.is_some())
        {
            ensure!(a == b, "partition {partition}: vendas read {}, not {}", show(a), show(b));
        }
        let (found, expected) = (found.end, expected.end);
        ensure!(found == expected, "partition {partition}: next offset {found}, not {expected}");
    }
    Ok(())
}

fn show(record: Option<&(i64, Record)>) -> String {
    let Some((offset, record)) = record else { return "nothing more".to_owned() };
    let size = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(Vec::len);
    let payload = record.payload.as_deref().unwrap_or_default();
    let text = String::from_utf8_lossy(payload.get(..60).unwrap_or(payload));
    let (key, payload) = (size(&record.key), size(&record.payload));
    format!("offset {offset} (key {key:?} bytes, payload {payload:?} bytes: {text:?})")
}

/// Processes the whole topic at each fetch size, each time with a new database, and compares.
/// Returns the records.
pub(crate) async fn read_by_both(shop: &Shop, librdkafka: &Librdkafka) -> Result<Logs> {
    let expected = librdkafka.consume(&shop.topic).await?;
    let total: usize = expected.values().map(|log| log.records.len()).sum();
    for bytes in FETCH_MAX_BYTES {
        let database = shop.servers.database().await?;
        let ended = shop
            .vendas(&["run", "--until-end"])
            .database(&database)
            .env("VENDAS_KAFKA__FETCH_MAX_BYTES", bytes)
            .run(DEADLINE)
            .await?
            .expect_code(0)?;
        ensure_same(&read_by_vendas(&database).await?, &expected)
            .with_context(|| format!("in fetches of {bytes} bytes, {}", ended.state()))?;
        // An upsert would hide a duplicate record.
        let told = format!("records={total} ");
        ensure!(ended.stderr.contains(&told), "no {told:?}: {}", ended.state());
    }
    Ok(expected)
}

/// Text that compresses well and is different in every record.
fn random_words(random: &mut Random, words: usize) -> String {
    const WORDS: [&str; 6] = ["açaí ", "café ", "pão ", "{\"order_number\": ", "1, ", "} "];
    let unique = random.bits();
    let drawn: String = (0..words).map(|_| WORDS[random.below(WORDS.len())]).collect();
    format!("no order {unique:016x} {drawn}")
}

/// Batches that are hard to decode: one record and thousands, large and empty payloads, invalid
/// UTF-8, no keys, no payloads.
pub(crate) fn batches(random: &mut Random) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for partition in 0..3 {
        for size in [1, 30, 3, 400, 1, 7, 1] {
            let records = (0..size).map(|position| match position % 11 {
                3 => Record::tombstone(format!("key {position}")),
                5 => Record::new(""),
                7 => Record::new(vec![0xff; 300]).with_key(""),
                9 => Record::new(random_words(random, 20)).with_key(vec![0, 0x80, 0xff]),
                _ => Record::new(random_words(random, 8)),
            });
            batches.push(RecordBatch { partition, records: records.collect(), headers: vec![] });
        }
        let large = [90_000, 10].map(|words| Record::new(random_words(random, words)));
        let records = large.to_vec();
        batches.push(RecordBatch { partition, records, headers: vec![] });
    }
    batches
}

async fn reads_the_same_in(codec: &str) -> Result<()> {
    let shop = Shop::open(3).await?;
    let librdkafka = Librdkafka::start(&shop.servers.kafka).await?;
    let batches = batches(&mut Random(11));
    let sent = librdkafka.produce(&shop.topic, codec, &batches).await?;
    let records = batches.iter().flat_map(|batch| &batch.records);
    let payloads: usize = records.filter_map(|record| Some(record.payload.as_ref()?.len())).sum();
    let compressed = sent < payloads / 2;
    ensure!(compressed == (codec != "none"), "{payloads} bytes were sent as {sent}");
    let logs = read_by_both(&shop, &librdkafka).await?;
    let read: usize = logs.values().map(|log| log.records.len()).sum();
    let sent: usize = batches.iter().map(|batch| batch.records.len()).sum();
    ensure!(read == sent, "{read} of {sent}");
    Ok(())
}

#[tokio::test]
async fn uncompressed_topics_are_read_as_librdkafka_reads_them() -> Result<()> {
    reads_the_same_in("none").await
}

#[tokio::test]
async fn gzip_topics_are_read_as_librdkafka_reads_them() -> Result<()> {
    reads_the_same_in("gzip").await
}

#[tokio::test]
async fn snappy_topics_are_read_as_librdkafka_reads_them() -> Result<()> {
    reads_the_same_in("snappy").await
}

#[tokio::test]
async fn lz4_topics_are_read_as_librdkafka_reads_them() -> Result<()> {
    reads_the_same_in("lz4").await
}

#[tokio::test]
async fn zstd_topics_are_read_as_librdkafka_reads_them() -> Result<()> {
    reads_the_same_in("zstd").await
}

#[tokio::test]
async fn topics_of_the_java_client_are_read_as_librdkafka_reads_them() -> Result<()> {
    let shop = Shop::open(1).await?;
    let librdkafka = Librdkafka::start(&shop.servers.kafka).await?;
    let mut random = Random(12);
    let mut sent = Vec::new();
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        // Above 32 KB, snappy-java writes several blocks.
        let payloads: Vec<_> = (0..300)
            .map(|number| random_words(&mut random, number % 60 + 1).replace('\n', ""))
            .collect();
        let lines: String =
            payloads.iter().map(|payload| format!("{codec}\t{payload}\n")).collect();
        let args =
            ["--topic", &shop.topic, "--compression-codec", codec, "--batch-size", "1000000"];
        let args = [&args[..], &["--reader-property", "parse.key=true"]].concat();
        let class = "org.apache.kafka.tools.ConsoleProducer";
        shop.servers.kafka.tool(class, &args, lines.as_bytes()).await?;
        sent.extend(payloads.into_iter().map(|payload| Record::new(payload).with_key(codec)));
    }
    let logs = read_by_both(&shop, &librdkafka).await?;
    let read = logs[&0].records.iter().map(|(_, record)| record);
    ensure!(read.eq(&sent), "{} of {}", logs[&0].records.len(), sent.len());
    Ok(())
}

/// One record with this payload.
fn record_of(partition: i32, text: impl Into<String>) -> RecordBatch {
    RecordBatch { partition, records: vec![Record::new(text.into())], headers: vec![] }
}

fn payloads(log: &Log) -> Vec<String> {
    let text = |(_, record): &(i64, Record)| {
        String::from_utf8_lossy(record.payload.as_deref().unwrap_or_default()).into_owned()
    };
    log.records.iter().map(text).collect()
}

#[tokio::test]
async fn committed_records_are_read_aborted_ones_are_not_and_markers_are_skipped() -> Result<()> {
    const PARTITIONS: i32 = 2;
    let shop = Shop::open(2).await?;
    let librdkafka = Librdkafka::start(&shop.servers.kafka).await?;
    let mut random = Random(13);
    let mut steps = Vec::new();
    // Whether its transaction is to be committed.
    let mut open: BTreeMap<&str, bool> = BTreeMap::new();
    let mut committed = 0;
    for _ in 0..250 {
        let records = 1 + random.below(4);
        let batch = |fate: &str, random: &mut Random| RecordBatch {
            partition: i32::from(random.below(2) == 0),
            records: (0..records)
                .map(|_| Record::new(format!("{fate} {}", random_words(random, 30))))
                .collect(),
            headers: vec![],
        };
        let who = ["ana", "bia", "caio", "davi", ""][random.below(5)];
        match open.get(who) {
            _ if who.is_empty() => {
                committed += records;
                steps.push(Step::SendPlainly(batch("plain", &mut random)));
            }
            None => {
                open.insert(who, random.below(2) == 0);
                steps.push(Step::Begin(who));
            }
            Some(true) if random.below(3) == 0 => {
                open.remove(who);
                steps.push(Step::Commit(who));
            }
            Some(false) if random.below(3) == 0 => {
                open.remove(who);
                steps.push(Step::Abort(who));
            }
            Some(true) => {
                committed += records;
                steps.push(Step::Send(who, batch("committed", &mut random)));
            }
            Some(false) => steps.push(Step::Send(who, batch("aborted", &mut random))),
        }
    }
    steps.extend(open.into_iter().map(|(who, commit)| match commit {
        true => Step::Commit(who),
        false => Step::Abort(who),
    }));
    // An open transaction ends the readable part of the topic.
    steps.push(Step::Begin("eva"));
    for partition in 0..PARTITIONS {
        steps.push(Step::Send("eva", record_of(partition, "open")));
        steps.push(Step::Begin("ana"));
        steps.push(Step::Send("ana", record_of(partition, "behind")));
        steps.push(Step::Commit("ana"));
    }
    librdkafka.transactions(&shop.topic, &steps).await?;

    let logs = read_by_both(&shop, &librdkafka).await?;
    let read: Vec<_> = logs.values().flat_map(payloads).collect();
    ensure!(read.len() == committed, "{} of {committed}", read.len());
    let wrong = read.iter().find(|text| !text.starts_with("committed") && !text.starts_with("pl"));
    ensure!(wrong.is_none(), "{wrong:?}");
    Ok(())
}

#[tokio::test]
async fn starting_within_a_batch_or_an_aborted_transaction_reads_the_same_as_librdkafka()
-> Result<()> {
    let shop = Shop::open(1).await?;
    let librdkafka = Librdkafka::start(&shop.servers.kafka).await?;
    let records = |text: &str| RecordBatch {
        records: (0..4).map(|number| Record::new(format!("{text} {number}"))).collect(),
        ..RecordBatch::default()
    };
    librdkafka.produce(&shop.topic, "gzip", &[records("plain")]).await?;
    let steps = [
        Step::Begin("ana"),
        Step::Send("ana", records("aborted")),
        Step::Send("ana", records("aborted")),
        Step::SendPlainly(records("between")),
        Step::Abort("ana"),
        Step::Begin("ana"),
        Step::Send("ana", records("committed")),
        Step::Commit("ana"),
    ];
    librdkafka.transactions(&shop.topic, &steps).await?;
    let all = librdkafka.consume(&shop.topic).await?;
    shop.process_backlog().await?;
    ensure_same(&read_by_vendas(&shop.database).await?, &all)?;

    // Within each batch, and at both markers.
    for from in [2, 6, 10, 14, 16, 19, 21] {
        shop.database.execute("TRUNCATE dead_letters").await?;
        let reset = ["offsets", "reset", "--to", &from.to_string(), "--because", "a test", "--yes"];
        shop.vendas(&reset).run(DEADLINE).await?.expect_code(0)?;
        shop.process_backlog().await?;
        let mut expected = all.clone();
        for log in expected.values_mut() {
            log.records.retain(|(offset, _)| *offset >= from);
        }
        ensure_same(&read_by_vendas(&shop.database).await?, &expected)
            .with_context(|| format!("from {from} on"))?;
    }
    Ok(())
}

#[tokio::test]
async fn until_end_stops_before_an_open_transaction_and_reads_the_rest_after_its_end() -> Result<()>
{
    let shop = Shop::open(2).await?;
    let librdkafka = Librdkafka::start(&shop.servers.kafka).await?;
    let mut steps = vec![Step::Begin("kept"), Step::Begin("gone")];
    for (partition, who) in [(0, "kept"), (1, "gone")] {
        steps.extend(["1", "2", "3"].map(|text| Step::SendPlainly(record_of(partition, text))));
        steps.push(Step::Send(who, record_of(partition, who)));
        steps.push(Step::SendPlainly(record_of(partition, "behind")));
        steps.push(Step::Begin("short"));
        steps.push(Step::Send("short", record_of(partition, "behind")));
        steps.push(Step::Commit("short"));
    }
    librdkafka.transactions(&shop.topic, &steps).await?;
    let expect = async |ends: [i64; 2], last: &[&str]| -> Result<()> {
        let expected = librdkafka.consume(&shop.topic).await?;
        let ends_there: Vec<_> = expected.values().map(|log| log.end).collect();
        ensure!(ends_there == ends, "librdkafka ends at {ends_there:?}, not at {ends:?}");
        let texts: Vec<_> = expected.values().flat_map(payloads).collect();
        ensure!(texts == last, "librdkafka read {texts:?}");
        ensure_same(&read_by_vendas(&shop.database).await?, &expected)
    };

    shop.process_backlog().await?;
    expect([3, 3], &["1", "2", "3", "1", "2", "3"]).await?;
    // Without `--until-end` a run waits there, and reads the records when they are committed.
    let run = shop.vendas(&["run"]).start()?;
    librdkafka.transactions(&shop.topic, &[Step::Commit("kept")]).await?;
    let kept = ["1", "2", "3", "kept", "behind", "behind"];
    eventually("the committed rest", DEADLINE, async || {
        expect([8, 3], &[&kept[..], &["1", "2", "3"]].concat()).await.context(run.state())
    })
    .await?;
    run.kill()?;

    librdkafka.transactions(&shop.topic, &[Step::Abort("gone")]).await?;
    shop.process_backlog().await?;
    expect([8, 8], &[&kept[..], &["1", "2", "3", "behind", "behind"]].concat()).await?;
    read_by_both(&shop, &librdkafka).await.map(drop)
}

#[tokio::test]
async fn compacted_topics_with_gaps_and_empty_batches_are_read_as_librdkafka_reads_them()
-> Result<()> {
    compacted(Testbed::shared().await?).await
}

/// On any servers.
pub(crate) async fn compacted(servers: &'static Testbed) -> Result<()> {
    let shop = Shop::on(
        servers,
        1,
        &[
            ("cleanup.policy", "compact"),
            ("segment.ms", "100"),
            ("min.cleanable.dirty.ratio", "0.001"),
            ("max.compaction.lag.ms", "100"),
            ("delete.retention.ms", "0"),
        ],
    )
    .await?;
    let topic = &shop.topic;
    let librdkafka = Librdkafka::start(&shop.servers.kafka).await?;
    let mut random = Random(14);
    let mut keyed = |keys: &mut dyn Iterator<Item = String>| RecordBatch {
        records: keys.map(|key| Record::new(random_words(&mut random, 9)).with_key(key)).collect(),
        ..RecordBatch::default()
    };

    // Batches of producers that send nothing more: Kafka keeps empty batches, since they hold the
    // producers' sequence numbers. Together they exceed the smallest fetch.
    const PRODUCERS: i64 = 30;
    let mut often = || keyed(&mut (0..3).map(|number| format!("often {number}")));
    let batches: Vec<_> = (0..PRODUCERS).map(|_| often()).collect();
    librdkafka.produce_apart(topic, &batches).await?;
    let end = |who, step| [Step::Begin(who), Step::Send(who, record_of_with_key("often 0")), step];
    let transactions = [end("ana", Step::Commit("ana")), end("bia", Step::Abort("bia"))].concat();
    librdkafka.transactions(topic, &transactions).await?;
    let first = keyed(&mut (0..100).map(|number| format!("key {number}")));
    librdkafka.produce(topic, "gzip", &[first]).await?;
    let mut second = keyed(&mut (0..3).map(|number| format!("often {number}")));
    second.records.extend(
        keyed(&mut (0..100).filter(|number| number % 2 == 1).map(|n| format!("key {n}"))).records,
    );
    second.records.extend([2, 4].map(|number| Record::tombstone(format!("key {number}"))));
    librdkafka.produce(topic, "gzip", &[second]).await?;

    let first = 3 * PRODUCERS + 4;
    let second = first + 100;
    let even = (first..second).step_by(2).filter(|offset| ![2, 4].contains(&(offset - first)));
    let expected: Vec<i64> = even.chain(second..second + 53).collect();
    let mut nudges = 0;
    eventually("compaction", DEADLINE, async || {
        // Later records close a segment, and make the log dirty again.
        let nudge = keyed(&mut [format!("nudge {nudges}")].into_iter());
        nudges += 1;
        librdkafka.produce(topic, "none", &[nudge]).await?;
        let log = librdkafka.consume(topic).await?.remove(&0).context("no partition")?;
        let offsets = log.records.iter().map(|(offset, _)| *offset);
        let kept: Vec<_> = offsets.filter(|offset| *offset < second + 55).collect();
        ensure!(kept == expected, "{kept:?}");
        Ok(())
    })
    .await?;
    read_by_both(&shop, &librdkafka).await.map(drop)
}

fn record_of_with_key(key: &str) -> RecordBatch {
    RecordBatch { records: vec![Record::new("x").with_key(key)], ..RecordBatch::default() }
}

#[tokio::test]
async fn headers_tombstones_and_log_append_times_do_not_change_the_result() -> Result<()> {
    let shop = Shop::open_with(1, &[("message.timestamp.type", "LogAppendTime")]).await?;
    let librdkafka = Librdkafka::start(&shop.servers.kafka).await?;
    let records = vec![
        Record::tombstone("k"),
        Record::new(""),
        Record::default(),
        Record::new("x".repeat(2000)).with_key("k"),
        Record::tombstone(""),
    ];
    let long = [b'h'; 300].as_slice();
    let several: [Vec<testbed::Header>; 4] = [
        vec![("null", None)],
        vec![("twice", Some(b"1")), ("twice", None), ("", Some(b"")), ("long", Some(long))],
        vec![],
        (0..200).map(|_| ("many", None)).collect(),
    ];
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let with = |headers: &Vec<testbed::Header>| RecordBatch {
            records: records.clone(),
            headers: headers.clone(),
            ..RecordBatch::default()
        };
        let batches: Vec<_> = several.iter().map(with).collect();
        librdkafka.produce(&shop.topic, codec, &batches).await?;
    }
    let logs = read_by_both(&shop, &librdkafka).await?;
    ensure!(logs[&0].records.len() == 100, "{}", logs[&0].records.len());
    Ok(())
}

#[tokio::test]
async fn until_end_exits_at_once_for_a_topic_without_records() -> Result<()> {
    let shop = Shop::open(3).await?;
    let librdkafka = Librdkafka::start(&shop.servers.kafka).await?;
    // One partition was never written to, one has lost all records, one has only an aborted record.
    shop.send(1, &["gone", "gone"]).await?;
    shop.servers.kafka.delete_records(&shop.topic, 1, 2).await?;
    let aborted = [Step::Begin("ana"), Step::Send("ana", record_of(2, "gone")), Step::Abort("ana")];
    librdkafka.transactions(&shop.topic, &aborted).await?;
    shop.apply_schema().await?;
    let begun = std::time::Instant::now();
    shop.process_backlog().await?;
    let took = begun.elapsed();
    ensure!(took < Duration::from_secs(30), "it took {took:?}");
    let logs = read_by_both(&shop, &librdkafka).await?;
    let ends: Vec<_> = logs.values().map(|log| log.end).collect();
    ensure!(ends == [0, 2, 2], "{ends:?}");
    Ok(())
}

#[tokio::test]
async fn a_record_larger_than_a_fetch_is_read_completely() -> Result<()> {
    const BYTES: usize = 3 << 20;
    let shop = Shop::open_with(1, &[("max.message.bytes", "4194304")]).await?;
    let librdkafka = Librdkafka::start(&shop.servers.kafka).await?;
    let mut random = Random(15);
    let mut dense: Vec<u8> = (0..BYTES / 8).flat_map(|_| random.bits().to_be_bytes()).collect();
    dense[0] = b'x';
    let sparse = random_words(&mut random, BYTES / 5);
    for (codec, payload) in [("none", dense.clone()), ("zstd", dense), ("gzip", sparse.into())] {
        let records = vec![Record::new("before"), Record::new(payload), Record::new("behind")];
        let batches =
            [RecordBatch { records, ..RecordBatch::default() }, record_of(0, "a batch after it")];
        librdkafka.produce(&shop.topic, codec, &batches).await?;
    }
    let logs = read_by_both(&shop, &librdkafka).await?;
    let log = &logs[&0].records;
    let large = log.iter().filter_map(|(_, record)| record.payload.as_ref());
    let large = large.filter(|payload| payload.len() >= BYTES).count();
    ensure!(log.len() == 12 && large == 3, "{} records, {large} of them large", log.len());
    Ok(())
}

//! The inputs that a fuzzer starts from: the samples of this project, and what else shows the way in.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::BytesMut;
use flate2::write::GzEncoder;
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use lz4_flex::frame::FrameEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::SEPARATOR;

/// A target, and its seeds.
pub struct Target {
    /// As cargo-fuzz names it.
    pub name: &'static str,
    /// What it does with an input.
    pub run: fn(&[u8]),
    /// The inputs that it starts from.
    pub seeds: fn() -> io::Result<Vec<Vec<u8>>>,
}

/// Every target.
pub const TARGETS: [Target; 7] = [
    Target { name: "record", run: crate::record, seeds: records },
    Target { name: "avro", run: crate::avro, seeds: avro },
    Target { name: "protobuf", run: crate::protobuf, seeds: protobuf },
    Target { name: "number", run: crate::number, seeds: numbers },
    Target { name: "place", run: crate::place, seeds: places },
    Target { name: "batch", run: crate::batch, seeds: batches },
    Target { name: "configuration", run: crate::configuration, seeds: configurations },
];

/// Records of several shapes.
pub const PAYLOADS: [&str; 4] = [
    r#"{"order_number": 17, "order_items": [{"qty": 3, "value_unit": 12.34}, {"qty": 1, "value_unit": 99.90}]}"#,
    r#"{"id_ordem": "a", "produtos_comprados": [{"nome_produto": "Mouse", "quantidade": 1}], "valor_total": 89.90, "data_hora_venda": "22/11/2026 10:11:12"}"#,
    r#"{"payload": {"order": {"id": "a", "status": "paid"}, "lines": [{"p": {"name": "x"}, "qty": 2, "price": "1.25"}], "data": "{\"id\": \"b\", \"total\": 5}"}}"#,
    r#"[{"order_id": "a", "total": 1}, {"order_id": "b", "total": 2.5}]"#,
];

const NUMBERS: [&str; 14] = [
    "0",
    "-0.0",
    "1",
    "12.34",
    "349.90000000000003",
    "349.8999938964844",
    "0.1",
    "1e2",
    "1E-4",
    "0.00005",
    "9999999999999999.9999",
    "10000000000000000",
    "1.00000000000000000000000000000000000000",
    "123456789012345678901234567890e-20",
];

const PLACES: [&str; 10] = [
    "qty",
    "$.payload.order.id",
    "$.payload.lines[*]",
    "$.payload.data~.id",
    "$['a b'][*]",
    "record:$.payload.order.status",
    "key",
    "key:$.id",
    "header:event-type",
    "coordinates",
];

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples")
}

/// The shapes of samples/shapes: each mapping, and its records.
fn shapes() -> io::Result<Vec<(String, Vec<String>)>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(samples().join("shapes"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let shape = |path: &PathBuf| {
        let records = fs::read_to_string(path.with_extension("jsonl"))?;
        Ok((fs::read_to_string(path)?, records.lines().map(str::to_owned).collect()))
    };
    paths.iter().map(shape).collect()
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&SEPARATOR)
}

fn records() -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for payload in PAYLOADS {
        seeds.push(joined(&[b"", b"key", payload.as_bytes()]));
    }
    for (mapping, records) in shapes()? {
        for record in records {
            seeds.push(joined(&[mapping.as_bytes(), br#"{"id": "k"}"#, record.as_bytes()]));
        }
    }
    Ok(seeds)
}

fn avro() -> io::Result<Vec<Vec<u8>>> {
    let schema = fs::read(samples().join("schemas/order.avsc"))?;
    // Order 17 with one item, 3 × 12.34, without a time.
    let sample = [34, 2, 6, 4, 0x04, 0xd2, 0, 0];
    let all = br#"{"type": "record", "name": "Order", "fields": [
        {"name": "order_id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
            {"name": "product", "type": ["null", "string"]},
            {"name": "qty", "type": "double"},
            {"name": "price", "type": {"type": "fixed", "name": "Money", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 2}}]}}},
        {"name": "tags", "type": {"type": "map", "values": "bytes"}},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["PAID", "OPEN"]}},
        {"name": "total", "type": "float"}]}"#;
    let mut value = vec![2, b'a', 2, 2, 2, b'x'];
    value.extend([0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 125, 0, 0, 0]);
    value.extend([0, 0, 0x20, 0x40]);
    Ok(vec![joined(&[&schema, &sample]), joined(&[all, &value])])
}

fn protobuf() -> io::Result<Vec<Vec<u8>>> {
    let schema = fs::read(samples().join("schemas/order.proto"))?;
    // Order "a", 3 × 12.34 of "x".
    let money = [8, 12, 16, 0x80, 0xaa, 0x90, 0xa2, 0x01];
    let mut line = vec![10, 1, b'x', 16, 3, 26, 8];
    line.extend(money);
    let mut sample = vec![10, 1, b'a', 18, 15];
    sample.extend(line);
    let all = br#"syntax = "proto3"; message Order { string order_id = 1;
        message Item { oneof name { string product = 1; bytes sku = 2; } double qty = 3; sint64 price = 4; }
        repeated Item items = 2; map<string, fixed32> tags = 3; enum Status { PAID = 0; OPEN = 1; }
        Status status = 4; optional float total = 5; }"#;
    let value = [10, 1, b'a', 18, 14, 10, 1, b'x', 25, 0, 0, 0, 0, 0, 0, 0, 0x40, 32, 10];
    Ok(vec![joined(&[&schema, &sample]), joined(&[all, &value])])
}

fn numbers() -> io::Result<Vec<Vec<u8>>> {
    Ok(NUMBERS.iter().map(|number| number.as_bytes().to_vec()).collect())
}

fn places() -> io::Result<Vec<Vec<u8>>> {
    let places = PLACES.iter().enumerate();
    let seeds = places.flat_map(|(number, place)| {
        let roles = [number, number + 1, number + 5];
        roles.map(|role| {
            let mut seed = vec![u8::try_from(role).unwrap_or_default()];
            seed.extend(place.as_bytes());
            seed
        })
    });
    Ok(seeds.collect())
}

fn configurations() -> io::Result<Vec<Vec<u8>>> {
    let example = fs::read_to_string(samples().join("../vendas.example.toml"))?;
    // What is set there, and all that could be. Names of files are the fuzzer's last.
    let is_setting = |line: &&str| !line.starts_with('#');
    let is_possible = |line: &&str| !line.starts_with("# ") && *line != "#";
    let lines = |keep: &dyn Fn(&&str) -> bool| {
        let lines = example.lines().filter(keep).map(|line| line.trim_start_matches('#'));
        let lines = lines.filter(|line| crate::may_load(line));
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    };
    let mut seeds = vec![Vec::new(), lines(&is_setting), lines(&is_possible)];
    seeds.extend(shapes()?.into_iter().map(|(mapping, _)| mapping.into_bytes()));
    Ok(seeds)
}

fn batches() -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for compression in [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd] {
        for count in [1, 5] {
            let batch = batch(count, compression)?;
            seeds.push([batch.as_slice(), batch.as_slice()].concat());
            seeds.push(batch);
        }
    }
    Ok(seeds)
}

fn batch(count: i32, compression: Compression) -> io::Result<Vec<u8>> {
    let records: Vec<_> = (0..count)
        .map(|number| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 0,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(number),
            sequence: number,
            timestamp: 1_700_000_000_000,
            key: (number % 2 == 0).then(|| number.to_string().into()),
            value: (number % 3 != 2).then(|| PAYLOADS[0].into()),
            headers: Default::default(),
        })
        .collect();
    let compress = |data: &mut BytesMut, out: &mut BytesMut, codec| {
        match codec {
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(data)?;
                out.extend_from_slice(&encoder.finish()?);
            }
            Compression::Lz4 => {
                let mut encoder = FrameEncoder::new(Vec::new());
                encoder.write_all(data)?;
                out.extend_from_slice(&encoder.finish()?);
            }
            Compression::Zstd => {
                out.extend_from_slice(&compress_to_vec(&data[..], CompressionLevel::Fastest));
            }
            _ => out.extend_from_slice(data),
        }
        Ok(())
    };
    let options = RecordEncodeOptions { version: 2, compression };
    let mut bytes = BytesMut::new();
    let encoded = RecordBatchEncoder::encode_with_custom_compression(
        &mut bytes,
        &records,
        &options,
        Some(compress),
    );
    encoded.map_err(io::Error::other)?;
    Ok(bytes.to_vec())
}

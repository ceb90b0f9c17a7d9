//! The benchmarks: one function for each step that vendas performs for every record, and the
//! records.
#![expect(clippy::expect_used, reason = "a benchmark cannot return an error")]

use std::{collections::BTreeMap, hint::black_box, io::Write, sync::Arc};

use bytes::{Bytes, BytesMut};
use jiff::tz::TimeZone;
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use lz4_flex::frame::FrameEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tokio::runtime::Runtime;
use uuid::Uuid;
use vendas::{
    format::{Kind, Reading, Schema, Schemas, Source},
    kafka::{self, TopicPartition},
    order::{Currency, Mapping, MappingSettings, Place, Role, Rulebook, Rules},
    process,
};

/// Records in a batch: the maximum for one commit statement.
const BATCH: i32 = 1_000;

/// An order with a number.
const NUMBERED: &str = r#"{"order_number":123456,"order_items":[{"qty":3,"value_unit":649.90},{"qty":1.250,"value_unit":38.75}]}"#;

/// An order with an id, and a price for each product.
const PRICED: &str = r#"{"id_ordem":"8f4b1c9e-52d1-4f6a-9d3b-7a1e2c5f8b60","nome_cliente":"Conceição Araújo","documento_cliente":"123.456.789-09","produtos_comprados":[{"nome_produto":"Notebook 15 polegadas","quantidade":2,"preco_unitario":3499.90},{"nome_produto":"Cabo \"HDMI\" 2 m","quantidade":1,"preco_unitario":39.90},{"nome_produto":"Café torrado","quantidade":0.750,"preco_unitario":54.00}],"data_hora_venda":"22/11/2026 10:11:12"}"#;

/// An order with an id, products without prices, and a total.
const STATED_TOTAL: &str = r#"{"id_ordem":"8f4b1c9e-52d1-4f6a-9d3b-7a1e2c5f8b60","nome_cliente":"Conceição Araújo","documento_cliente":"123.456.789-09","produtos_comprados":[{"nome_produto":"Notebook 15 polegadas","quantidade":2},{"nome_produto":"Cabo \"HDMI\" 2 m","quantidade":1},{"nome_produto":"Café torrado","quantidade":0.750}],"valor_total":7080.20,"data_hora_venda":"22/11/2026 10:11:12"}"#;

/// An order within an event, found by paths of three levels.
const BY_PATHS: &str = r#"{"payload":{"order":{"id":"8f4b1c9e-52d1-4f6a-9d3b-7a1e2c5f8b60","nome":"Conceição Araújo","documento_cliente":"123.456.789-09","produtos":[{"p":{"nome":"Notebook 15 polegadas"},"quantidade":2,"preco_unitario":3499.90},{"p":{"nome":"Cabo \"HDMI\" 2 m"},"quantidade":1,"preco_unitario":39.90},{"p":{"nome":"Café torrado"},"quantidade":0.750,"preco_unitario":54.00}],"quando":"22/11/2026 10:11:12"}}}"#;

/// The same values in fields of the order itself, in the same number of bytes.
const BY_NAMES: &str = r#"{"order_ref":"8f4b1c9e-52d1-4f6a-9d3b-7a1e2c5f8b60","nome":"Conceição Araújo","documento_cliente":"123.456.789-09","produtos":[{"pnome":"Notebook 15 polegadas","quantidade":2,"preco_unitario":3499.90},{"pnome":"Cabo \"HDMI\" 2 m","quantidade":1,"preco_unitario":39.90},{"pnome":"Café torrado","quantidade":0.750,"preco_unitario":54.00}],"quando":"22/11/2026 10:11:12","x":"-----------------------"}"#;

/// The schema of an order like [`PRICED`].
const PRICED_SCHEMA: &str = r#"{"type":"record","name":"Pedido","namespace":"br.loja","fields":[
    {"name":"id_ordem","type":"string"},
    {"name":"nome_cliente","type":["null","string"],"default":null},
    {"name":"documento_cliente","type":["null","string"],"default":null},
    {"name":"produtos_comprados","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
        {"name":"nome_produto","type":"string"},
        {"name":"quantidade","type":"double"},
        {"name":"preco_unitario","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}}]}}},
    {"name":"data_hora_venda","type":"string"}]}"#;

/// The order [`PRICED`] in Avro, by [`PRICED_SCHEMA`].
fn priced_in_avro() -> Vec<u8> {
    let mut bytes = Vec::new();
    let text = |bytes: &mut Vec<u8>, text: &str| {
        // Lengths below 64 take one byte, whose lowest bit is the sign.
        bytes.push(u8::try_from(text.len() * 2).expect("a short text"));
        bytes.extend(text.as_bytes());
    };
    text(&mut bytes, "8f4b1c9e-52d1-4f6a-9d3b-7a1e2c5f8b60");
    for personal in ["Conceição Araújo", "123.456.789-09"] {
        bytes.push(2);
        text(&mut bytes, personal);
    }
    bytes.push(6);
    let products = [
        ("Notebook 15 polegadas", 2.0_f64, 349_990_u32),
        ("Cabo \"HDMI\" 2 m", 1.0, 3_990),
        ("Café torrado", 0.75, 5_400),
    ];
    for (product, quantity, cents) in products {
        text(&mut bytes, product);
        bytes.extend(quantity.to_le_bytes());
        bytes.push(8);
        bytes.extend(cents.to_be_bytes());
    }
    bytes.push(0);
    text(&mut bytes, "22/11/2026 10:11:12");
    bytes
}

/// A benchmark: its name, its work, and the number of records per call.
pub struct Case {
    /// Such as `understand/numbered`.
    pub name: &'static str,
    /// Records in each call of `work`.
    pub records: u64,
    /// Performs the work once.
    pub work: Box<dyn Fn()>,
}

impl Case {
    fn new(name: &'static str, records: i32, work: impl Fn() + 'static) -> Self {
        Self { name, records: u64::from(records.unsigned_abs()), work: Box::new(work) }
    }
}

/// All of them. Tasks run on `runtime`.
pub fn all(runtime: Runtime) -> Vec<Case> {
    let rules = Arc::new(Rules::built_in(TimeZone::UTC));
    let mapped = |places: &[(Role, &str)]| {
        let place = |text: &str| Place::parse(text).expect("a place");
        let places = places.iter().map(|(role, text)| (*role, vec![vec![place(text)]]));
        let settings = MappingSettings { places: places.collect(), ..MappingSettings::default() };
        let mapping = Mapping::compile(settings).expect("a mapping");
        Arc::new(Rules::new(mapping, TimeZone::UTC, Currency::default()))
    };
    let by_paths = mapped(&[
        (Role::OrderId, "$.payload.order.id"),
        (Role::Items, "$.payload.order.produtos[*]"),
        (Role::Product, "$.p.nome"),
        (Role::SoldAt, "$.payload.order.quando"),
    ]);
    let by_names = mapped(&[
        (Role::OrderId, "order_ref"),
        (Role::Items, "produtos"),
        (Role::Product, "pnome"),
        (Role::SoldAt, "quando"),
    ]);
    let understand_bytes = |name, rules: &Arc<Rules>, payload: Bytes| {
        let rules = Arc::clone(rules);
        let partition = TopicPartition { topic: "t".into(), partition: 0, topic_id: Uuid::nil() };
        let payload = Some(payload);
        let record = kafka::Record { payload, ..kafka::Record::default() };
        let schemas = Schemas::default();
        Case::new(name, 1, move || {
            let meaning = rules.understand(&partition, black_box(&record), &schemas);
            assert!(black_box(meaning).is_ok());
        })
    };
    let understand_by = |name, rules, payload: &'static str| {
        understand_bytes(name, rules, Bytes::from_static(payload.as_bytes()))
    };
    let understand = |name, payload| understand_by(name, &rules, payload);
    let source = Source { kind: Kind::Avro, text: PRICED_SCHEMA.to_owned(), imports: Vec::new() };
    let schema = Schema::compile(&source).expect("a schema");
    let avro = Rules::built_in(TimeZone::UTC).reading(Reading::By(Arc::new(schema)));
    let decode = |name, payload: &str, compression| {
        let fetched = fetched(payload, compression);
        Case::new(name, BATCH, move || {
            let records = kafka::records_in(black_box(&fetched));
            assert!(black_box(records).is_some());
        })
    };
    vec![
        understand("understand/numbered", NUMBERED),
        understand("understand/priced", PRICED),
        understand_bytes("understand/priced_avro", &Arc::new(avro), priced_in_avro().into()),
        understand("understand/stated_total", STATED_TOTAL),
        understand_by("understand/by_names", &by_names, BY_NAMES),
        understand_by("understand/by_paths", &by_paths, BY_PATHS),
        Case::new("a task for each/numbered", BATCH, {
            let rules = Arc::clone(&rules);
            let book = Arc::new(Rulebook { general: rules, topics: BTreeMap::new() });
            let partition =
                TopicPartition { topic: "t".into(), partition: 0, topic_id: Uuid::nil() };
            let payload = Some(Bytes::from_static(NUMBERED.as_bytes()));
            let record = kafka::Record { payload, ..kafka::Record::default() };
            let records = Arc::new(vec![(partition, record); 1_000]);
            move || {
                let orders = process::understand_all(&records, &book, Schemas::default());
                assert_eq!(black_box(runtime.block_on(orders)).len(), records.len());
            }
        }),
        decode("decode/plain", NUMBERED, Compression::None),
        decode("decode/lz4", NUMBERED, Compression::Lz4),
        decode("decode/zstd", NUMBERED, Compression::Zstd),
    ]
}

/// A record batch as a broker sends it, with `payload` in each of its records.
fn fetched(payload: &str, compression: Compression) -> Bytes {
    let records: Vec<_> = (0..BATCH)
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
            key: Some(number.to_string().into()),
            value: Some(payload.to_owned().into()),
            headers: Default::default(),
        })
        .collect();
    let compress = |data: &mut BytesMut, out: &mut BytesMut, codec| {
        match codec {
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
    RecordBatchEncoder::encode_with_custom_compression(
        &mut bytes,
        &records,
        &options,
        Some(compress),
    )
    .expect("records that can be encoded");
    bytes.freeze()
}

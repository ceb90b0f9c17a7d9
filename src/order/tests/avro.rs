//! Records in Avro: the same content gives the same result as in JSON, for all types of a schema.

mod fuzz;
mod infer;
mod types;

use std::{fs, path::Path, sync::Arc};

use super::*;
use crate::{
    config::{self, Sources},
    format::{
        Reading, Schema as AnySchema, Schemas,
        avro::{Schema, from_json},
    },
    kafka::{Record, TopicPartition},
};
use infer::Numbers;
use uuid::Uuid;

fn compile(text: &str) -> Schema {
    Schema::compile(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The same rules for records of this schema.
fn by(rules: &Rules, schema: &Schema) -> Rules {
    rules.clone().reading(Reading::By(Arc::new(AnySchema::Avro(schema.clone()))))
}

fn encode(schema: &Schema, json: &str) -> Vec<u8> {
    from_json(json, schema).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// The meaning of a record with built-in names.
fn avro(schema: &str, json: &str) -> Result<Order, Rejection> {
    let schema = compile(schema);
    of_bytes(&schema, &encode(&schema, json))
}

fn of_bytes(schema: &Schema, bytes: &[u8]) -> Result<Order, Rejection> {
    match by(rules(), schema).understand_value(Some(bytes))? {
        Meaning::Order(order) => Ok(order),
        other => panic!("not one order: {other:?}"),
    }
}

fn fields(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"Order","fields":[{fields}]}}"#)
}

#[test]
fn a_schema_evolves() {
    let json = r#"{"order_id":"a","items":[{"product":"p","qty":2,"unit_price":1.5}]}"#;
    let order = order(json);
    let item = |price: &str| {
        format!(
            r#"{{"name":"items","type":{{"type":"array","items":{{"type":"record","name":"I","fields":[{{"name":"product","type":"string"}},{{"name":"qty","type":"int"}},{price}]}}}}}}"#
        )
    };
    let id = r#"{"name":"order_id","type":"string"}"#;
    let price = r#"{"name":"unit_price","type":"double"}"#;
    let schemas = [
        fields(&format!("{id},{}", item(price))),
        // A field is added, and the existing ones become optional.
        fields(&format!(
            r#"{{"name":"new","type":["null","string"],"default":null}},{{"name":"order_id","type":["null","string"]}},{}"#,
            item(r#"{"name":"unit_price","type":["double","null"]}"#)
        )),
        // Renamed, with the former name as an alias.
        fields(&format!(
            r#"{{"name":"codigo","aliases":["order_id"],"type":"string"}},{}"#,
            item(r#"{"name":"valor","aliases":["x","unit_price"],"type":"double"}"#)
        )),
        // Two names for one role, one of them null.
        fields(&format!(
            r#"{id},{{"name":"id_ordem","type":["null","string"],"default":null}},{{"name":"itens","type":["null",{{"type":"array","items":"string"}}],"default":null}},{}"#,
            item(price)
        )),
    ];
    for schema in schemas {
        assert_eq!(avro(&schema, json).as_ref(), Ok(&order), "{schema}");
    }
}

#[test]
fn enums_uuids_maps_and_json_in_text_are_read() {
    let settings = MappingSettings {
        places: vec![
            (Role::OrderId, vec![vec![Place::parse("$.ref").unwrap()]]),
            (Role::Total, vec![vec![Place::parse("$.data~.sum").unwrap()]]),
            (Role::Status, vec![vec![Place::parse("$.tags.state").unwrap()]]),
        ],
        cancelled: vec!["VOID".to_owned()],
        ..MappingSettings::default()
    };
    let rules = rules_of(settings);
    let understand = |data: &str, json: &str| {
        let schema = compile(&fields(&format!(
            r#"{{"name":"ref","type":{{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}}}},
               {{"name":"data","type":{data}}},
               {{"name":"tags","type":{{"type":"map","values":["null",{{"type":"enum","name":"S","symbols":["PAID","VOID"]}}]}}}}"#
        )));
        by(&rules, &schema).understand_value(Some(&encode(&schema, json)))
    };
    let id = "00112233-4455-6677-8899-aabbccddeeff";
    for data in [r#""string""#, r#""bytes""#] {
        let json =
            format!(r#"{{"ref":"{id}","data":"{{\"sum\": 12.5}}","tags":{{"state":"PAID"}}}}"#);
        let Ok(Meaning::Order(order)) = understand(data, &json) else { panic!("{data}") };
        assert_eq!((order.id(), order.total().to_string().as_str()), (Some(id), "12.50"));
        let Ok(Meaning::Order(order)) = understand(data, &json.replace("PAID", "VOID")) else {
            panic!("{data}")
        };
        assert!(order.is_cancelled());
    }
}

#[test]
fn bytes_that_are_not_a_value_are_rejected() {
    let schema = compile(&fields(
        r#"{"name":"order_id","type":"string"},{"name":"x","type":{"type":"array","items":"long"}},
           {"name":"items","type":{"type":"array","items":{"type":"record","name":"I","fields":[{"name":"product","type":"string"},{"name":"qty","type":"int"},{"name":"unit_price","type":"double"}]}}}"#,
    ));
    let json = r#"{"order_id":"SECRET","x":[1,2],"items":[{"product":"SECRET","qty":2,"unit_price":1.5},{"product":"b","qty":1,"unit_price":2}]}"#;
    let whole = encode(&schema, json);
    assert!(of_bytes(&schema, &whole).is_ok());
    for length in 0..whole.len() {
        let rejection = of_bytes(&schema, &whole[..length]).unwrap_err();
        assert_eq!(rejection.reason(), Reason::NotAvro, "cut at {length}");
    }
    let rejection = of_bytes(&schema, &[&whole[..], &[0]].concat()).unwrap_err();
    assert_eq!(
        rejection.detail(),
        format!(
            "the bytes must be a value of their Avro schema: at byte {}: no bytes may follow the value",
            whole.len()
        )
    );
    // Every byte may be corrupted, and every position may claim a huge length.
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    for at in 0..whole.len() {
        let mut lies = vec![[&whole[..at], &huge[..], &whole[at + 1..]].concat()];
        lies.extend((0..=255).map(|byte| [&whole[..at], &[byte], &whole[at + 1..]].concat()));
        for lie in lies {
            if let Err(rejection) = of_bytes(&schema, &lie) {
                assert!(!rejection.detail().contains("SECRET"), "{rejection}");
            }
        }
    }
    // Several blocks with a size.
    let blocks = [&whole[..7], &[1, 2, 2, 2, 4, 0], &whole[11..]].concat();
    assert_eq!(of_bytes(&schema, &blocks).unwrap(), of_bytes(&schema, &whole).unwrap());
}

#[test]
fn too_many_items_are_read_and_not_kept() {
    let schema = compile(&fields(
        r#"{"name":"order_id","type":"string"},{"name":"items","type":{"type":"array","items":{"type":"record","name":"I","fields":[{"name":"qty","type":"int"},{"name":"unit_price","type":"int"}]}}}"#,
    ));
    let items = |count: usize| {
        let item = r#"{"qty":1,"unit_price":1}"#;
        format!(r#"{{"order_id":"a","items":[{}]}}"#, vec![item; count].join(","))
    };
    assert_eq!(of_bytes(&schema, &encode(&schema, &items(9_999))).unwrap().total(), 9_999.into());
    let rejection = of_bytes(&schema, &encode(&schema, &items(10_000))).unwrap_err();
    assert_eq!(rejection.detail(), "items must contain at most 9999 items");
}

#[test]
fn a_key_is_one_value_or_has_fields() {
    let key = |place: &str| MappingSettings {
        places: vec![(Role::OrderId, vec![vec![Place::parse(place).unwrap()]])],
        ..MappingSettings::default()
    };
    let id = crate::format::SchemaId(7);
    let judge = |place: &str, schema: &str, bytes: &[u8]| {
        let rules = rules_of(key(place)).reading(Reading::Either);
        let mut schemas = Schemas::default();
        schemas.insert(id, Ok(Arc::new(AnySchema::Avro(compile(schema)))));
        let partition = TopicPartition { topic: "t".into(), partition: 0, topic_id: Uuid::nil() };
        let record = Record {
            key: Some([&[0, 0, 0, 0, 7], bytes].concat().into()),
            payload: Some(r#"{"total":1}"#.into()),
            ..Record::default()
        };
        match rules.understand(&partition, &record, &schemas) {
            Ok(meaning) => Ok(meaning.orders()[0].id().unwrap().to_owned()),
            Err(rejection) => Err(rejection.reason()),
        }
    };
    assert_eq!(judge("key", r#""string""#, &[2, b'k']), Ok("k".to_owned()));
    assert_eq!(judge("key", r#"["null","long"]"#, &[2, 14]), Ok("7".to_owned()));
    assert_eq!(judge("key", r#"["null","long"]"#, &[0]), Err(Reason::MissingIdentity));
    assert_eq!(judge("key", r#""string""#, &[2, b'k', 0]), Err(Reason::InvalidOrderId));
    let record = fields(r#"{"name":"id","type":"int"},{"name":"x","type":"string"}"#);
    assert_eq!(judge("key:$.id", &record, &[14, 0]), Ok("7".to_owned()));
    // A truncated key has no fields, not even the preceding ones.
    assert_eq!(judge("key:$.id", &record, &[14]), Err(Reason::MissingIdentity));
    assert_eq!(judge("key", &record, &[14, 0]), Err(Reason::InvalidOrderId));
}

#[test]
fn every_shape_gives_the_same_result_in_avro() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/shapes"));
    let mut same = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "jsonl") {
            continue;
        }
        let file = Some(path.with_extension("toml"));
        let config = config::load(&Sources { file, ..Sources::default() }).unwrap();
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            for numbers in [Numbers::Doubles, Numbers::Decimals] {
                if let Some(judged) = infer::judge(&config.rules.general, &value, numbers) {
                    assert_eq!(judged.avro, judged.json, "{path:?} {numbers:?}: {line}");
                    same += 1;
                }
            }
        }
    }
    println!("{same} records");
    assert!(same > 100, "{same}");
}

#[test]
fn an_id_of_eight_bytes_is_reported() {
    let rules = rules_of(MappingSettings::default()).reading(Reading::Either);
    let mut schemas = Schemas::default();
    let id = crate::format::SchemaId(0);
    schemas.insert(id, Err(crate::format::NoSchema::Unknown));
    let partition = TopicPartition { topic: "t".into(), partition: 0, topic_id: Uuid::nil() };
    let payload = Some(vec![0, 0, 0, 0, 0, 0, 0, 0, 7, 1].into());
    let record = Record { payload, ..Record::default() };
    let rejection = rules.understand(&partition, &record, &schemas).unwrap_err();
    assert_eq!(rejection.reason(), Reason::UnknownSchema);
    assert!(rejection.detail().contains("8-byte ids"), "{rejection}");
}

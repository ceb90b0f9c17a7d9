//! Schemas that must be accepted, and values converted to JSON and back.

mod values;

use super::{super::Import, Schema, from_json, to_json};

fn compile(text: &str) -> Schema {
    Schema::compile(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    match Schema::compile(text, &[]) {
        Ok(_) => panic!("{text} was compiled"),
        Err(error) => error.to_string(),
    }
}

fn import(name: &str, text: &str) -> Import {
    Import { name: name.to_owned(), text: text.to_owned() }
}

/// A record `R` of one field `f`.
fn record(of: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f","type":{of}}}]}}"#)
}

/// The value after encoding and decoding.
fn there_and_back(schema: &Schema, json: &str) -> String {
    let bytes = from_json(json, schema).unwrap_or_else(|error| panic!("{json}: {error}"));
    to_json(&bytes, schema).unwrap_or_else(|fault| panic!("{json}: {fault}"))
}

#[test]
fn schemas_as_programs_register_them_are_compiled() {
    let cases = [
        // Top-level primitives, unions and names of primitives in their long form.
        (r#""string""#, r#""a""#),
        (r#"{"type":"long"}"#, "5"),
        (r#"["null","string"]"#, "null"),
        (r#"{"type":{"type":"string","avro.java.string":"String"}}"#, r#""a""#),
        (r#"{"type":"array","items":"int","java-class":"java.util.List"}"#, "[1,2]"),
        (r#"{"type":["null","int"]}"#, "5"),
        // Ignored attributes.
        (r#"{"type":"string","avro.java.string":"String","logicalType":"made-up"}"#, r#""a""#),
        (r#"{"type":"int","logicalType":7}"#, "5"),
        (r#"{"type":"int","logicalType":"timestamp-millis"}"#, "5"),
        (r#"{"type":"array","items":"int","logicalType":"date"}"#, "[5]"),
        (r#"{"type":"map","values":"int","logicalType":"decimal"}"#, r#"{"a":5}"#),
        (r#"{"type":"bytes","logicalType":"decimal"}"#, r#""a""#),
        (r#"{"type":"bytes","logicalType":"decimal","precision":0}"#, r#""a""#),
        (r#"{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}"#, r#""a""#),
        (r#"{"type":"bytes","logicalType":"decimal","precision":"9","scale":2}"#, r#""a""#),
        (r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":-1}"#, r#""a""#),
        (
            r#"{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":5}"#,
            r#""ab""#,
        ),
        (r#"{"type":"fixed","name":"F","size":2,"logicalType":"uuid"}"#, r#""ab""#),
        (r#"{"type":"fixed","name":"F","size":2,"logicalType":"duration"}"#, r#""ab""#),
        (
            r#"{"type":"enum","name":"E","symbols":["A"],"logicalType":"uuid","default":"B"}"#,
            r#""A""#,
        ),
        // As written by Kafka Connect and Debezium.
        (
            r#"{"type":"record","name":"Value","namespace":"shop.orders","connect.name":"shop.orders.Value","connect.version":1,
                "fields":[{"name":"f","type":["null",{"type":"long","connect.version":1,"connect.name":"org.apache.kafka.connect.data.Timestamp","logicalType":"timestamp-millis"}],"default":null},
                          {"name":"g","type":{"type":"string","connect.default":"x"},"default":"x","doc":"d","order":"ignore"}]}"#,
            r#"{"f":"2026-11-22T10:11:12Z","g":"x"}"#,
        ),
        // Names of other namespaces, of none, and with dots.
        (
            r#"{"type":"record","name":"a.b.R","fields":[{"name":"f","type":{"type":"enum","name":"c.E","symbols":["X"]}},
                {"name":"g","type":"c.E"},{"name":"h","type":{"type":"fixed","name":"F","size":1}},{"name":"i","type":"a.b.F"},{"name":"j","type":"F"}]}"#,
            r#"{"f":"X","g":"X","h":"1","i":"2","j":"3"}"#,
        ),
        (
            r#"{"type":"record","name":"R","namespace":"a","fields":[{"name":"f","type":{"type":"enum","name":"E","namespace":"","symbols":["X"]}},{"name":"g","type":"E"}]}"#,
            r#"{"f":"X","g":"X"}"#,
        ),
        // A fixed type keeps its logical type under its name.
        (
            r#"{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"fixed","name":"Money","size":8,"logicalType":"decimal","precision":18,"scale":2}},{"name":"g","type":["null","Money"]}]}"#,
            r#"{"f":1.20,"g":-0.05}"#,
        ),
        // Defaults of every type, valid or invalid in some libraries.
        (
            r#"{"type":"record","name":"R","fields":[
                {"name":"a","type":["string","null"],"default":null},
                {"name":"b","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2},"default":"\u0001\u00ff"},
                {"name":"c","type":"double","default":1},
                {"name":"d","type":"float","default":"NaN"},
                {"name":"e","type":{"type":"array","items":"string"},"default":[]},
                {"name":"f","type":{"type":"map","values":"R"},"default":{}},
                {"name":"g","type":["null","R"],"default":null},
                {"name":"h","type":{"type":"long","logicalType":"timestamp-millis"},"default":0},
                {"name":"i","type":{"type":"record","name":"S","fields":[{"name":"x","type":"int","default":7}]},"default":{}},
                {"name":"j","type":{"type":"fixed","name":"F","size":2},"default":"\u0000\u00ff"}]}"#,
            r#"{"a":null,"b":5.11,"c":1.0,"d":0.5,"e":[],"f":{},"g":null,"h":"1970-01-01T00:00:00Z","i":{"x":7},"j":"00ff"}"#,
        ),
        // Recursive.
        (
            r#"{"type":"record","name":"Node","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","Node"],"default":null}]}"#,
            r#"{"v":1,"next":{"v":2,"next":{"v":3,"next":null}}}"#,
        ),
        (r#"{"type":"record","name":"Empty","fields":[]}"#, "{}"),
    ];
    for (schema, json) in cases {
        assert_eq!(there_and_back(&compile(schema), json), json, "{schema}");
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    let cases = [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("7", ""),
        ("{}", ""),
        (r#""Order""#, "Order"),
        (r#"{"type":"Order"}"#, "Order"),
        (r#"{"type":"record","name":"R"}"#, ""),
        (r#"{"type":"record","fields":[]}"#, ""),
        (r#"{"type":"record","name":"R","fields":[{"name":"f"}]}"#, ""),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"f","type":"int"},{"name":"f","type":"int"}]}"#,
            "f",
        ),
        (r#"{"type":"record","name":"R S","fields":[]}"#, ""),
        (r#"{"type":"array"}"#, ""),
        (r#"{"type":"map","values":"Missing"}"#, "Missing"),
        (r#"{"type":"fixed","name":"F","size":-1}"#, ""),
        (r#"{"type":"enum","name":"E","symbols":["A","A"]}"#, "A"),
        (r#"["int","int"]"#, ""),
        (r#"[["int"],"string"]"#, ""),
        (
            r#"[{"type":"fixed","name":"F","size":1},{"type":"array","items":{"type":"fixed","name":"F","size":2}}]"#,
            "F is defined twice",
        ),
    ];
    for (schema, part) in cases {
        let error = refused(schema);
        assert!(!error.is_empty() && error.contains(part), "{schema}: {error}");
    }
    let broken = Schema::compile(r#""a.B""#, &[import("a.B", "{")]).unwrap_err();
    assert!(broken.to_string().contains("a.B"), "{broken}");
}

#[test]
fn types_are_found_in_imports() {
    let money = r#"{"type":"fixed","name":"Money","namespace":"a","size":8,"logicalType":"decimal","precision":18,"scale":2}"#;
    let item = r#"{"type":"record","name":"Item","namespace":"a","fields":[{"name":"price","type":"Money"}]}"#;
    let imports = [import("a.Money", money), import("a.Item", item)];
    let order = r#"{"type":"record","name":"Order","namespace":"b","fields":[{"name":"items","type":{"type":"array","items":"a.Item"}},{"name":"tip","type":"a.Money"}]}"#;
    let schema = Schema::compile(order, &imports).unwrap();
    let json = r#"{"items":[{"price":1.25},{"price":0.50}],"tip":-1.00}"#;
    assert_eq!(there_and_back(&schema, json), json);
    for (text, json) in [(r#""a.Item""#, r#"{"price":1.25}"#), (r#"["null","a.Item"]"#, "null")] {
        assert_eq!(there_and_back(&Schema::compile(text, &imports).unwrap(), json), json);
    }
    assert!(Schema::compile(order, &imports[..1]).is_err());
    // An unused import has no effect; a redefined one is an error.
    assert!(Schema::compile(r#""int""#, &imports).is_ok());
    assert!(Schema::compile(money, &imports).is_err());
}

#[test]
fn many_and_deep_schemas_take_no_stack() {
    let depth = 120;
    let deep = format!(
        "{}{}{}",
        r#"{"type":"array","items":"#.repeat(depth),
        r#""int""#,
        "}".repeat(depth)
    );
    let json = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(there_and_back(&compile(&deep), &json), json);
    let chain = |at: usize| {
        let text = format!(
            r#"{{"type":"record","name":"T{at}","fields":[{{"name":"f","type":["null","T{}"]}}]}}"#,
            at - 1
        );
        import(&format!("T{at}"), &text)
    };
    let mut imports = vec![import("T0", r#"{"type":"record","name":"T0","fields":[]}"#)];
    imports.extend((1..3_000).map(chain));
    let schema = Schema::compile(r#""T2999""#, &imports).unwrap();
    assert_eq!(there_and_back(&schema, r#"{"f":{"f":null}}"#), r#"{"f":{"f":null}}"#);
}

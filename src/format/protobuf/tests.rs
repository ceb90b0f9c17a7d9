//! Schemas, and records as JSON text.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost_reflect::{prost::Message as _, prost_types::FileDescriptorProto};

use super::{sample::Sample, *};

fn import(name: &str, text: &str) -> Import {
    Import { name: name.to_owned(), text: text.to_owned() }
}

/// The names of a message's fields, to distinguish messages in tests.
fn fields(message: Option<&Message>) -> Vec<String> {
    let Some(message) = message else { return vec!["no message".to_owned()] };
    let node = message.graph().node(message.id()).unwrap();
    node.fields.iter().map(|field| field.name.to_string()).collect()
}

const MONEY: &str = r#"syntax = "proto3"; package shop; message Price { int64 cents = 1; }"#;
const ORDER: &str = r#"syntax = "proto3"; package shop; import "shop/price.proto";
    message Order { string id = 1; Price price = 2; }"#;

#[test]
fn imports_are_found_by_their_names() {
    let deep = r#"syntax = "proto3"; import public "shop/price.proto";"#;
    let main = ORDER.replace("shop/price.proto", "all.proto");
    let schema =
        Schema::compile(&main, &[import("shop/price.proto", MONEY), import("all.proto", deep)]);
    assert_eq!(fields(schema.unwrap().message()), ["id", "price"]);
    let chain = |at: usize| import(&at.to_string(), &format!("import public \"{}\";", at + 1));
    let mut imports: Vec<_> = (0..299).map(chain).collect();
    imports.push(import("299", MONEY));
    Schema::compile("import \"0\"; message M {}", &imports).unwrap();
    let error = Schema::compile(ORDER, &[]).unwrap_err();
    assert!(error.0.contains("shop/price.proto"), "{error}");
    // A file with the same name as the schema.
    let own = ORDER.replace("shop/price.proto", "schema.proto");
    Schema::compile(&own, &[import("schema.proto", MONEY)]).unwrap();
}

#[test]
fn every_file_that_serializers_do_not_register_is_there() {
    for (name, _) in known::FILES {
        let text = format!("syntax = \"proto3\"; import \"{name}\"; message M {{ int32 a = 1; }}");
        Schema::compile(&text, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in ["any", "api", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"]
    {
        let text = format!("import \"google/protobuf/{name}.proto\"; message M {{}}");
        Schema::compile(&text, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let tagged = r#"syntax = "proto3"; import "confluent/meta.proto";
        message M { option (confluent.message_meta).doc = "d";
            string a = 1 [(confluent.field_meta) = { tags: ["PII"] params: [{ key: "k" value: "v" }] }]; }"#;
    assert_eq!(fields(Schema::compile(tagged, &[]).unwrap().message()), ["a"]);
}

#[test]
fn a_descriptor_in_base64_is_a_schema_and_so_are_its_imports() {
    let of = |text: &str, imports: &[Import]| {
        let file = sources::file(text, imports).unwrap();
        STANDARD.encode(file.file_descriptor_proto().encode_to_vec())
    };
    let money = import("shop/price.proto", MONEY);
    let order = of(ORDER, std::slice::from_ref(&money));
    let coded = import("shop/price.proto", &of(MONEY, &[]));
    for imports in [[money], [coded]] {
        let schema = Schema::compile(&format!("{order}\n"), &imports).unwrap();
        assert_eq!(fields(schema.message()), ["id", "price"]);
    }
}

#[test]
fn what_is_no_schema_is_told_in_one_line() {
    let deep = "{a".repeat(100_000);
    let edition = FileDescriptorProto {
        syntax: Some("editions".to_owned()),
        ..FileDescriptorProto::default()
    };
    let edition = STANDARD.encode(edition.encode_to_vec());
    let nested = format!("syntax = \"proto3\"; {}", "message M {".repeat(60));
    for (text, expected) in [
        ("", ""),
        ("message M {", "expected"),
        ("{\"type\": \"record\"}", "expected"),
        ("syntax = \"proto3\"; message M { Nothing a = 1; }", "Nothing"),
        ("syntax = \"proto3\"; message M { int32 a = 1; int32 b = 1; }", ""),
        ("edition = \"2023\"; message M { int32 a = 1; }", "only proto2 and proto3 are supported"),
        (&edition, "only proto2 and proto3 are supported"),
        (&deep, "braces must be nested at most 64 levels deep"),
        (&nested, ""),
        ("AAAA", "FileDescriptorProto"),
    ] {
        match Schema::compile(text, &[]) {
            Ok(schema) => assert!(text.is_empty() && schema.message().is_none(), "{text}"),
            Err(SchemaError(error)) => {
                assert!(error.contains(expected) && !error.contains('\n') && !error.is_empty());
                assert!(error.len() < 500 && !error.contains("SchemaError"), "{error}");
            }
        }
    }
    let cycle =
        [import("a.proto", "import \"b.proto\";"), import("b.proto", "import \"a.proto\";")];
    let error = Schema::compile("import \"a.proto\";", &cycle).unwrap_err();
    assert!(error.0.contains("cycle"), "{error}");
}

#[test]
fn a_headers_indexes_lead_to_a_message() {
    let text = r#"syntax = "proto3";
        message A { int32 a = 1; map<string, int32> m = 2;
            message X { int32 x = 1; } message Y { int32 y = 1; message Z { int32 z = 1; } } }
        message B { int32 b = 1; }"#;
    let schema = Schema::compile(text, &[]).unwrap();
    let descriptor = sources::file(text, &[]).unwrap().file_descriptor_proto().encode_to_vec();
    let coded = Schema::compile(&STANDARD.encode(descriptor), &[]).unwrap();
    for (indexes, of_text, of_descriptor) in [
        (&[0][..], &["a", "m"][..], &["a", "m"][..]),
        (&[1], &["b"], &["b"]),
        (&[2], &["no message"], &["no message"]),
        (&[], &["no message"], &["no message"]),
        // The map entry is counted or not, but never selected.
        (&[0, 0], &["x"], &["x"]),
        (&[0, 1], &["y"], &["x"]),
        (&[0, 2], &["y"], &["y"]),
        (&[0, 1, 0], &["z"], &["z"]),
        (&[0, 2, 0], &["z"], &["z"]),
        (&[0, 3], &["no message"], &["no message"]),
        (&[usize::MAX], &["no message"], &["no message"]),
    ] {
        assert_eq!(fields(schema.message_at(indexes)), of_text, "{indexes:?}");
        assert_eq!(fields(coded.message_at(indexes)), of_descriptor, "{indexes:?}");
    }
    assert_eq!(fields(schema.message()), ["a", "m"]);
}

#[test]
fn a_file_of_several_messages_says_which_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    };
    write("shop/price.proto", MONEY.as_bytes());
    let two = r#"syntax = "proto3"; package shop; import "shop/price.proto"; import "near.proto";
        message Order { string id = 1; message Line { Price price = 1; } }
        message Other { message Line { int32 n = 1; } message Own { int32 o = 1; } }"#;
    write("shop/v1/near.proto", b"message Near { optional int32 n = 1; }");
    let path = write("shop/v1/order.proto", two.as_bytes());
    let of = |message| match Schema::of_files(&path, message) {
        Ok(schema) => fields(schema.message()).join(" "),
        Err(error) => error.to_string(),
    };
    assert_eq!(of(Some("shop.Order")), "id");
    assert_eq!(of(Some("Order")), "id");
    assert_eq!(of(Some("shop.Order.Line")), "price");
    assert_eq!(of(Some("Own")), "o");
    // In an import.
    assert_eq!(of(Some("Price")), "cents");
    assert_eq!(
        of(None),
        "mapping.message must be set to one of its messages: shop.Order, shop.Other"
    );
    assert_eq!(
        of(Some("Line")),
        "mapping.message must be the full name of one of its messages: shop.Order.Line, \
         shop.Other.Line"
    );
    assert_eq!(of(Some("Nothing")), "it has no message Nothing; it has shop.Order, shop.Other");

    let mut set = Vec::new();
    let file = files::open(&path).unwrap();
    file.parent_pool().encode(&mut set).unwrap();
    let path = write("order.desc", &set);
    assert_eq!(fields(Schema::of_files(&path, Some("Own")).unwrap().message()), ["o"]);
    let path = write("broken.desc", b"\xff\xff");
    assert!(Schema::of_files(&path, None).is_err());
    let path = write("one.txt", MONEY.as_bytes());
    assert_eq!(fields(Schema::of_files(&path, None).unwrap().message()), ["cents"]);
    let error = Schema::of_files(&folder.path().join("none.proto"), None).unwrap_err();
    assert!(error.0.starts_with("cannot read the file: "), "{error}");
}

#[test]
fn a_record_is_told_as_json() {
    let schema = r#"syntax = "proto3"; package t;
        import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
        import "google/type/money.proto"; import "google/type/decimal.proto"; import "google/type/date.proto";
        import "confluent/type/decimal.proto";
        enum E { NONE = 0; ONE = 1; }
        message M { string id = 1; uint64 n = 2; bool flag = 3; E e = 4; double d = 5; float f = 6;
            bytes b = 7; google.protobuf.Timestamp at = 8; google.type.Money money = 9;
            google.type.Decimal text = 10; confluent.type.Decimal exact = 11; google.type.Date day = 12;
            google.protobuf.Int64Value wrapped = 13; repeated M list = 14; map<int32, string> map = 15;
            optional int32 o = 16; oneof one { int32 x = 17; M y = 18; } repeated sint32 packed = 19; }"#;
    let sample = Sample::of(schema);
    let defaults = r#""n":0,"flag":false,"e":"NONE","d":0,"f":0"#;
    for (text, expected) in [
        ("", format!("{{{defaults}}}")),
        (
            r#"id: "a\"\n" n: 18446744073709551615 flag: true e: ONE d: 0.1 f: 349.9 o: 0"#,
            r#"{"id":"a\"\n","n":18446744073709551615,"flag":true,"e":"ONE","d":0.1,"f":349.9,"o":0}"#.to_owned(),
        ),
        (r#"b: "text""#, format!(r#"{{{defaults},"b":"text"}}"#)),
        (r#"b: "\xff\x01""#, format!(r#"{{{defaults},"b":"ff01"}}"#)),
        ("d: nan f: -inf", r#"{"n":0,"flag":false,"e":"NONE","d":"NaN","f":"-Infinity"}"#.to_owned()),
        (
            r#"at { seconds: 1795356672 nanos: 5000000 } money { currency_code: "BRL" nanos: -1 } text { value: "+.5" }
               exact { value: "\xff" scale: 2 } day { year: 2026 month: 1 day: 2 } wrapped { value: 3 }"#,
            format!(r#"{{{defaults},"at":"2026-11-22T14:11:12.005Z","money":{{"currency_code":"BRL","units":0,"nanos":-1}},"text":0.5,"exact":-0.01,"day":"2026-01-02","wrapped":3}}"#),
        ),
        (
            r#"list { n: 1 } map { key: 7 value: "b" } map { key: -3 value: "a" } y { n: 2 } packed: 1 packed: -2"#,
            format!(
                r#"{{{defaults},"list":[{{"n":1,"flag":false,"e":"NONE","d":0,"f":0}}],"map":{{"-3":"a","7":"b"}},"y":{{"n":2,"flag":false,"e":"NONE","d":0,"f":0}},"packed":[1,-2]}}"#
            ),
        ),
        ("day { year: 2026 }", format!(r#"{{{defaults},"day":{{"year":2026,"month":0,"day":0}}}}"#)),
    ] {
        let bytes = sample.encode("t.M", text);
        let json = to_json(&bytes, sample.schema.message().unwrap()).unwrap();
        assert_eq!(json, expected, "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
    }
}

#[test]
fn a_text_of_a_record_is_bounded_in_length_and_depth() {
    let fields: String = (1..200).map(|n| format!("int32 a_rather_long_name_{n} = {n};")).collect();
    let sample =
        Sample::of(&format!("syntax = \"proto3\"; message M {{ {fields} repeated M m = 200; }}"));
    let message = sample.schema.message().unwrap();
    let many = sample::length(200, &[]).repeat(50_000);
    let error = to_json(&many, message).unwrap_err();
    assert!(error.to_string().contains("64 times"), "{error}");
    let mut deep = Vec::new();
    for depth in 1..=200 {
        let result = to_json(&deep, message);
        assert_eq!(result.is_err(), depth > 128, "{depth}");
        deep = sample::length(200, &deep);
    }
    assert_eq!(to_json(&deep, message).unwrap_err(), Broken::TooDeep);
}

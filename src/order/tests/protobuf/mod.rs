//! Results of records in Protocol Buffers.

mod breakage;
mod fuzz;
mod known;
mod showcase;
mod wire;

use std::{path::PathBuf, sync::Arc};

use super::*;
use crate::{
    config::{self, Sources},
    format::{Reading, Schema, protobuf::sample::Sample},
    order::Unmapped,
};

/// The rules of a `[mapping]` for records of a schema's first message.
fn rules_by(mapping: &str, sample: &Sample) -> Rules {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("vendas.toml");
    std::fs::write(&file, format!("[mapping]\n{mapping}\n")).unwrap();
    let config = config::load(&Sources { file: Some(file), ..Sources::default() }).unwrap();
    let rules = Rules::clone(&config.rules.general);
    rules.reading(Reading::By(Arc::new(Schema::Protobuf(sample.schema.clone()))))
}

/// The result of a payload as text: `KEY total T charges C [PRODUCT QUANTITY AMOUNT; …] at TIME
/// kept {…}` for each order, without absent parts.
fn told(rules: &Rules, payload: &[u8]) -> String {
    told_result(&rules.understand_value(Some(payload)))
}

fn told_result(result: &Result<Meaning, Rejection>) -> String {
    match result {
        Ok(Meaning::Ignored) => "ignored".to_owned(),
        Ok(meaning) => meaning.orders().iter().map(told_order).collect::<Vec<_>>().join(" | "),
        Err(rejection) => rejection.to_string(),
    }
}

fn told_order(order: &Order) -> String {
    let mut told = match (order.number(), order.id()) {
        (Some(number), _) => format!("#{number}"),
        (_, id) => id.unwrap_or_default().to_owned(),
    };
    if order.is_cancelled() {
        return told + " cancelled";
    }
    told += &format!(" total {}", order.total());
    if !order.charges().is_zero() {
        told += &format!(" charges {}", order.charges());
    }
    if !order.items().is_empty() {
        let items = order.items().iter();
        let items: Vec<_> = items
            .map(|item| format!("{} {} {}", item.product(), item.quantity(), item.amount()))
            .collect();
        told += &format!(" [{}]", items.join("; "));
    }
    if let Some(at) = order.sold_at() {
        told += &format!(" at {at}");
    }
    if let Some(kept) = order.kept() {
        told += &format!(" kept {kept}");
    }
    if !order.unmapped().is_empty() {
        let kinds: Vec<_> = order.unmapped().kinds().map(|kind| Unmapped::KINDS[kind]).collect();
        told += &format!(" unmapped {}", kinds.join(" "));
    }
    told
}

/// Asserts the results of messages `M` of a schema, in the text format, under a mapping.
#[track_caller]
fn come_to(schema: &str, mapping: &str, cases: &[(&str, &str)]) {
    let sample = Sample::of(schema);
    let rules = rules_by(mapping, &sample);
    for (text, expected) in cases {
        let told = told(&rules, &sample.encode("M", text));
        // A rejection may contain more than the rule.
        let is_same = told == *expected || (expected.contains(": ") && told.starts_with(expected));
        assert!(is_same, "{text}\ncame to  {told}\nand not  {expected}");
    }
}

#[test]
fn built_in_names_are_found_without_a_mapping() {
    come_to(
        r#"syntax = "proto3";
        message M { string order_id = 1; repeated Item items = 2; double total = 3; string sold_at = 4; }
        message Item { string product = 1; int32 qty = 2; double unit_price = 3; }"#,
        "",
        &[
            (
                r#"order_id: "a" items { product: "p" qty: 2 unit_price: 0.1 } items { product: "q"
                   qty: 1 unit_price: 12.30 } sold_at: "2026-11-22T10:11:12-03:00" total: 12.5"#,
                "a total 12.50 [p 2 0.20; q 1 12.30] at 2026-11-22T10:11:12",
            ),
            // An absent total is 0, which is not the sum of these items.
            (
                r#"order_id: "a" items { product: "p" qty: 1 unit_price: 1 }"#,
                "total_mismatch: the total must be the sum of the amounts of items, to within half a cent \
                 per line",
            ),
            (r#"total: 5"#, "missing_identity: the order must have a number or an id"),
            (r#"order_id: "a" total: 5"#, "a total 5.00"),
            (r#"order_id: "a""#, "a total 0.00"),
        ],
    );
}

#[test]
fn fields_are_found_by_their_names_in_json_too() {
    let schema = r#"syntax = "proto3";
        message M {
            string order_id = 1; string the_product = 2; optional int64 the_total = 3;
            string renamed = 4 [json_name = "customName"];
        }"#;
    for (mapping, expected) in [
        ("product = \"theProduct\"\ntotal = \"theTotal\"", "a total 5.00 [p 1 5.00]"),
        ("product = \"the_product\"\ntotal = \"the_total\"", "a total 5.00 [p 1 5.00]"),
        ("product = \"customName\"\ntotal = \"theTotal\"", "a total 5.00 [r 1 5.00]"),
    ] {
        let mapping = format!("{mapping}\ndefault_quantity = 1");
        come_to(
            schema,
            &mapping,
            &[(r#"order_id: "a" the_product: "p" the_total: 5 renamed: "r""#, expected)],
        );
    }
    // A field with this name has priority over one with this JSON name.
    come_to(
        r#"syntax = "proto2"; message M { optional string order_id = 1; optional string orderid = 2;
           optional int32 the_total = 3; optional int32 theTotal = 4 [json_name = "other"]; }"#,
        "total = \"theTotal\"",
        &[(r#"order_id: "a" the_total: 3 theTotal: 4"#, "a total 4.00")],
    );
}

#[test]
fn absent_fields_have_a_default_only_without_presence() {
    let kept = "keep = { a = \"a\", b = \"b\", c = \"c\", d = \"d\", e = \"e\", f = \"f\" }";
    come_to(
        r#"syntax = "proto3"; enum E { NONE = 0; ONE = 1; }
        message M { string order_id = 1; int32 total = 2; int64 a = 3; bool b = 4; E c = 5; string d = 6;
            double e = 7; optional int32 f = 8; }"#,
        kept,
        &[
            (r#"order_id: "x""#, r#"x total 0.00 kept {"a":0,"b":false,"c":"NONE","e":0}"#),
            (
                r#"order_id: "x" a: 1 b: true c: ONE d: "t" e: 1.5 f: 0"#,
                r#"x total 0.00 kept {"a":1,"b":true,"c":"ONE","d":"t","e":1.5,"f":0}"#,
            ),
        ],
    );
    come_to(
        r#"syntax = "proto2"; enum E { FIRST = 7; SECOND = 8; }
        message M { required string order_id = 1; optional int32 total = 2 [default = 5];
            optional int64 a = 3 [default = -4]; optional bool b = 4 [default = true];
            optional E c = 5 [default = SECOND]; optional string d = 6 [default = "t"];
            optional double e = 7 [default = inf]; optional int32 f = 8; }"#,
        kept,
        &[
            (r#"order_id: "x""#, r#"x total 5.00 kept {"a":-4,"b":true,"c":"SECOND","d":"t"}"#),
            (
                r#"order_id: "x" total: 0 c: FIRST f: 3"#,
                r#"x total 0.00 kept {"a":-4,"b":true,"c":"FIRST","d":"t","f":3}"#,
            ),
        ],
    );
}

#[test]
fn an_order_is_identified_by_its_record_and_not_by_a_default() {
    come_to(
        r#"syntax = "proto3"; message M { int32 order_number = 1; string order_id = 2; int32 total = 3;
           int32 shipping = 4; }"#,
        "",
        &[
            (r#"order_id: "a" total: 3"#, "a total 3.00"),
            (r#"order_number: 4 total: 3"#, "#4 total 3.00"),
            (r#"total: 3"#, "missing_identity: the order must have a number or an id"),
        ],
    );
}

#[test]
fn status_and_currency_are_enums_texts_or_numbers() {
    come_to(
        r#"syntax = "proto3"; enum Status { UNKNOWN = 0; PAID = 1; CANCELLED = 2; }
        message M { string order_id = 1; int32 total = 2; Status status = 3; string currency = 4; }"#,
        "cancelled = [\"CANCELLED\", \"7\"]\nstatus = \"status\"\ncurrency = \"currency\"",
        &[
            (r#"order_id: "a" status: CANCELLED"#, "a cancelled"),
            (r#"order_id: "a" status: PAID total: 1"#, "a total 1.00"),
            (r#"order_id: "a" total: 1"#, "a total 1.00"),
            (
                r#"order_id: "a" currency: "USD""#,
                "other_currency: currency must be BRL (orders.currency)",
            ),
        ],
    );
}

#[test]
fn paths_follow_oneofs_maps_lists_and_recursion() {
    come_to(
        r#"syntax = "proto3"; import "google/protobuf/struct.proto";
        message M { oneof event { Created created = 1; Cancelled cancelled = 2; }
            map<string, string> labels = 3; map<int32, Line> lines = 4; M inner = 5; }
        message Created { string id = 1; repeated Line lines = 2; repeated int32 at = 3; }
        message Cancelled { string id = 1; }
        message Line { string sku = 1; optional int32 count = 2; optional double price = 3; }"#,
        r#"order_id = ["$.created.id", "$.cancelled.id", "$.inner.inner.created.id"]
        items = "$.created.lines[*]"
        product = "sku"
        quantity = "count"
        unit_price = "price"
        sold_at = "$.created.at"
        total = "$.lines['-3'].price"
        keep = { channel = "$.labels.channel", third = "$.lines['3'].sku" }"#,
        &[
            (
                r#"created { id: "a" lines { sku: "p" count: 2 price: 1.5 } at: 2026 at: 11 at: 22 }
                   labels { key: "channel" value: "web" } labels { key: "x" value: "y" }
                   lines { key: 3 value { sku: "three" } } "#,
                r#"a total 3.00 [p 2 3.00] at 2026-11-22T00:00:00 kept {"channel":"web","third":"three"}"#,
            ),
            (r#"cancelled { id: "b" } lines { key: -3 value { price: 4 } }"#, "b total 4.00"),
            (
                r#"inner { inner { created { id: "c" } } } lines { key: -3 value { price: 4 } }
                   labels { key: "channel" }"#,
                r#"c total 4.00 kept {"channel":""}"#,
            ),
        ],
    );
}

#[test]
fn several_orders_of_a_record_are_independent() {
    come_to(
        r#"syntax = "proto3"; message M { repeated O orders = 1; string batch = 2; }
        message O { string id = 1; optional int32 total = 2; repeated I items = 3; }
        message I { string product = 1; int32 qty = 2; optional int32 unit_price = 3; }"#,
        "records = \"$.orders[*]\"\norder_id = \"id\"\nkeep = { batch = \"record:$.batch\" }",
        &[
            (
                r#"orders { id: "a" total: 1 } orders { id: "b" items { product: "p" qty: 1 unit_price: 2 } } batch: "7""#,
                r#"a total 1.00 kept {"batch":"7"} | b total 2.00 [p 1 2.00] kept {"batch":"7"}"#,
            ),
            // Encoders omit empty lists.
            (r#"batch: "7""#, "missing_identity: the order must have a number or an id"),
        ],
    );
}

#[test]
fn json_within_texts_and_bytes_is_read() {
    for kind in ["string", "bytes"] {
        come_to(
            &format!("syntax = \"proto3\"; message M {{ {kind} data = 1; google.protobuf.StringValue wrapped = 2; }}")
                .replace("message M", "import \"google/protobuf/wrappers.proto\"; message M"),
            "order_id = [\"$.data~.id\", \"$.wrapped~.id\"]\ntotal = \"$.data~.total\"",
            &[
                (r#"data: '{"id": "a", "total": 1.50}'"#, "a total 1.50"),
                (r#"wrapped { value: '{"id": "b"}' } data: '{"total": 2}'"#, "b total 2.00"),
                (
                    "data: 'x'",
                    "not_json: a text that the mapping reads as JSON must contain JSON, nested at \
                     most 128 levels deep",
                ),
            ],
        );
    }
}

#[test]
fn misplaced_values_are_reported_as_in_json() {
    come_to(
        r#"syntax = "proto3"; message M { string order_id = 1; I total = 2; string items = 3; bytes product = 4;
            repeated string lines = 5; map<string, I> map = 6; }
        message I { string a = 1; }"#,
        "items = [\"items\", \"$.lines[*]\", \"$.map[*]\"]",
        &[
            (r#"order_id: "a" total {}"#, "invalid_number: total must be a decimal number"),
            (r#"order_id: "a" items: "x""#, "invalid_items: items must be a list"),
            (r#"order_id: "a" lines: "x""#, "invalid_items: lines[*][0] must be an object"),
            (r#"order_id: "a" map { key: "x" }"#, "invalid_items: map[*] must be a list"),
        ],
    );
}

#[test]
fn suspicious_fields_are_recorded_unless_empty() {
    come_to(
        r#"syntax = "proto3"; import "google/protobuf/wrappers.proto"; message M { string order_id = 1;
            int32 total = 2; optional string status = 3; repeated string products = 4;
            google.protobuf.BoolValue refunded = 5; int32 tax_amount = 6; }"#,
        "status = []",
        &[
            (r#"order_id: "a" status: "" refunded {}"#, "a total 0.00"),
            (r#"order_id: "a" tax_amount: 3"#, "a total 0.00 unmapped charge"),
            (r#"order_id: "a" products: """#, "a total 0.00 unmapped product"),
            (r#"order_id: "a" refunded { value: true }"#, "a total 0.00 unmapped status"),
        ],
    );
}

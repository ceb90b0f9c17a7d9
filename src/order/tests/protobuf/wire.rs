//! The wire format, in all valid encodings.

use super::*;
use crate::format::protobuf::sample::{field, length, varint};

/// Messages that encoders do not write but decoders must accept.
#[track_caller]
fn mean(schema: &str, mapping: &str, cases: &[(Vec<u8>, &str)]) {
    let rules = rules_by(mapping, &Sample::of(schema));
    for (bytes, expected) in cases {
        assert_eq!(told(&rules, bytes), *expected, "{bytes:?}");
    }
}

fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

const KINDS: [&str; 13] = [
    "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
    "sfixed64", "double", "float", "bool",
];

#[test]
fn every_number_type_is_read_exactly() {
    let cases: [(&str, &[(&str, &str)]); 13] = [
        ("int32", &[("-2147483648", "-2147483648"), ("2147483647", "2147483647"), ("0", "0")]),
        ("int64", &[("-9223372036854775808", "-9223372036854775808"), ("-1", "-1")]),
        ("uint32", &[("4294967295", "4294967295")]),
        ("uint64", &[("18446744073709551615", "18446744073709551615")]),
        ("sint32", &[("-2147483648", "-2147483648"), ("2147483647", "2147483647"), ("-1", "-1")]),
        ("sint64", &[("-9223372036854775808", "-9223372036854775808"), ("5", "5")]),
        ("fixed32", &[("4294967295", "4294967295")]),
        ("fixed64", &[("18446744073709551615", "18446744073709551615")]),
        ("sfixed32", &[("-2147483648", "-2147483648")]),
        ("sfixed64", &[("-9223372036854775808", "-9223372036854775808")]),
        (
            "double",
            &[
                ("0.1", "0.1"),
                ("1e20", "100000000000000000000"),
                ("0.30000000000000004", "0.30000000000000004"),
            ],
        ),
        ("float", &[("349.9", "349.9"), ("0.1", "0.1"), ("16777216", "16777216")]),
        ("bool", &[("true", "true"), ("false", "false")]),
    ];
    for (kind, values) in cases {
        let schema = format!(
            "syntax = \"proto3\"; message M {{ string order_id = 1; int32 total = 2; {kind} v = 3; \
             optional {kind} o = 4; }}"
        );
        for (value, expected) in values {
            let text = format!("order_id: \"a\" v: {value} o: {value}");
            let expected = format!("a total 0.00 kept {{\"o\":{expected},\"v\":{expected}}}");
            come_to(&schema, "keep = { v = \"v\", o = \"o\" }", &[(&text, &expected)]);
        }
    }
}

#[test]
fn nonfinite_floats_and_bytes_are_not_money() {
    for (kind, value) in [
        ("double", "nan"),
        ("double", "inf"),
        ("float", "-inf"),
        ("float", "nan"),
        ("bytes", "\"1\""),
    ] {
        come_to(
            &format!("syntax = \"proto3\"; message M {{ string order_id = 1; {kind} total = 2; }}"),
            "",
            &[(
                &format!("order_id: \"a\" total: {value}"),
                "invalid_number: total must be a decimal number",
            )],
        );
    }
    let schema = "syntax = \"proto3\"; message M { string order_id = 1; double total = 2; }";
    come_to(
        schema,
        "",
        &[
            (
                r#"order_id: "a" total: 1e300"#,
                "out_of_range: total must be 0 or more and below 10,000,000,000,000,000",
            ),
            (r#"order_id: "a" total: 5e-324"#, "a total 0.00"),
            (
                r#"order_id: "a" total: 12.345678"#,
                "out_of_range: total must have at most 4 decimals",
            ),
        ],
    );
}

#[test]
fn repeated_numbers_may_be_packed_or_not() {
    for kind in KINDS {
        for packed in ["", " [packed = true]", " [packed = false]"] {
            let schema = format!(
                "syntax = \"proto3\"; message M {{ string order_id = 1; int32 total = 2; repeated {kind} \
                 shipping = 3{packed}; }}"
            );
            let (value, expected) = match kind {
                "bool" => ("true", "invalid_number: shipping[*] must be a decimal number"),
                _ => ("1", "a total 3.00 charges 3.00"),
            };
            let text =
                format!("order_id: \"a\" total: 3 {}", format!("shipping: {value} ").repeat(3));
            come_to(&schema, "shipping = \"$.shipping[*]\"", &[(&text, expected)]);
        }
    }
    let schema = "syntax = \"proto3\"; message M { string order_id = 1; int32 total = 2; repeated int32 \
                  shipping = 3; }";
    let start = joined(&[length(1, b"a"), field(2, 0, &[10])]);
    mean(
        schema,
        "shipping = \"$.shipping[*]\"",
        &[
            (
                joined(&[
                    start.clone(),
                    length(3, &[1, 2]),
                    field(3, 0, &[3]),
                    length(3, &[]),
                    length(3, &[4]),
                ]),
                "a total 10.00 charges 10.00",
            ),
            (joined(&[start.clone(), length(3, &[])]), "a total 10.00"),
            (
                joined(&[start, length(3, &[1, 0x80])]),
                "not_protobuf: at byte 8: the message ends within a field",
            ),
        ],
    );
}

#[test]
fn the_last_value_of_a_field_counts_and_messages_are_merged() {
    let schema = r#"syntax = "proto3";
        message M { string order_id = 1; A a = 2; int32 total = 3; }
        message A { B b = 1; repeated I items = 2; } message B { int32 x = 1; int32 y = 2; }
        message I { string product = 1; int32 qty = 2; }"#;
    let mapping = "items = \"$.a.items[*]\"\nkeep = { x = \"$.a.b.x\", y = \"$.a.b.y\" }";
    let item = |name: &[u8]| length(2, &joined(&[length(1, name), field(2, 0, &[1])]));
    let b = |bytes: &[Vec<u8>]| length(1, &joined(bytes));
    mean(
        schema,
        mapping,
        &[
            (
                joined(&[
                    length(1, b"SECRET"),
                    field(3, 0, &[7]),
                    length(
                        2,
                        &joined(&[b(&[field(1, 0, &[1])]), item(b"p"), b(&[field(2, 0, &[2])])]),
                    ),
                    length(1, b"a"),
                    length(2, &joined(&[item(b"q"), b(&[field(1, 0, &[3])])])),
                    field(3, 0, &[4]),
                ]),
                r#"a total 4.00 [p 1 2.00; q 1 2.00] kept {"x":3,"y":2}"#,
            ),
            (joined(&[length(1, b"a"), length(2, &[]), length(2, &[])]), "a total 0.00"),
        ],
    );
}

#[test]
fn the_last_member_of_a_oneof_counts() {
    let schema = r#"syntax = "proto3";
        message M { string order_id = 1; int32 total = 2;
            oneof one { string a = 3; A b = 4; int32 c = 5; } oneof two { string d = 6; string e = 7; } }
        message A { int32 x = 1; int32 y = 2; }"#;
    let mapping = "keep = { a = \"a\", x = \"$.b.x\", y = \"$.b.y\", d = \"d\", e = \"e\" }";
    let order = length(1, b"o");
    let (x, y) = (length(4, &field(1, 0, &[1])), length(4, &field(2, 0, &[2])));
    let a = length(3, b"text");
    // The mapping does not read this one.
    let c = field(5, 0, &[9]);
    for (parts, kept) in [
        (vec![a.clone()], r#"{"a":"text"}"#),
        (vec![a.clone(), x.clone()], r#"{"x":1,"y":0}"#),
        (vec![x.clone(), y.clone()], r#"{"x":1,"y":2}"#),
        (vec![x.clone(), a.clone(), y.clone()], r#"{"x":0,"y":2}"#),
        (vec![x.clone(), a.clone()], r#"{"a":"text"}"#),
        (vec![a.clone(), c.clone()], ""),
        (vec![c.clone(), a.clone()], r#"{"a":"text"}"#),
        (vec![x.clone(), c, y, x], r#"{"x":1,"y":2}"#),
        (vec![length(6, b"d"), a, length(7, b"e")], r#"{"a":"text","e":"e"}"#),
        (vec![length(7, b""), length(6, b"")], r#"{"d":""}"#),
    ] {
        let expected = if kept.is_empty() {
            "o total 0.00".to_owned()
        } else {
            format!("o total 0.00 kept {kept}")
        };
        mean(schema, mapping, &[(joined(&[vec![order.clone()], parts].concat()), &expected)]);
    }
}

#[test]
fn the_last_map_entry_of_a_key_counts_and_missing_parts_are_defaults() {
    let schema = r#"syntax = "proto3"; enum E { NONE = 0; }
        message M { string order_id = 1; int32 total = 2; map<string, int32> n = 3; map<bool, A> m = 4;
            map<string, E> e = 5; }
        message A { int32 x = 1; int32 y = 2; }"#;
    let mapping = "keep = { k = \"$.n.k\", none = \"$.n['']\", x = \"$.m.true.x\", y = \"$.m.true.y\", \
                   f = \"$.m.false.x\", e = \"$.e.k\" }";
    let order = length(1, b"o");
    let k = length(1, b"k");
    let yes = field(1, 0, &[1]);
    let x = length(2, &field(1, 0, &[1]));
    let y = length(2, &field(2, 0, &[2]));
    for (parts, kept) in [
        (vec![length(3, &joined(&[k.clone(), field(2, 0, &[1])])), length(3, &k)], r#"{"k":0}"#),
        (vec![length(3, &k), length(3, &joined(&[field(2, 0, &[1]), k.clone()]))], r#"{"k":1}"#),
        (vec![length(3, &[])], r#"{"none":0}"#),
        (vec![length(4, &joined(&[yes.clone(), x.clone(), y.clone()]))], r#"{"x":1,"y":2}"#),
        (
            vec![length(4, &joined(&[yes.clone(), x])), length(4, &joined(&[yes, y]))],
            r#"{"x":0,"y":2}"#,
        ),
        (vec![length(4, &[])], r#"{"f":0}"#),
        (vec![length(5, &k)], r#"{"e":"NONE"}"#),
    ] {
        let expected = format!("o total 0.00 kept {kept}");
        mean(schema, mapping, &[(joined(&[vec![order.clone()], parts].concat()), &expected)]);
    }
}

#[test]
fn groups_are_messages_and_unknown_ones_are_skipped() {
    let schema = r#"syntax = "proto2";
        message M { required string order_id = 1; optional int32 total = 2;
            repeated group Items = 3 { optional string product = 1; optional int32 qty = 2; }
            optional group One = 4 { optional int32 x = 1; optional int32 y = 2; } }"#;
    come_to(
        schema,
        "items = \"items\"\nkeep = { x = \"$.one.x\", y = \"$.one.y\" }",
        &[(
            r#"order_id: "a" total: 4 Items { product: "p" qty: 1 } Items { product: "q" qty: 1 } One { x: 3 }"#,
            r#"a total 4.00 [p 1 2.00; q 1 2.00] kept {"x":3}"#,
        )],
    );
    let group = |number, inside: &[u8]| joined(&[field(number, 3, inside), field(number, 4, &[])]);
    let order = joined(&[length(1, b"a"), field(2, 0, &[4])]);
    let one = |inside: &[u8]| group(4, inside);
    mean(
        schema,
        "keep = { x = \"$.one.x\", y = \"$.one.y\" }",
        &[
            (
                joined(&[one(&field(1, 0, &[1])), order.clone(), one(&field(2, 0, &[2]))]),
                r#"a total 4.00 kept {"x":1,"y":2}"#,
            ),
            (
                joined(&[
                    group(9, &joined(&[group(10, &length(3, b"\x1c")), field(1, 5, &[4; 4])])),
                    order.clone(),
                    field(11, 1, &[7; 8]),
                    length(12, b"SECRET"),
                    field(13, 0, &varint(u64::MAX)),
                ]),
                "a total 4.00",
            ),
            (
                joined(&[order.clone(), field(9, 3, &[]), field(10, 4, &[])]),
                "not_protobuf: at byte 6: the end of a group must have the number of its start",
            ),
            (
                joined(&[order.clone(), field(9, 4, &[])]),
                "not_protobuf: at byte 5: the end of a group must have the number of its start",
            ),
            (
                joined(&[order, field(9, 3, &[])]),
                "not_protobuf: at byte 6: the message ends within a field",
            ),
        ],
    );
}

#[test]
fn texts_of_proto3_are_utf8_and_those_of_proto2_need_not_be() {
    let bytes = joined(&[length(1, b"a"), length(2, b"a\xffSECRET")]);
    for (syntax, expected) in [
        ("proto3", "not_protobuf: at byte 6: the text product must be UTF-8"),
        ("proto2", "invalid_product: product must be text"),
    ] {
        let schema = format!(
            "syntax = \"{syntax}\"; message M {{ optional string order_id = 1; optional string product = 2; \
             optional int32 total = 3; }}"
        );
        let rules = rules_by("total = \"total\"\ndefault_quantity = 1", &Sample::of(&schema));
        let told = told(&rules, &joined(&[bytes.clone(), field(3, 0, &[1])]));
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn an_enum_number_without_a_name_is_a_number() {
    let schema = "syntax = \"proto3\"; enum E { option allow_alias = true; NONE = 0; ONE = 1; UNO = 1; MINUS = -1; } \
                  message M { string order_id = 1; int32 total = 2; E e = 3; repeated E many = 4; }";
    let kept = |value: &str| format!("a total 0.00 kept {{\"e\":{value}}}");
    for (value, expected) in [
        (1, "\"ONE\""),
        (2, "2"),
        (u64::MAX, "\"MINUS\""),
        (u64::MAX - 1, "-2"),
        (1 << 32, "\"NONE\""),
    ] {
        let bytes = joined(&[length(1, b"a"), field(3, 0, &varint(value))]);
        mean(schema, "keep = { e = \"e\" }", &[(bytes, &kept(expected))]);
    }
}

//! Bytes that are not a message: a reason, in bounded time and memory.

use std::time::Duration;

use testbed::fuzz::within;

use super::*;
use crate::format::protobuf::sample::{field, length, varint};

const SCHEMA: &str = r#"syntax = "proto2";
    message M { optional string order_id = 1; optional int32 total = 2; repeated Item items = 3;
        optional M inner = 4; optional group G = 5 { optional G g = 5; } repeated int32 many = 6;
        optional fixed64 eight = 7; optional fixed32 four = 8; oneof o { M a = 9; M b = 10; }
        optional D d = 11; }
    message D { optional int32 a = 1 [default = 1]; optional int32 b = 2 [default = 1];
        optional int32 c = 3 [default = 1]; repeated D d = 4; }
    message Item { optional string product = 1; optional int32 qty = 2; }"#;

fn rules_of_schema(mapping: &str) -> Rules {
    rules_by(mapping, &Sample::of(SCHEMA))
}

#[test]
fn a_truncated_message_is_an_error_or_the_message_of_the_rest() {
    let sample = Sample::of(SCHEMA);
    let rules = rules_by("keep = { x = \"$.inner.total\", y = \"$.eight\" }", &sample);
    let whole = sample.encode(
        "M",
        r#"order_id: "a" total: 300 items { product: "p" qty: 1 } inner { total: 7 } G { g { } }
           many: 1 many: 300 eight: 5 four: 6"#,
    );
    let mut ends = 0;
    for end in 0..whole.len() {
        match rules.understand_value(Some(&whole[..end])) {
            Ok(_) => ends += 1,
            Err(rejection) if rejection.reason() == Reason::NotProtobuf => {}
            Err(rejection) => {
                assert!(matches!(
                    rejection.reason(),
                    Reason::MissingIdentity | Reason::NoItemsNoTotal
                ));
                ends += 1;
            }
        }
    }
    // Between its fields.
    assert_eq!(ends, 9);
}

#[test]
fn rules_of_the_wire_format_are_enforced() {
    let rules = rules_of_schema("keep = { x = \"$.inner.total\" }");
    let cases = [
        (vec![0x0a], "at byte 1: the message ends within a field"),
        (vec![0x0a, 0x80], "at byte 1: the message ends within a field"),
        (vec![0x0a, 5, b'a'], "at byte 1: a length must not reach beyond its message"),
        (
            [vec![0x0a], varint(u64::MAX)].concat(),
            "at byte 1: a length must not reach beyond its message",
        ),
        (
            [vec![0x0a], varint(i64::MAX as u64)].concat(),
            "at byte 1: a length must not reach beyond its message",
        ),
        (vec![0x02, 0], "at byte 0: a field's number must be from 1 to 536,870,911"),
        (vec![0x00], "at byte 0: a field's number must be from 1 to 536,870,911"),
        (
            [varint(1 << 32), vec![0]].concat(),
            "at byte 0: a field's number must be from 1 to 536,870,911",
        ),
        (vec![0x0e], "at byte 0: a wire type must be 0, 1, 2, 3 or 5"),
        (vec![0x0f], "at byte 0: a wire type must be 0, 1, 2, 3 or 5"),
        (field(2, 0, &[0xff; 10]), "at byte 1: a number must have at most 64 bits"),
        (field(2, 0, &[0x80; 11]), "at byte 1: a number must have at most 64 bits"),
        (field(99, 1, &[0; 7]), "at byte 2: the message ends within a field"),
        (field(99, 5, &[0; 3]), "at byte 2: the message ends within a field"),
        (
            length(2, &[1]),
            "at byte 0: the field total must have the wire type of its declared \
                           type",
        ),
        (
            field(3, 0, &[1]),
            "at byte 0: the field items must have the wire type of its declared \
                             type",
        ),
        (
            field(7, 5, &[1; 4]),
            "at byte 0: the field eight must have the wire type of its declared \
                                type",
        ),
        // The outer length is right, the inner one is not.
        (length(4, &[0x0a, 5, b'a']), "at byte 3: a length must not reach beyond its message"),
    ];
    for (bytes, detail) in cases {
        let rejection = rules.understand_value(Some(&bytes)).unwrap_err();
        assert_eq!(
            (rejection.reason(), rejection.detail()),
            (Reason::NotProtobuf, detail),
            "{bytes:?}"
        );
    }
}

#[test]
fn groups_nest_128_deep_and_not_deeper_known_or_not() {
    let rules = rules_of_schema("");
    for number in [5, 99] {
        for (depth, deep) in [(127, false), (128, true), (100_000, true)] {
            let bytes = [
                length(1, b"a"),
                field(2, 0, &[1]),
                field(number, 3, &[]).repeat(depth),
                field(number, 4, &[]).repeat(depth),
            ];
            let told = told(&rules, &bytes.concat());
            let expected = if deep {
                "too_deep: messages must be nested at most 128 levels deep"
            } else {
                "a total 1.00"
            };
            assert_eq!(told, expected, "{number} {depth}");
        }
    }
}

#[test]
fn messages_may_be_infinitely_recursive() {
    let mut bytes = field(2, 0, &[1]);
    for _ in 0..2_000 {
        bytes = length(4, &bytes);
    }
    let rules =
        rules_of_schema("total = \"$.inner.inner.inner.total\"\norder_id = \"coordinates\"");
    assert!(told(&rules, &bytes).contains("no_items_no_total"));
}

/// The time limit for each of these, also in debug builds.
const AT_MOST: Duration = Duration::from_secs(2);

#[track_caller]
fn takes_little_time(mapping: &str, bytes: &[u8]) -> String {
    let rules = rules_of_schema(mapping);
    within(AT_MOST, || told(&rules, bytes)).unwrap().0
}

#[test]
fn repetition_takes_time_proportional_to_the_size() {
    let many = 200_000;
    let deep = "keep = { x = \"$.inner.inner.inner.inner.inner.inner.inner.inner.total\" }";
    let start = [length(1, b"a"), field(2, 0, &[1])].concat();
    // Merged messages within merged messages.
    let mut merged = start.clone();
    for part in [length(4, &length(4, &[])), length(4, &[]), length(4, &length(4, &length(4, &[])))]
    {
        merged.extend(part.repeat(many / 5));
    }
    assert_eq!(takes_little_time(deep, &merged), "a total 1.00");
    // Members of a oneof that replace each other.
    let oneof =
        [start.clone(), [length(9, &[]), length(10, &field(2, 0, &[1]))].concat().repeat(many / 5)]
            .concat();
    let told = takes_little_time("keep = { x = \"$.a.total\", y = \"$.b.total\" }", &oneof);
    assert_eq!(told, r#"a total 1.00 kept {"y":1}"#);
    // A field with many occurrences.
    let scalars =
        [start.clone(), [field(2, 0, &[1]), length(1, b"a")].concat().repeat(many)].concat();
    assert_eq!(takes_little_time("", &scalars), "a total 1.00");
    // More items than an order may have.
    let items = [start.clone(), length(3, &[]).repeat(many)].concat();
    let detail = "out_of_range: items must contain at most 9999 items";
    assert_eq!(takes_little_time("", &items), detail);
    // Empty messages with defaults that roles read.
    let nothing = [start, length(11, &length(4, &[]).repeat(many))].concat();
    let mapping = "shipping = [\"$.d.d[*].a\", \"$.d.d[*].b\", \"$.d.d[*].c\"]";
    assert_eq!(takes_little_time(mapping, &nothing), "a total 1.00");
}

//! Payloads that are not a readable JSON object.

mod syntax;

use super::*;

fn reason(json: &str) -> Reason {
    understand(json).expect_err(json).reason()
}

#[test]
fn every_reason_of_a_record_is_given() {
    let deep = "[".repeat(200);
    let records = [
        "\u{feff}{}",
        &deep,
        "{",
        "[]",
        r#"{"items":5}"#,
        r#"{"total":1,"total":1}"#,
        r#"{"total":1}"#,
        r#"{"order_number":1,"order_id":"a"}"#,
        r#"{"order_number":1.0}"#,
        r#"{"order_id":""}"#,
        r#"{"order_id":"a","status":[]}"#,
        r#"{"order_id":"a","currency":"USD"}"#,
        r#"{"order_id":"a","sold_at":1}"#,
        r#"{"order_id":"a","total":"x"}"#,
        r#"{"order_id":"a","total":1e99}"#,
        r#"{"order_id":"a","total":-1}"#,
        r#"{"order_id":"a"}"#,
        r#"{"order_id":"a","items":[{"qty":1,"unit_price":1},{"qty":1}]}"#,
        r#"{"order_id":"a","items":[{"qty":1}]}"#,
        r#"{"order_id":"a","items":[{"unit_price":1}]}"#,
        r#"{"order_id":"a","items":[{"qty":0,"unit_price":1}]}"#,
        r#"{"order_id":"a","items":[{"qty":1,"unit_price":-1}]}"#,
        r#"{"order_id":"a","items":[{"qty":1,"unit_price":1,"discount":2}]}"#,
        r#"{"order_id":"a","shipping":-1,"total":1}"#,
        r#"{"order_id":"a","items":[{"qty":1,"unit_price":1,"amount":2}]}"#,
        r#"{"order_id":"a","items":[{"qty":1,"unit_price":1,"product":5.5}]}"#,
        r#"{"order_id":"\u0000"}"#,
        r#"{"order_id":"\ud800"}"#,
        r#"{"order_id":"a","total":1,"store":[]}"#,
        r#"{"order_id":"a","items":[{"qty":1,"unit_price":1}],"total":2}"#,
    ];
    let payloads = [None, Some(&b"\xff"[..])].into_iter();
    let payloads = payloads.chain(records.iter().map(|json| Some(json.as_bytes())));
    let place = |name: &str| vec![Place::parse(name).unwrap()];
    let rules = rules_of(MappingSettings {
        places: vec![
            (Role::Status, vec![place("status")]),
            (Role::Currency, vec![place("currency")]),
        ],
        keep: vec![("store".to_owned(), place("store"))],
        ..MappingSettings::default()
    });
    let given: Vec<_> =
        payloads.map(|payload| rules.understand_value(payload).unwrap_err().reason()).collect();
    // The reasons of formats with schemas are between those of tombstones and invalid text.
    let of_formats = [
        Reason::NotFramed,
        Reason::UnknownSchema,
        Reason::BrokenSchema,
        Reason::NotAvro,
        Reason::NotProtobuf,
    ];
    let elsewhere = [Reason::Purged, Reason::RejectedByDatabase, Reason::Panicked];
    let all = [&given[..1], &of_formats, &given[1..], &elsewhere].concat();
    assert_eq!(all, Reason::ALL);
}

#[test]
fn a_tombstone_is_rejected() {
    assert_eq!(understand_bytes(None).unwrap_err().reason(), Reason::Tombstone);
    assert_eq!(reason(""), Reason::NotJson);
}

#[test]
fn the_bytes_must_be_utf8_throughout_even_where_they_are_passed_over() {
    for payload in
        [&b"\xff"[..], b"{\"x\":\"\xc3\",\"order_id\":\"a\",\"total\":1}", b"{\"\xed\xa0\x80\":1}"]
    {
        let rejection = understand_bytes(Some(payload)).unwrap_err();
        assert_eq!(rejection.reason(), Reason::NotUtf8);
    }
    let utf16: Vec<u8> = "{\"total\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(understand_bytes(Some(&utf16)).unwrap_err().reason(), Reason::NotJson);
}

#[test]
fn a_byte_order_mark_is_rejected() {
    assert_eq!(reason("\u{feff}{\"order_id\":\"a\",\"total\":1}"), Reason::ByteOrderMark);
}

#[test]
fn white_space_may_surround_the_object_and_nothing_else() {
    assert_eq!(total(" \t\r\n{\"order_id\":\"a\",\"total\":1} \t\r\n"), "1.00");
    for behind in ["x", "{}", ",", "]", "\u{a0}", "\0", "// so", "\u{feff}"] {
        let json = format!("{{\"order_id\":\"a\",\"total\":1}}{behind}");
        assert_eq!(reason(&json), Reason::NotJson, "{behind:?}");
    }
}

#[test]
fn other_json_values_are_rejected() {
    for json in [
        "null",
        "true",
        "5",
        "1e400",
        "\"a\"",
        "\"\\ud800\"",
        "[]",
        "[5]",
        "[null]",
        "[[]]",
        &"9".repeat(100_000),
    ] {
        assert_eq!(reason(json), Reason::NotAnObject, "{json}");
    }
}

#[test]
fn bytes_of_other_encodings_are_reported_as_such() {
    let json = "{\"order_id\":\"a\",\"total\":1}";
    let utf16 =
        |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { json.encode_utf16().flat_map(unit).collect() };
    let utf32: Vec<u8> = json.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let before = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    for (payload, expected) in [
        (utf16(u16::to_le_bytes), Reason::NotJson),
        (utf16(u16::to_be_bytes), Reason::NotJson),
        (utf32, Reason::NotJson),
        (before(b"\xff\xfe", &utf16(u16::to_le_bytes)), Reason::NotUtf8),
        (before(b"\xfe\xff", &utf16(u16::to_be_bytes)), Reason::NotUtf8),
        (before(b"\xef\xbb\xbf", json.as_bytes()), Reason::ByteOrderMark),
        // An incomplete mark, a trailing mark, and a mark alone.
        (before(b"\xef\xbb", json.as_bytes()), Reason::NotUtf8),
        (before(json.as_bytes(), b"\xef\xbb\xbf"), Reason::NotJson),
        (b"\xef\xbb\xbf".to_vec(), Reason::ByteOrderMark),
        // Overlong, beyond the last character, an unpaired surrogate, truncated, Latin-1.
        (b"{\"x\":\"\xc0\xaf\"}".to_vec(), Reason::NotUtf8),
        (b"{\"x\":\"\xf4\x90\x80\x80\"}".to_vec(), Reason::NotUtf8),
        (b"{\"x\":\"\xed\xbf\xbf\"}".to_vec(), Reason::NotUtf8),
        (b"{\"x\":\"\xe2\x82\"}".to_vec(), Reason::NotUtf8),
        (b"{\"x\":\"a\xe7ai\"}".to_vec(), Reason::NotUtf8),
        (b" \t\r\n".to_vec(), Reason::NotJson),
        (b"\0".to_vec(), Reason::NotJson),
    ] {
        let rejection = understand_bytes(Some(&payload)).unwrap_err();
        assert_eq!(rejection.reason(), expected, "{payload:?}");
    }
}

#[test]
fn a_duplicate_in_invalid_json_is_not_json() {
    assert_eq!(reason(r#"{"order_id":"a","order_id":"b","total":1"#), Reason::NotJson);
}

#[test]
fn at_most_128_levels_wherever_they_stand() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let ignored = |depth| format!(r#"{{"order_id":"a","total":1,"x":{}}}"#, nested(depth));
    assert_eq!(total(&ignored(127)), "1.00");
    let objects = r#"{"x":"#.repeat(9_999) + "1" + &"}".repeat(9_999);
    for deep in [
        ignored(128),
        ignored(10_000),
        nested(10_000),
        objects,
        "[".repeat(5_000_000),
        format!(r#"{{"order_id":{}}}"#, nested(10_000)),
        format!(r#"{{"total":{}}}"#, nested(10_000)),
        format!(r#"{{"items":{}}}"#, nested(10_000)),
        format!(r#"{{"items":[{}]}}"#, nested(10_000)),
        format!(r#"{{"items":[{{"qty":{}}}]}}"#, nested(10_000)),
        format!(r#"{{"items":[{{"x":{}}}]}}"#, nested(10_000)),
    ] {
        assert_eq!(reason(&deep), Reason::TooDeep);
    }
    // A role's value with less nesting just has the wrong type.
    let json = format!(r#"{{"order_id":{},"total":1}}"#, nested(127));
    assert_eq!(reason(&json), Reason::InvalidOrderId);
}

#[test]
fn time_is_proportional_to_the_payload() {
    let digits = "7".repeat(2_000_000);
    let blanks = " ".repeat(2_000_000);
    let escapes = r"\u00e7".repeat(500_000);
    let fields: String = (0..100_000).map(|index| format!("\"x{index}\":[{{}}],")).collect();
    let items = "{},".repeat(1_000_000);
    for (json, expected) in [
        (format!(r#"{{"order_number":{digits},"total":1}}"#), Reason::OutOfRange),
        (format!(r#"{{"order_id":{digits},"total":1}}"#), Reason::InvalidOrderId),
        (format!(r#"{{"order_id":"a","total":{digits}}}"#), Reason::OutOfRange),
        (format!(r#"{{"order_id":"a","total":"1e{digits}"}}"#), Reason::OutOfRange),
        (format!(r#"{{"order_id":"a","total":0.{digits}}}"#), Reason::OutOfRange),
        (format!(r#"{{"order_id":"{blanks}","total":1}}"#), Reason::InvalidOrderId),
        (format!(r#"{{"order_id":"{escapes}","total":1}}"#), Reason::InvalidOrderId),
        (format!(r#"{{"{escapes}":1,"total":1}}"#), Reason::MissingIdentity),
        (format!(r#"{{"order_id":"a",{blanks}"sold_at":"{digits}"}}"#), Reason::InvalidDate),
        (format!(r#"{{{fields}"total":1}}"#), Reason::MissingIdentity),
        (format!(r#"{{"order_id":"a","items":[{items}{{}}]}}"#), Reason::OutOfRange),
    ] {
        assert_eq!(reason(&json), expected);
    }
}

//! Values of every type, invalid JSON values, and malformed bytes.

use super::{super::DEPTH_LIMIT, *};

/// Encodes JSON.
fn bytes(schema: &str, json: &str) -> Vec<u8> {
    from_json(json, &compile(schema)).unwrap_or_else(|error| panic!("{schema} {json}: {error}"))
}

#[track_caller]
fn misfit(schema: &str, json: &str, error: &str) {
    assert_eq!(from_json(json, &compile(schema)), Err(error.to_owned()), "{schema} {json}");
}

const DECIMAL: &str = r#"{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}"#;

fn logical(base: &str, logical: &str) -> String {
    format!(r#"{{"type":"{base}","logicalType":"{logical}"}}"#)
}

#[test]
fn every_type_is_encoded_as_the_specification_says_and_shown() {
    let fixed = |logical: &str, size: usize| {
        format!(
            r#"{{"type":"fixed","name":"F","size":{size},"logicalType":"{logical}","precision":6,"scale":2}}"#
        )
    };
    let cases: Vec<(String, &str, &[u8], &str)> = vec![
        (r#""null""#.into(), "null", &[], "null"),
        (r#""boolean""#.into(), "true", &[1], "true"),
        (r#""int""#.into(), "-2147483648", &[0xff, 0xff, 0xff, 0xff, 0x0f], "-2147483648"),
        (r#""long""#.into(), "64", &[0x80, 1], "64"),
        (
            r#""long""#.into(),
            "9223372036854775807",
            &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            "9223372036854775807",
        ),
        (r#""long""#.into(), "2.0", &[4], "2"),
        (r#""float""#.into(), "349.9", &[0x33, 0xf3, 0xae, 0x43], "349.9"),
        (r#""double""#.into(), "349.9", &[0x66, 0x66, 0x66, 0x66, 0x66, 0xde, 0x75, 0x40], "349.9"),
        (r#""double""#.into(), "-0.0", &[0, 0, 0, 0, 0, 0, 0, 0x80], "-0.0"),
        (r#""string""#.into(), r#""ç\"""#, &[6, 0xc3, 0xa7, 0x22], r#""ç\"""#),
        (r#""bytes""#.into(), r#""ç""#, &[4, 0xc3, 0xa7], r#""ç""#),
        (r#"{"type":"fixed","name":"F","size":2}"#.into(), r#""ff00""#, &[0xff, 0], r#""ff00""#),
        (r#"{"type":"enum","name":"E","symbols":["A","B"]}"#.into(), r#""B""#, &[2], r#""B""#),
        (r#"{"type":"array","items":"int"}"#.into(), "[]", &[0], "[]"),
        (r#"{"type":"array","items":"int"}"#.into(), "[1,2]", &[4, 2, 4, 0], "[1,2]"),
        (
            r#"{"type":"map","values":"int"}"#.into(),
            r#"{"a":1}"#,
            &[2, 2, b'a', 2, 0],
            r#"{"a":1}"#,
        ),
        (r#"["null","long","string"]"#.into(), "1", &[2, 2], "1"),
        (r#"["null","long","string"]"#.into(), r#"{"string":"1"}"#, &[4, 2, b'1'], r#""1""#),
        (DECIMAL.into(), "12.3", &[4, 4, 0xce], "12.30"),
        (DECIMAL.into(), r#""-0.05""#, &[2, 0xfb], "-0.05"),
        (DECIMAL.into(), "0", &[2, 0], "0.00"),
        (DECIMAL.into(), "9999.99", &[6, 0x0f, 0x42, 0x3f], "9999.99"),
        (fixed("decimal", 4), "-12.34", &[0xff, 0xff, 0xfb, 0x2e], "-12.34"),
        (logical("bytes", "big-decimal"), "12.340", &[8, 4, 4, 0xd2, 4], "12.34"),
        (logical("bytes", "big-decimal"), "1e2", &[6, 2, 100, 0], "100"),
        (logical("string", "uuid"), r#""not checked""#, b"\x16not checked", r#""not checked""#),
        (
            fixed("uuid", 16),
            r#""00112233-4455-6677-8899-AABBCCDDEEFF""#,
            &[
                0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
                0xee, 0xff,
            ],
            r#""00112233-4455-6677-8899-aabbccddeeff""#,
        ),
        (
            fixed("duration", 12),
            r#"{"months":1,"days":2,"milliseconds":4294967295}"#,
            &[1, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255],
            r#"{"months":1,"days":2,"milliseconds":4294967295}"#,
        ),
        (logical("int", "date"), r#""1970-01-03""#, &[4], r#""1970-01-03""#),
        (logical("int", "date"), r#""1969-12-31""#, &[1], r#""1969-12-31""#),
        (logical("int", "date"), "2147483647", &[0xfe, 0xff, 0xff, 0xff, 0xf], "2147483647"),
        (logical("int", "time-millis"), r#""00:00:01.5""#, &[0xb8, 0x17], r#""00:00:01.5""#),
        (logical("int", "time-millis"), "86400000", &[0x80, 0xf0, 0xb2, 0x52], "86400000"),
        (logical("int", "time-millis"), "-1", &[1], "-1"),
        (
            logical("long", "time-micros"),
            r#""23:59:59.999999""#,
            &[0xfe, 0xff, 0xba, 0xdd, 0x83, 0x5],
            r#""23:59:59.999999""#,
        ),
        (
            logical("long", "timestamp-millis"),
            r#""1970-01-01T00:00:01.0019-00:00""#,
            &[0xd2, 0x0f],
            r#""1970-01-01T00:00:01.001Z""#,
        ),
        (
            logical("long", "timestamp-millis"),
            r#""1969-12-31T21:59:59.999-02:00""#,
            &[1],
            r#""1969-12-31T23:59:59.999Z""#,
        ),
        (
            logical("long", "timestamp-millis"),
            "9223372036854775807",
            &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            "9223372036854775807",
        ),
        (
            logical("long", "timestamp-micros"),
            r#""1970-01-01T00:00:00.000001Z""#,
            &[2],
            r#""1970-01-01T00:00:00.000001Z""#,
        ),
        (logical("long", "timestamp-nanos"), "1", &[2], r#""1970-01-01T00:00:00.000000001Z""#),
        (
            logical("long", "local-timestamp-millis"),
            r#""1970-01-01T00:00:00.001""#,
            &[2],
            r#""1970-01-01T00:00:00.001""#,
        ),
        (
            logical("long", "local-timestamp-micros"),
            r#""1970-01-01 00:00:00.000001""#,
            &[2],
            r#""1970-01-01T00:00:00.000001""#,
        ),
        (logical("long", "local-timestamp-nanos"), "1", &[2], r#""1970-01-01T00:00:00.000000001""#),
    ];
    for (schema, json, expected, shown) in &cases {
        let encoded = bytes(schema, json);
        assert_eq!(encoded, *expected, "{schema} {json}");
        assert_eq!(to_json(&encoded, &compile(schema)).as_deref(), Ok(*shown), "{schema} {json}");
        // Truncated or with an additional byte, it is not a value.
        for length in 0..expected.len() {
            assert!(to_json(&expected[..length], &compile(schema)).is_err(), "{schema} {length}");
        }
        assert!(to_json(&[expected, &[0][..]].concat(), &compile(schema)).is_err(), "{schema}");
    }
    assert_eq!(to_json(&f64::NAN.to_le_bytes(), &compile(r#""double""#)).as_deref(), Ok("null"));
    assert_eq!(to_json(&[2, 0xff], &compile(r#""bytes""#)).as_deref(), Ok(r#""ff""#));
}

#[test]
fn json_that_does_not_fit_says_where_and_why() {
    misfit(r#""int""#, "{", "the text is not JSON: EOF while parsing an object at line 1 column 1");
    misfit(r#""int""#, "1 2", "the text is not JSON: trailing characters at line 1 column 3");
    misfit(r#""int""#, "2147483648", "the value must be a whole number of at most 32 bits");
    misfit(r#""int""#, "1.5", "the value must be a whole number of at most 32 bits");
    misfit(
        r#""long""#,
        "9223372036854775808",
        "the value must be a whole number of at most 64 bits",
    );
    misfit(r#""long""#, r#""5""#, "the value must be a whole number");
    misfit(r#""double""#, "1e400", "the value must be within a double's range");
    misfit(r#""float""#, "1e40", "the value must be within a float's range");
    misfit(r#""string""#, "5", "the value must be text");
    misfit(r#""string""#, r#""\ud800""#, "the value must not contain an unpaired surrogate");
    misfit(DECIMAL, "0.001", "the value must have at most 2 decimals");
    misfit(DECIMAL, "10000", "the value must have at most 6 digits, 2 of them decimals");
    misfit(DECIMAL, "1e400", "the value must have at most 6 digits, 2 of them decimals");
    misfit(DECIMAL, r#""1,5""#, "the value must be a decimal number, or text with one");
    misfit(
        &record(r#"["null","int"]"#),
        r#"{"f":2.5}"#,
        "f must be a whole number of at most 32 bits",
    );
    misfit(
        &record(r#"["null","int","string"]"#),
        r#"{"f":true}"#,
        "f must be of one of the types null, int, string",
    );
    misfit(
        &record(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#),
        r#"{"f":"C"}"#,
        "f must be one of A, B",
    );
    misfit(
        &record(r#"{"type":"array","items":{"type":"map","values":"int"}}"#),
        r#"{"f":[{},{"a":1,"b":null}]}"#,
        "f[1].b must be a whole number",
    );
    misfit(&record(r#""int""#), "{}", "f is missing, and the schema has no default for it: add it");
    misfit(&record(r#""int""#), r#"{"f":1,"g":2}"#, "g is not a field of R (its fields are f)");
    misfit(&record(r#""int""#), r#"{"f":1,"f":2}"#, "the value must contain f only once");
    misfit(
        r#"{"type":"fixed","name":"F","size":2}"#,
        r#""abc""#,
        "the value must be text of 2 bytes, or as many in hexadecimal",
    );
    misfit(
        &logical("int", "date"),
        r#""2026-02-30""#,
        "the value must be a date (YYYY-MM-DD), or a whole number of days",
    );
    misfit(
        &logical("long", "timestamp-millis"),
        r#""2026-02-20""#,
        "the value must be an RFC 3339 time with an offset, or a whole number",
    );
    misfit(
        &logical("long", "time-micros"),
        r#""25:00:00""#,
        "the value must be a time of day (HH:MM:SS), or a whole number",
    );
}

#[test]
fn fields_are_found_by_aliases_and_absent_ones_have_defaults() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"id","aliases":["order_id","number"],"type":"string"},
        {"name":"note","type":["null","string"],"default":null},
        {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2},"default":"\u0001\u0000"}]}"#;
    let shown = r#"{"id":"a","note":null,"total":2.56}"#;
    for json in [r#"{"id":"a"}"#, r#"{"number":"a"}"#, r#"{"total":2.56,"order_id":"a"}"#] {
        assert_eq!(there_and_back(&compile(schema), json), shown);
    }
    // The name and the alias together are an error.
    misfit(
        schema,
        r#"{"id":"a","number":"b"}"#,
        "number is not a field of R (its fields are id, note, total)",
    );
}

#[test]
fn a_union_takes_the_branch_that_fits() {
    let records = r#"["null",
        {"type":"record","name":"n.A","fields":[{"name":"a","type":"int"}]},
        {"type":"record","name":"n.B","fields":[{"name":"b","type":"int"}]},
        {"type":"map","values":"int"}, "float", "double", "bytes", "string"]"#;
    let cases: [(&str, u8); 9] = [
        ("null", 0),
        (r#"{"a":1}"#, 2),
        (r#"{"b":1}"#, 4),
        (r#"{"n.B":{"b":1}}"#, 4),
        (r#"{"c":1}"#, 6),
        (r#"{"map":{"a":1}}"#, 6),
        ("0.1", 10),
        (r#"{"float":0.5}"#, 8),
        (r#""text""#, 14),
    ];
    for (json, branch) in cases {
        assert_eq!(bytes(records, json).first(), Some(&branch), "{json}");
    }
}

#[test]
fn values_nest_at_most_128_deep() {
    let node = r#"{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"],"default":null}]}"#;
    let nested = |depth: usize| [&vec![2; depth - 1][..], &[0]].concat();
    assert!(to_json(&nested(DEPTH_LIMIT), &compile(node)).is_ok());
    let fault = to_json(&nested(DEPTH_LIMIT + 1), &compile(node)).unwrap_err();
    assert_eq!(fault.to_string(), "at byte 128: values must be nested at most 128 levels deep");
    assert!(to_json(&nested(1_000_000), &compile(node)).is_err());
    // Values without bytes could repeat without end.
    let endless = r#"{"type":"record","name":"N","fields":[{"name":"n","type":"N"},{"name":"m","type":"N","default":{}}]}"#;
    assert!(to_json(&[], &compile(endless)).is_err());
    assert!(from_json("{}", &compile(r#"{"type":"record","name":"N","fields":[{"name":"n","type":"N","default":{}},{"name":"m","type":"N","default":{}}]}"#)).is_err());
    let json = format!("{}null{}", r#"{"n":"#.repeat(500), "}".repeat(500));
    assert!(from_json(&json, &compile(node)).is_err());
}

#[test]
fn values_without_bytes_are_counted() {
    // 2^62 nulls, and as many in a block with a size.
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0];
    let sized = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0, 0];
    let mut doubling = r#"{"type":"record","name":"R0","fields":[]}"#.to_owned();
    for level in 1..30 {
        doubling = format!(
            r#"{{"type":"record","name":"R{level}","fields":[{{"name":"a","type":{doubling}}},{{"name":"b","type":"R{}"}}]}}"#,
            level - 1
        );
    }
    let empties = [
        r#""null""#,
        r#"{"type":"record","name":"R","fields":[]}"#,
        r#"{"type":"fixed","name":"F","size":0}"#,
    ];
    for of in empties {
        let schema = compile(&format!(r#"{{"type":"array","items":{of}}}"#));
        for lie in [&huge[..], &sized] {
            let fault = to_json(lie, &schema).unwrap_err();
            assert!(
                fault.to_string().ends_with("there are too many values of length zero"),
                "{fault}"
            );
        }
        assert!(to_json(&[200, 1, 0], &schema).is_ok());
    }
    assert!(to_json(&[], &compile(&doubling)).is_err());
}

//! Money and times of every type that a schema can have.

use super::*;

/// An order whose total is of this type.
fn total_of(of: &str, json: &str) -> Result<String, Reason> {
    let schema =
        fields(&format!(r#"{{"name":"order_id","type":"string"}},{{"name":"total","type":{of}}}"#));
    let order = avro(&schema, &format!(r#"{{"order_id":"a","total":{json}}}"#));
    order.map(|order| order.total().to_string()).map_err(|rejection| rejection.reason())
}

/// The time of an order whose date is of this type.
fn sold_at_of(of: &str, json: &str) -> Result<String, Reason> {
    let schema = fields(&format!(
        r#"{{"name":"order_id","type":"string"}},{{"name":"total","type":"int"}},{{"name":"sold_at","type":{of}}}"#
    ));
    let order = avro(&schema, &format!(r#"{{"order_id":"a","total":1,"sold_at":{json}}}"#));
    order
        .map(|order| order.sold_at().map(|at| at.to_string()).unwrap_or_default())
        .map_err(|rejection| rejection.reason())
}

#[test]
fn money_is_exact_for_every_type() {
    let decimal = |base: &str, precision: usize, scale: usize| {
        format!(
            r#"{{"type":{base},"logicalType":"decimal","precision":{precision},"scale":{scale}}}"#
        )
    };
    let bytes = |precision, scale| decimal(r#""bytes""#, precision, scale);
    let fixed = decimal(r#""fixed","name":"Money","size":20"#, 40, 4);
    let units = r#"{"type":"record","name":"Money","fields":[{"name":"currencyCode","type":"string"},{"name":"units","type":"long"},{"name":"nanos","type":"int"}]}"#;
    let cases = [
        (r#""int""#, "12", Ok("12.00")),
        (r#""long""#, "12", Ok("12.00")),
        (r#""float""#, "349.9", Ok("349.90")),
        (r#""double""#, "349.9", Ok("349.90")),
        (r#""double""#, "349.90000000000003", Ok("349.90")),
        (r#""double""#, "0.00001", Err(Reason::OutOfRange)),
        (r#""string""#, r#""12.34""#, Ok("12.34")),
        (r#"["null","double"]"#, "12.34", Ok("12.34")),
        (&bytes(12, 2), "12.3", Ok("12.30")),
        (&bytes(60, 30), "12.3", Ok("12.30")),
        (&bytes(60, 30), "0.00001", Err(Reason::OutOfRange)),
        (
            &bytes(60, 0),
            "123456789012345678901234567890123456789012345678901",
            Err(Reason::OutOfRange),
        ),
        (&fixed, "9999999999.9999", Ok("9999999999.9999")),
        (r#"{"type":"bytes","logicalType":"big-decimal"}"#, "12.34", Ok("12.34")),
        (units, r#"{"currencyCode":"BRL","units":12,"nanos":340000000}"#, Ok("12.34")),
        (
            r#"{"type":"record","name":"M","fields":[{"name":"units","type":["null","string"]},{"name":"nanos","type":"int"}]}"#,
            r#"{"units":"12","nanos":340000000}"#,
            Ok("12.34"),
        ),
        (r#"{"type":"map","values":"long"}"#, r#"{"units":12,"nanos":340000000}"#, Ok("12.34")),
        (
            r#"{"type":"record","name":"M","fields":[{"name":"units","type":"bytes"},{"name":"nanos","type":"int"}]}"#,
            r#"{"units":"12","nanos":340000000}"#,
            Err(Reason::InvalidNumber),
        ),
        (r#""bytes""#, r#""12.34""#, Err(Reason::InvalidNumber)),
        (r#""boolean""#, "true", Err(Reason::InvalidNumber)),
        (r#"{"type":"array","items":"int"}"#, "[1]", Err(Reason::InvalidNumber)),
        (r#"["int","null"]"#, "null", Err(Reason::NoItemsNoTotal)),
    ];
    for (of, json, total) in cases {
        assert_eq!(total_of(of, json), total.map(str::to_owned), "{of} {json}");
    }
    let schema =
        compile(&fields(r#"{"name":"order_id","type":"string"},{"name":"total","type":"double"}"#));
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let bytes = [&[2, b'a'][..], &number.to_le_bytes()].concat();
        let rejection = of_bytes(&schema, &bytes).unwrap_err();
        assert_eq!(rejection.reason(), Reason::InvalidNumber);
    }
}

#[test]
fn times_are_read_by_their_type() {
    let logical =
        |base: &str, logical: &str| format!(r#"{{"type":"{base}","logicalType":"{logical}"}}"#);
    let cases = [
        (
            logical("long", "timestamp-millis"),
            r#""2026-11-22T10:11:12.345Z""#,
            Ok("2026-11-22T07:11:12.345"),
        ),
        (
            logical("long", "timestamp-micros"),
            r#""2026-11-22T10:11:12.345678Z""#,
            Ok("2026-11-22T07:11:12.345678"),
        ),
        (
            logical("long", "timestamp-nanos"),
            r#""2026-11-22T10:11:12.345678901Z""#,
            Ok("2026-11-22T07:11:12.345678"),
        ),
        (logical("long", "timestamp-millis"), "9223372036854775807", Err(Reason::InvalidDate)),
        (
            logical("long", "local-timestamp-millis"),
            r#""2026-11-22T10:11:12.345""#,
            Ok("2026-11-22T10:11:12.345"),
        ),
        (
            logical("long", "local-timestamp-micros"),
            r#""2026-11-22T10:11:12.345678""#,
            Ok("2026-11-22T10:11:12.345678"),
        ),
        (logical("int", "date"), r#""2026-11-22""#, Ok("2026-11-22T00:00:00")),
        (logical("int", "date"), "2147483647", Err(Reason::InvalidDate)),
        (logical("int", "time-millis"), r#""10:11:12""#, Err(Reason::InvalidDate)),
        (r#""long""#.to_owned(), "1795342272345", Ok("2026-11-22T07:11:12.345")),
        (r#""string""#.to_owned(), r#""22/11/2026 10:11:12""#, Ok("2026-11-22T10:11:12")),
        (
            r#"{"type":"array","items":"int"}"#.to_owned(),
            "[2026,11,22,10,11]",
            Ok("2026-11-22T10:11:00"),
        ),
    ];
    for (of, json, at) in cases {
        assert_eq!(sold_at_of(&of, json), at.map(str::to_owned), "{of} {json}");
    }
}

//! Types that represent one value: times, money, decimals, wrapped values.

use super::*;

#[test]
fn timestamps_and_days_are_times() {
    come_to(
        r#"syntax = "proto3"; import "google/protobuf/timestamp.proto"; import "google/type/date.proto";
        message M { string order_id = 1; int32 total = 2; google.protobuf.Timestamp at = 3;
            google.type.Date day = 4; }"#,
        "sold_at = [\"at\", \"day\"]\nkeep = { at = \"at\", day = \"day\", seconds = \"$.at.seconds\" }",
        &[
            (
                r#"order_id: "a" at { seconds: 1795356672 nanos: 123456789 }"#,
                r#"a total 0.00 at 2026-11-22T11:11:12.123456 kept {"at":"2026-11-22T14:11:12.123456789Z","seconds":1795356672}"#,
            ),
            (
                r#"order_id: "a" day { year: 2026 month: 11 day: 22 }"#,
                r#"a total 0.00 at 2026-11-22T00:00:00 kept {"day":"2026-11-22"}"#,
            ),
            (
                r#"order_id: "a" day { year: 2026 month: 2 day: 30 }"#,
                "invalid_date: day must be a date (DD/MM/YYYY",
            ),
        ],
    );
}

#[test]
fn money_is_units_and_nanos_and_names_its_currency() {
    let schema = r#"syntax = "proto3"; import "google/type/money.proto";
        message M { string order_id = 1; google.type.Money total = 2; Own shipping = 3; }
        message Own { string currency_code = 1; sint64 units = 2; }"#;
    let mapping = "currency = \"$.total.currency_code\"";
    come_to(
        schema,
        mapping,
        &[
            (
                r#"order_id: "a" total { currency_code: "BRL" units: 12 nanos: 340000000 }"#,
                "a total 12.34",
            ),
            (r#"order_id: "a" total { currency_code: "BRL" nanos: 50000000 }"#, "a total 0.05"),
            (r#"order_id: "a" total { currency_code: "BRL" units: 7 }"#, "a total 7.00"),
            (r#"order_id: "a" total { currency_code: "BRL" }"#, "a total 0.00"),
            (r#"order_id: "a" total { }"#, "a total 0.00"),
            (
                r#"order_id: "a" total { currency_code: "USD" units: 7 }"#,
                "other_currency: total.currency_code must be BRL (orders.currency)",
            ),
            (
                r#"order_id: "a" total { units: 7 } shipping { units: 2 }"#,
                "a total 7.00 charges 2.00",
            ),
        ],
    );
}

#[test]
fn parts_of_money_may_be_texts_and_invalid_ones_are_not_ignored() {
    come_to(
        r#"syntax = "proto3";
        message M { string order_id = 1; double total = 2; Own shipping = 3; }
        message Own { string currency_code = 1; optional string units = 2; optional int32 nanos = 3; }"#,
        "shipping = \"shipping\"\ncurrency = \"$.shipping.currency_code\"",
        &[
            (
                r#"order_id: "a" total: 20 shipping { units: "7" nanos: 500000000 }"#,
                "a total 20.00 charges 7.50",
            ),
            (
                r#"order_id: "a" total: 20 shipping { units: "seven" }"#,
                "invalid_number: shipping must be a decimal number",
            ),
        ],
    );
}

#[test]
fn a_charge_of_zero_counts_as_absent_with_any_number_of_decimals() {
    come_to(
        r#"syntax = "proto3"; import "google/type/decimal.proto"; import "confluent/type/decimal.proto";
        message M { string order_id = 1; google.type.Decimal shipping_fee = 2; confluent.type.Decimal tax_amount = 3;
            int32 total = 4; }"#,
        "",
        &[
            (r#"order_id: "a" tax_amount { scale: 2 }"#, "a total 0.00"),
            (r#"order_id: "a" tax_amount { value: "\x00" scale: 70 }"#, "a total 0.00"),
            (r#"order_id: "a" shipping_fee { value: "0.00" }"#, "a total 0.00"),
            (
                r#"order_id: "a" tax_amount { value: "\x01" scale: 2 }"#,
                "a total 0.00 unmapped charge",
            ),
        ],
    );
}

#[test]
fn decimals_are_exact() {
    come_to(
        r#"syntax = "proto3"; import "google/type/decimal.proto"; import "confluent/type/decimal.proto";
        message M { string order_id = 1; google.type.Decimal text = 2; confluent.type.Decimal bytes = 3; }"#,
        "total = [\"text\", \"bytes\"]",
        &[
            (r#"order_id: "a" text { value: "+12.34" }"#, "a total 12.34"),
            (r#"order_id: "a" text { value: ".5" }"#, "a total 0.50"),
            (r#"order_id: "a" text { value: "1E3" }"#, "a total 1000.00"),
            (
                r#"order_id: "a" text { value: "x" }"#,
                "invalid_number: text must be a decimal number",
            ),
            (r#"order_id: "a" text { }"#, "invalid_number: text must be a decimal number"),
            (
                r#"order_id: "a" bytes { value: "\x30\x39" precision: 5 scale: 2 }"#,
                "a total 123.45",
            ),
            (r#"order_id: "a" bytes { value: "\x30\x39" scale: -2 }"#, "a total 1234500.00"),
            (r#"order_id: "a" bytes { }"#, "a total 0.00"),
            (
                r#"order_id: "a" bytes { value: "\x30\x39" scale: 5 }"#,
                "out_of_range: bytes must have at most 4 decimals",
            ),
            (r#"order_id: "a" bytes { value: "\xff" }"#, "negative_total: bytes must be 0 or more"),
            (
                r#"order_id: "a" bytes { value: "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" scale: 30 }"#,
                "out_of_range: bytes must have at most 4 decimals",
            ),
        ],
    );
}

#[test]
fn wrapped_values_are_values_that_may_be_absent() {
    come_to(
        r#"syntax = "proto3"; import "google/protobuf/wrappers.proto";
        message M { google.protobuf.StringValue order_id = 1; google.protobuf.DoubleValue total = 2;
            google.protobuf.Int64Value a = 3; google.protobuf.UInt64Value b = 4; google.protobuf.BoolValue c = 5;
            google.protobuf.FloatValue d = 6; google.protobuf.BytesValue e = 7; google.protobuf.Int32Value f = 8; }"#,
        "keep = { a = \"a\", b = \"b\", c = \"c\", d = \"d\", f = \"f\" }",
        &[
            (r#"order_id { value: "a" } total { value: 1.10 }"#, "a total 1.10"),
            (
                r#"order_id { value: "a" } total { } a { value: -9223372036854775808 }
                   b { value: 18446744073709551615 } c { } d { value: 349.9 } f { value: -1 }"#,
                r#"a total 0.00 kept {"a":-9223372036854775808,"b":18446744073709551615,"c":false,"d":349.9,"f":-1}"#,
            ),
            (
                r#"order_id { value: "a" }"#,
                "no_items_no_total: the order must have items or a total",
            ),
        ],
    );
}

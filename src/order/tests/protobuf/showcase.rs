//! Orders of OpenTelemetry's demo (github.com/open-telemetry/opentelemetry-demo), with its own
//! money type.

use super::*;

const SCHEMA: &str = r#"
    syntax = "proto3";
    package oteldemo;
    message CartItem { string product_id = 1; int32 quantity = 2; }
    message Address {
        string street_address = 1; string city = 2; string state = 3; string country = 4;
        string zip_code = 5;
    }
    message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }
    message OrderItem { CartItem item = 1; Money cost = 2; }
    message OrderResult {
        string order_id = 1; string shipping_tracking_id = 2; Money shipping_cost = 3;
        Address shipping_address = 4; repeated OrderItem items = 5;
    }"#;

const MAPPING: &str = r#"
    product = "$.item.product_id"
    quantity = "$.item.quantity"
    unit_price = "cost"
    shipping = "shipping_cost"
    currency = "$.shipping_cost.currency_code""#;

#[test]
fn an_order_of_opentelemetrys_demo_is_understood() {
    let sample = Sample::of_message(SCHEMA, "OrderResult");
    let rules = rules_by(MAPPING, &sample);
    let order = sample.encode(
        "oteldemo.OrderResult",
        r#"order_id: "8b4f" shipping_tracking_id: "t"
        shipping_cost { currency_code: "BRL" units: 8 nanos: 990000000 }
        shipping_address { street_address: "SECRET" }
        items { item { product_id: "OLJCESPC7Z" quantity: 2 }
                cost { currency_code: "BRL" units: 101 nanos: 960000000 } }
        items { item { product_id: "66VCHSJNUP" quantity: 1 }
                cost { currency_code: "BRL" units: 349 nanos: 950000000 } }"#,
    );
    assert_eq!(
        told(&rules, &order),
        "8b4f total 562.86 charges 8.99 [OLJCESPC7Z 2 203.92; 66VCHSJNUP 1 349.95]"
    );
    let free = sample.encode("oteldemo.OrderResult", r#"order_id: "8b4f""#);
    assert_eq!(told(&rules, &free), "no_items_no_total: the order must have items or a total");
}

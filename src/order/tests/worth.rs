//! The value of orders, and their numbers.

use super::*;

#[test]
fn every_item_priced_gives_the_exact_sum_of_quantity_times_unit_price() {
    let sum = |items: &str| total(&format!(r#"{{"order_number":1,"items":[{items}]}}"#));
    assert_eq!(sum(r#"{"qty":1,"unit_price":0.1},{"qty":1,"unit_price":0.2}"#), "0.30");
    assert_eq!(sum(r#"{"qty":1,"unit_price":9999999999.9999}"#), "9999999999.9999");
    assert_eq!(
        sum(r#"{"qty":999999.9999,"unit_price":9999999999.9999}"#),
        "9999999998999900.00000001"
    );
    assert_eq!(sum(r#"{"qty":"1.500","unit_price":"12.30"}"#), "18.45");
    assert_eq!(sum(r#"{"qty":1,"unit_price":349.90000000000003}"#), "349.90");
    assert_eq!(sum(r#"{"qty":1,"unit_price":1e2}"#), "100.00");
    assert_eq!(sum(r#"{"qty":0.333,"unit_price":1}"#), "0.333");
    assert_eq!(sum(r#"{"qty":3,"unit_price":0}"#), "0.00");
    assert_eq!(sum(r#"{"qty":3,"unit_price":-0}"#), "0.00");
    assert_eq!(sum(r#"{"qty":10.000,"unit_price":1.000}"#), "10.00");
}

#[test]
fn an_item_without_a_product_counts_for_the_total_only() {
    let json = r#"{"order_number":1,"items":[{"qty":1,"unit_price":2},{"product":"a","qty":3,"unit_price":4}]}"#;
    assert_eq!(total(json), "14.00");
    assert_eq!(items(json), ["a: 3 for 12.00"]);
    let json = r#"{"order_number":1,"items":[{"qty":1},{"product":"a","qty":3}],"total":10}"#;
    assert_eq!(total(json), "10.00");
    assert_eq!(items(json), ["a: 3 for 7.50"]);
}

#[test]
fn a_stated_total_must_agree_with_priced_items_and_the_computed_one_is_kept() {
    let two = |total: &str| {
        format!(
            r#"{{"order_number":1,"order_items":[{{"qty":1,"unit_price":1.111}},{{"qty":1,"unit_price":1}}],"total":{total}}}"#
        )
    };
    for stated in ["2.111", "2.11", "2.101", "2.121", r#""2.12""#] {
        assert_eq!(total(&two(stated)), "2.111", "{stated}");
    }
    for stated in ["2.1009", "2.1211", "0", "211.1", "9999999999999999.9999"] {
        rejected(
            &two(stated),
            Reason::TotalMismatch,
            "the total must be the sum of the amounts of order_items, to within half a cent per line",
        );
    }
}

#[test]
fn no_item_priced_splits_the_stated_total_by_quantity() {
    let split = |total: &str, quantities: &[&str]| {
        let list: Vec<_> =
            quantities.iter().map(|qty| format!(r#"{{"product":"p","qty":{qty}}}"#)).collect();
        items(&format!(r#"{{"order_id":"a","items":[{}],"total":{total}}}"#, list.join(",")))
    };
    assert_eq!(split("10", &["1", "1", "1"]), ["p: 1 for 3.34", "p: 1 for 3.33", "p: 1 for 3.33"]);
    assert_eq!(split("0.01", &["1", "2"]), ["p: 1 for 0.00", "p: 2 for 0.01"]);
    assert_eq!(split("1.001", &["1", "1"]), ["p: 1 for 0.501", "p: 1 for 0.50"]);
    assert_eq!(split("0", &["0.5"]), ["p: 0.5 for 0.00"]);
    assert_eq!(
        split("9999999999999999.9999", &["999999.9999"]),
        ["p: 999999.9999 for 9999999999999999.9999"]
    );
}

#[test]
fn some_items_priced_and_some_not_is_rejected() {
    for total in ["", r#","total":5"#] {
        rejected(
            &format!(
                r#"{{"order_id":"a","itens":[{{"qty":1,"unit_price":2}},{{"qty":1,"unit_price":null}}]{total}}}"#
            ),
            Reason::PartlyPriced,
            "itens must all have a price, or none of them",
        );
    }
}

#[test]
fn items_without_prices_need_a_total() {
    rejected(
        r#"{"order_id":"a","items":[{"qty":1}]}"#,
        Reason::MissingTotal,
        "items must have prices, or the order a total",
    );
}

#[test]
fn no_items_and_no_total_is_rejected_and_a_total_alone_is_an_order() {
    for list in ["", r#","items":[]"#, r#","items":null,"total":null"#] {
        rejected(
            &format!(r#"{{"order_id":"a"{list}}}"#),
            Reason::NoItemsNoTotal,
            "the order must have items or a total",
        );
    }
    for list in ["", r#","items":[]"#, r#","items":null"#] {
        let json = format!(r#"{{"order_id":"a","total":12.3{list}}}"#);
        assert_eq!((total(&json).as_str(), items(&json).len()), ("12.30", 0));
    }
}

#[test]
fn an_order_has_at_most_9999_items() {
    let order = |count| {
        let list = vec![r#"{"qty":1,"unit_price":1}"#; count].join(",");
        format!(r#"{{"order_id":"a","items":[{list}]}}"#)
    };
    assert_eq!(total(&order(9_999)), "9999.00");
    rejected(&order(10_000), Reason::OutOfRange, "items must contain at most 9999 items");
}

#[test]
fn quantities_are_above_0_and_prices_and_totals_0_or_more() {
    let item =
        |item: &str| format!(r#"{{"order_id":"a","items":[{{"qty":1,"unit_price":1}},{item}]}}"#);
    for (json, reason, detail) in [
        (item(r#"{"unit_price":1}"#), Reason::MissingQuantity, "items[1] must have a quantity"),
        (
            item(r#"{"qty":null,"unit_price":1}"#),
            Reason::MissingQuantity,
            "items[1] must have a quantity",
        ),
        (
            item(r#"{"qty":0,"unit_price":1}"#),
            Reason::QuantityNotPositive,
            "items[1].qty must be above 0",
        ),
        (
            item(r#"{"qty":-0,"unit_price":1}"#),
            Reason::QuantityNotPositive,
            "items[1].qty must be above 0",
        ),
        (
            item(r#"{"qty":-1,"unit_price":1}"#),
            Reason::QuantityNotPositive,
            "items[1].qty must be above 0",
        ),
        (
            item(r#"{"qty":1e-9,"unit_price":1}"#),
            Reason::QuantityNotPositive,
            "items[1].qty must be above 0",
        ),
        (
            item(r#"{"qty":1,"unit_price":-0.01}"#),
            Reason::NegativePrice,
            "items[1].unit_price must be 0 or more",
        ),
        (
            r#"{"order_id":"a","valor_total":-0.01}"#.to_owned(),
            Reason::NegativeTotal,
            "valor_total must be 0 or more",
        ),
    ] {
        rejected(&json, reason, detail);
    }
    assert_eq!(total(r#"{"order_id":"a","total":-0.00}"#), "0.00");
}

#[test]
fn a_number_is_a_json_number_or_a_string_with_one() {
    for value in [r#""12,30""#, r#""NaN""#, r#""""#, "true", "[]", "{}", r#""\ud800""#] {
        rejected(
            &format!(r#"{{"order_id":"a","items":[{{"quantidade":{value}}}],"total":1}}"#),
            Reason::InvalidNumber,
            "items[0].quantidade must be a decimal number",
        );
        rejected(
            &format!(r#"{{"order_id":"a","total":{value}}}"#),
            Reason::InvalidNumber,
            "total must be a decimal number",
        );
    }
    assert_eq!(total(r#"{"order_id":"a","total":"12.30"}"#), "12.30");
}

#[test]
fn numbers_beyond_their_bounds_are_rejected_and_never_rounded() {
    let largest_total = "must be 0 or more and below 10,000,000,000,000,000";
    for value in ["123456789012345678.91", "12345678901234567890123456789", "1e400", "-1e400"] {
        rejected(
            &format!(r#"{{"order_id":"a","total":{value}}}"#),
            Reason::OutOfRange,
            &format!("total {largest_total}"),
        );
    }
    for (item, detail) in [
        (r#"{"qty":1000000,"unit_price":1}"#, "items[0].qty must be above 0 and below 1,000,000"),
        (
            r#"{"qty":1,"unit_price":10000000000}"#,
            "items[0].unit_price must be 0 or more and below 10,000,000,000",
        ),
        (r#"{"qty":1.00001,"unit_price":1}"#, "items[0].qty must have at most 4 decimals"),
        (r#"{"qty":1,"unit_price":0.12345}"#, "items[0].unit_price must have at most 4 decimals"),
    ] {
        rejected(&format!(r#"{{"order_id":"a","items":[{item}]}}"#), Reason::OutOfRange, detail);
    }
}

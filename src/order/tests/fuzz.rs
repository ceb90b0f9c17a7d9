//! For any bytes: an order with all its properties or a rejection, and never a panic.

use proptest::{collection::vec, prelude::*};
use rust_decimal::Decimal;

use super::*;

/// What must hold for every payload.
pub(super) fn check(payload: &[u8]) -> Result<(), TestCaseError> {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(payload).is_ok();
    let trimmed = payload.trim_ascii_start();
    let is_object = is_json && trimmed.starts_with(b"{");
    let is_list = is_json && trimmed.starts_with(b"[");
    match rules().understand_value(Some(payload)) {
        Ok(meaning) => {
            prop_assert!(is_object || is_list);
            prop_assert_eq!(is_object, matches!(meaning, Meaning::Order(_)));
            prop_assert!(!meaning.orders().is_empty());
            for order in meaning.orders() {
                check_order(order, payload)?;
            }
            // If all items have a product, nothing is missing from the sum.
            if let Meaning::Order(order) = &meaning
                && items(payload) == Some(order.items().len())
                && !order.items().is_empty()
            {
                let sum: Decimal = order.items().iter().map(|item| item.amount()).sum();
                prop_assert_eq!(sum + order.charges(), order.total());
            }
        }
        Err(rejection) => {
            prop_assert!(!rejection.detail().is_empty());
            prop_assert!(!rejection.detail().contains("SECRET"));
            match rejection.reason() {
                Reason::NotUtf8 | Reason::ByteOrderMark | Reason::TooDeep => {}
                Reason::NotJson => prop_assert!(!is_json),
                Reason::NotAnObject => prop_assert!(is_json && !is_object),
                _ => prop_assert!(is_object || is_list),
            }
        }
    }
    Ok(())
}

/// What must hold for every order.
fn check_order(order: &Order, payload: &[u8]) -> Result<(), TestCaseError> {
    prop_assert!(order.number().is_some() != order.id().is_some());
    prop_assert!(order.is_in_sales() || order.is_in_orders());
    prop_assert!(order.total() >= Decimal::ZERO && order.total().scale() >= 2);
    for item in order.items() {
        prop_assert!(!item.product().trim().is_empty() && !item.product().contains('\0'));
        prop_assert!(item.quantity() > Decimal::ZERO && item.amount() >= Decimal::ZERO);
    }
    let sum: Decimal = order.items().iter().map(|item| item.amount()).sum();
    prop_assert!(sum + order.charges() <= order.total());
    // It contains no more than the payload.
    let texts: usize = order.items().iter().map(|item| item.product().len()).sum();
    prop_assert!(texts + order.id().map_or(0, str::len) <= payload.len());
    let smallest = r#"{"qty":1}"#.len();
    prop_assert!(order.items().len() <= payload.len() / smallest);
    Ok(())
}

/// The number of items in the payload, if serde_json's values can represent it.
fn items(payload: &[u8]) -> Option<usize> {
    let value: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let lists = ["order_items", "items", "produtos_comprados", "itens"];
    lists.iter().find_map(|name| value.get(name)?.as_array()).map(Vec::len)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec![
            "order_number", "order_id", "items", "order_items", "total", "sold_at", "product", "qty",
            "unit_price", "id_ordem",
        ]).prop_map(str::to_owned),
        1 => Just("SECRET".to_owned()),
        1 => Just(r"q\u0074y".to_owned()),
        1 => Just(r"\ud800".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,6})?(e-?[0-9]{1,3})?",
        2 => "\"(0|[1-9][0-9]{0,4})(\\.[0-9]{1,6})?\"",
        4 => prop::sample::select(vec![
            "null", "true", "\"SECRET\"", "\"\"", "\" \"", r#""\ud800SECRET""#, r#""SECRET\u0000""#,
            "\"22/11/2026 10:11:12\"", "\"2026-11-22T10:11:12.5-03:00\"", "\"SECRET/11/2026\"", "1e400",
        ]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|list| format!("[{}]", list.join(","))),
            vec((name(), inner), 0..6).prop_map(|fields| object(&fields)),
        ]
    })
}

fn object(fields: &[(String, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// An order whose items all have a product, with or without prices, and usually with a total.
fn plausible() -> impl Strategy<Value = String> {
    let quantity = "([1-9][0-9]{0,5}|0\\.[0-9]{3}[1-9])";
    let money = "(0|[1-9][0-9]{0,9})(\\.[0-9]{1,4})?";
    (vec((quantity, money), 1..12), money, any::<bool>()).prop_map(|(items, total, priced)| {
        let item = |(quantity, price): &(String, String)| {
            let price = if priced { format!(r#","unit_price":{price}"#) } else { String::new() };
            format!(r#"{{"product":"SECRET","qty":{quantity}{price}}}"#)
        };
        let items: Vec<_> = items.iter().map(item).collect();
        let total = if priced { String::new() } else { format!(r#","total":{total}"#) };
        format!(r#"{{"order_id":"SECRET","items":[{}]{total}}}"#, items.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_bytes(payload in vec(any::<u8>(), 0..200)) {
        check(&payload)?;
    }

    #[test]
    fn any_characters_of_json(payload in r#"[\[\]{}",:\\0-9eE.+\-a-fntrul \u{0}\u{feff}ç]{0,60}"#) {
        check(payload.as_bytes())?;
    }

    #[test]
    fn any_object(fields in vec((name(), value()), 0..8)) {
        check(object(&fields).as_bytes())?;
    }

    #[test]
    fn any_damage_to_a_plausible_order(
        json in plausible(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut payload = json.into_bytes();
        for (index, byte, how) in damage {
            let index = index.index(payload.len());
            match how {
                0 => payload[index] = byte,
                1 => payload.insert(index, byte),
                _ => drop(payload.drain(index..)),
            }
            if payload.is_empty() {
                break;
            }
        }
        check(&payload)?;
    }

    #[test]
    fn items_that_all_name_a_product_sum_to_their_order(json in plausible()) {
        let order = understand(&json).unwrap();
        let sum: Decimal = order.items().iter().map(|item| item.amount()).sum();
        prop_assert_eq!(sum, order.total());
        check(json.as_bytes())?;
    }

    #[test]
    fn the_order_of_the_fields_makes_no_difference(
        fields in vec((name(), value()), 0..6).prop_shuffle(),
    ) {
        let reversed: Vec<_> = fields.iter().rev().cloned().collect();
        let (there, back) = (understand(&object(&fields)), understand(&object(&reversed)));
        prop_assert_eq!(there.is_ok(), back.is_ok());
        if let (Ok(there), Ok(back)) = (there, back) {
            prop_assert!(there == back);
        }
    }
}

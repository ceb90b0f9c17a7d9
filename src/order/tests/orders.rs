//! Valid orders, and orders that violate a rule.

use uuid::Uuid;

use super::*;
use crate::kafka::{Record, TopicPartition};

const NUMBERED: &str = r#"{"order_number": 17, "order_items": [{"qty": 3, "value_unit": 12.34}, {"qty": 1, "value_unit": 99.90}]}"#;
const FIRST_EDITION: &str = r#"{"id_ordem": "0d9f", "documento_cliente": "123.456.789-09", "produtos_comprados": [{"nome_produto": "Notebook", "quantidade": 2}], "valor_total": 6999.80, "data_hora_venda": "22/11/2026 10:11:12"}"#;
const SECOND_EDITION: &str = r#"{"id_ordem": "0d9f", "documento_cliente": "123.456.789-09", "produtos_comprados": [{"nome_produto": "Notebook", "quantidade": 2, "preco_unitario": 3499.90}], "data_hora_venda": "22/11/2026 10:11:12"}"#;

#[test]
fn both_challenges_are_understood() {
    let numbered = order(NUMBERED);
    assert_eq!((numbered.number(), numbered.id()), (Some(17), None));
    assert_eq!(numbered.total().to_string(), "136.92");
    assert!(numbered.items().is_empty() && numbered.sold_at().is_none());
    for json in [FIRST_EDITION, SECOND_EDITION] {
        let order = order(json);
        assert_eq!((order.number(), order.id()), (None, Some("0d9f")));
        assert_eq!(order.total().to_string(), "6999.80");
        assert_eq!(order.sold_at().unwrap().to_string(), "2026-11-22T10:11:12");
        assert_eq!(items(json), ["Notebook: 2 for 6999.80"]);
    }
}

#[test]
fn every_built_in_name_is_understood() {
    for number in ["order_number", "numero_pedido"] {
        assert_eq!(order(&format!(r#"{{"{number}":1,"total":1}}"#)).number(), Some(1));
    }
    for id in ["order_id", "id_ordem", "id_pedido"] {
        assert_eq!(order(&format!(r#"{{"{id}":"a","total":1}}"#)).id(), Some("a"));
    }
    for list in ["order_items", "items", "produtos_comprados", "itens"] {
        for product in ["product", "nome_produto", "produto"] {
            for quantity in ["qty", "quantity", "quantidade"] {
                for price in ["value_unit", "unit_price", "preco_unitario"] {
                    let json = format!(
                        r#"{{"order_id":"a","{list}":[{{"{product}":"p","{quantity}":2,"{price}":3}}]}}"#
                    );
                    assert_eq!(items(&json), ["p: 2 for 6.00"]);
                }
            }
        }
    }
    for name in ["total", "valor_total"] {
        assert_eq!(total(&format!(r#"{{"order_id":"a","{name}":7}}"#)), "7.00");
    }
    for name in ["sold_at", "data_hora_venda"] {
        let json = format!(r#"{{"order_id":"a","total":7,"{name}":"2026-11-22T13:11:12Z"}}"#);
        assert_eq!(order(&json).sold_at().unwrap().to_string(), "2026-11-22T10:11:12");
    }
}

#[test]
fn added_names_are_understood_and_field_names_may_be_escaped() {
    let vocabulary = vec![(Role::Quantity, "menge".to_owned())];
    let rules = rules_of(MappingSettings { vocabulary, ..MappingSettings::default() });
    let json =
        r#"{"\u006frder_id":"a","it\u0065ms":[{"m\u0065nge":2,"value\u005funit":"\u0031.5"}]}"#;
    let meaning = rules.understand_value(Some(json.as_bytes())).unwrap();
    assert_eq!(meaning.orders()[0].total().to_string(), "3.00");
}

#[test]
fn unknown_fields_are_ignored_regardless_of_their_value() {
    let deep = "[".repeat(100) + &"]".repeat(100);
    for value in [
        "1e999999",
        r#""\ud800""#,
        r#""a\u0000b""#,
        r#"{"a":1,"a":2,"qty":[],"order_id":{}}"#,
        "[null,{},[]]",
        &"9".repeat(10_000),
        &deep,
    ] {
        let json = format!(
            r#"{{"x":{value},"order_id":"a","x":{value},"items":[{{"y":{value},"qty":1,"y":{value},"unit_price":2}}],"\ud800":{value},"qty":{value}}}"#
        );
        assert_eq!(total(&json), "2.00", "{value}");
    }
}

#[test]
fn names_of_fields_are_case_sensitive() {
    rejected(
        r#"{"Order_id":"a","total":1}"#,
        Reason::MissingIdentity,
        "the order must have a number or an id",
    );
}

#[test]
fn two_fields_of_one_role_are_a_duplicate_even_if_null() {
    for (json, detail) in [
        (r#"{"order_id":"a","order_id":"a","total":1}"#, "the order contains order_id twice"),
        (
            r#"{"order_id":"a","id_ordem":null,"total":1}"#,
            "the order contains both order_id and id_ordem, which are the same role (order_id)",
        ),
        (r#"{"order_id":"a","total":null,"total":1}"#, "the order contains total twice"),
        (
            r#"{"order_id":"a","items":null,"itens":[],"total":1}"#,
            "the order contains both items and itens, which are the same role (items)",
        ),
        (
            r#"{"order_id":"a","order_items":[{"qty":1},{"qty":1,"q\u0074y":2}],"total":1}"#,
            "order_items[1] contains qty twice",
        ),
        (
            r#"{"order_id":"a","items":[{"qty":1,"unit_price":1,"preco_unitario":1}]}"#,
            "items[0] contains both unit_price and preco_unitario, which are the same role \
             (unit_price)",
        ),
    ] {
        rejected(json, Reason::DuplicateField, detail);
    }
}

#[test]
fn null_counts_as_absent() {
    assert_eq!(total(r#"{"order_number":null,"order_id":"a","items":null,"total":1}"#), "1.00");
    let json = r#"{"order_id":"a","total":null,"sold_at":null,"items":[{"product":null,"qty":1,"unit_price":2}]}"#;
    assert_eq!((total(json).as_str(), items(json).len()), ("2.00", 0));
    rejected(
        r#"{"order_id":null,"total":1}"#,
        Reason::MissingIdentity,
        "the order must have a number or an id",
    );
}

#[test]
fn an_order_has_a_number_or_an_id_and_not_both() {
    rejected(r#"{"total":1}"#, Reason::MissingIdentity, "the order must have a number or an id");
    rejected(
        r#"{"order_number":17,"order_id":"17","total":1}"#,
        Reason::TwoIdentities,
        "order_number and order_id must not both be present",
    );
    rejected(
        r#"{"order_number":17.0,"total":1}"#,
        Reason::InvalidOrderNumber,
        "order_number must be a plain integer",
    );
    rejected(
        r#"{"order_number":2147483648,"total":1}"#,
        Reason::OutOfRange,
        "order_number must be between -2147483648 and 2147483647",
    );
    rejected(
        r#"{"order_id":"  ","total":1}"#,
        Reason::InvalidOrderId,
        "order_id must not be blank",
    );
    assert_eq!(order(r#"{"order_id":17,"total":1}"#).id(), Some("17"));
}

#[test]
fn items_are_a_list_of_objects() {
    for (items, detail) in [
        ("{}", "items must be a list"),
        ("5", "items must be a list"),
        ("1e400", "items must be a list"),
        (r#""\ud800""#, "items must be a list"),
        ("false", "items must be a list"),
        ("[5]", "items[0] must be an object"),
        ("[{},null]", "items[1] must be an object"),
        ("[{},{},[]]", "items[2] must be an object"),
        (r#"[{},"order"]"#, "items[1] must be an object"),
    ] {
        let json = format!(r#"{{"order_id":"a","items":{items},"total":1}}"#);
        rejected(&json, Reason::InvalidItems, detail);
    }
}

#[test]
fn a_number_in_the_place_of_items_is_always_reported_alike() {
    let place = |text: &str| vec![vec![Place::parse(text).unwrap()]];
    let places = vec![(Role::Items, place("lines")), (Role::Tax, place("lines"))];
    let rules = rules_of(MappingSettings { places, ..MappingSettings::default() });
    for lines in ["5", "1e400", "false", "\"5\""] {
        let json = format!(r#"{{"order_id":"a","lines":{lines},"total":1}}"#);
        let rejection = rules.understand_value(Some(json.as_bytes())).unwrap_err();
        assert_eq!(
            (rejection.reason(), rejection.detail()),
            (Reason::InvalidItems, "lines must be a list")
        );
    }
}

#[test]
fn products_are_stored_unchanged_and_must_be_valid_text() {
    let product = |json: &str| {
        format!(
            r#"{{"order_id":"a","items":[{{"qty":1,"unit_price":1}},{{"produto":{json},"qty":1,"unit_price":1}}]}}"#
        )
    };
    let longest = "ã".repeat(200);
    assert_eq!(items(&product(r#"" Caf\u00e9 \"x\" ""#)), [" Café \"x\" : 1 for 1.00"]);
    assert_eq!(items(&product(&format!("\"{longest}\""))), [format!("{longest}: 1 for 1.00")]);
    assert_eq!(items(&product("-17")), ["-17: 1 for 1.00"]);
    for (json, reason, rule) in [
        ("5.5", Reason::InvalidProduct, "must be text"),
        ("{}", Reason::InvalidProduct, "must be text"),
        (r#""""#, Reason::InvalidProduct, "must not be blank"),
        (r#"" \n\u3000""#, Reason::InvalidProduct, "must not be blank"),
        (&format!("\"{longest}a\""), Reason::InvalidProduct, "must have at most 200 characters"),
        (r#""a\u0000""#, Reason::NulCharacter, "must not contain the character U+0000"),
        (r#""\udfff""#, Reason::LoneSurrogate, "must not contain an unpaired surrogate"),
    ] {
        rejected(&product(json), reason, &format!("items[1].produto {rule}"));
    }
}

#[test]
fn a_record_is_judged_as_a_whole_and_a_bad_date_rejects_a_numbered_order_too() {
    for date in [r#""31/02/2026 10:11:12""#, r#""22/11/2026 24:00:00""#] {
        rejected(
            &format!(r#"{{"order_number":1,"total":1,"sold_at":{date}}}"#),
            Reason::InvalidDate,
            "sold_at must be an existing date and time",
        );
    }
    for date in [r#""22/11/26 10:11:12""#, r#""""#, "20261122", "{}", r#""\ud800""#] {
        let json = format!(r#"{{"order_number":1,"total":1,"sold_at":{date}}}"#);
        assert_eq!(understand(&json).unwrap_err().reason(), Reason::InvalidDate, "{date}");
    }
    // Slashes as escaped by PHP.
    let json = r#"{"order_number":1,"total":1,"sold_at":"22\/11\/2026 10:11:12"}"#;
    assert_eq!(order(json).sold_at().unwrap().to_string(), "2026-11-22T10:11:12");
}

#[test]
fn a_number_writes_sales_and_an_id_or_products_write_orders() {
    let rows = |json: &str| (order(json).is_in_sales(), order(json).is_in_orders());
    assert_eq!(rows(NUMBERED), (true, false));
    assert_eq!(rows(FIRST_EDITION), (false, true));
    assert_eq!(rows(r#"{"order_id":"a","total":1}"#), (false, true));
    let named = r#"{"order_number":1,"items":[{"product":"p","qty":1,"unit_price":1}]}"#;
    assert_eq!(rows(named), (true, true));
}

#[test]
fn nothing_of_the_payload_is_printed_by_debug() {
    assert_eq!(format!("{:?}", order(FIRST_EDITION)), "Order { items: 1, .. }");
    assert_eq!(format!("{:?}", order(FIRST_EDITION).items()), "[Item { .. }]");
    assert_eq!(format!("{:?}", order(FIRST_EDITION).key()), "Id");
}

#[test]
fn a_key_that_is_not_valid_json_has_no_fields() {
    let rules = rules_of(MappingSettings {
        places: vec![(Role::OrderId, vec![vec![Place::parse("key:$.id").unwrap()]])],
        ..MappingSettings::default()
    });
    let topic = TopicPartition { topic: "t".into(), partition: 0, topic_id: Uuid::nil() };
    let with_key = |key: &'static str| {
        let payload = Some(r#"{"total": 1}"#.into());
        let record = Record { key: Some(key.into()), payload, ..Record::default() };
        rules.understand(&topic, &record, &crate::format::Schemas::default())
    };
    assert_eq!(with_key(r#"{"id": "a"}"#).unwrap().orders()[0].id(), Some("a"));
    for key in [r#"{"id": "a""#, r#"{"id": "a"} x"#, "a", ""] {
        assert_eq!(with_key(key).unwrap_err().reason(), Reason::MissingIdentity, "{key}");
    }
}

#[test]
fn an_event_type_that_cancels_is_an_unmapped_status() {
    let unmapped = |order: &crate::order::Order| order.unmapped().kinds().collect::<Vec<_>>();
    let whole = |name: &str, kind: &str| {
        order(&format!(r#"{{"{name}": "{kind}", "order_id": "a", "total": 5}}"#))
    };
    for name in ["eventType", "event_type", "EventType", "type", "event"] {
        assert_eq!(unmapped(&whole(name, "ORDER_CANCELLED")), [1], "{name}");
        assert!(unmapped(&whole(name, "ORDER_PLACED")).is_empty(), "{name}");
    }
    // A status that no role reads is always reported.
    assert_eq!(unmapped(&whole("final_status", "PAID")), [1]);
    let records = MappingSettings {
        records: vec![Place::parse("$.data").unwrap()],
        ..MappingSettings::default()
    };
    let rules = rules_of(records);
    let of = |json: &str| match rules.understand_value(Some(json.as_bytes())) {
        Ok(meaning) => meaning.orders().iter().map(unmapped).collect::<Vec<_>>(),
        Err(rejection) => panic!("{json}: {rejection}"),
    };
    // Next to the order, before it or after it.
    assert_eq!(of(r#"{"type": "cancelled", "data": {"order_id": "a", "total": 5}}"#), [[1]]);
    assert_eq!(of(r#"{"data": {"order_id": "a", "total": 5}, "type": "cancelled"}"#), [[1]]);
    // Within one of several orders, only for that order.
    let two = r#"{"data": [{"order_id": "a", "total": 5, "type": "cancelled"}, {"order_id": "b", "total": 5}]}"#;
    assert_eq!(of(two), [vec![1], vec![]]);
}

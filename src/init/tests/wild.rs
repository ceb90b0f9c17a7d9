//! Records of other producers, and the mapping proposed for each.

use bytes::Bytes;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::{
    init::{
        outcome::outcome,
        proposal::Proposal,
        propose::{Input, propose},
        render,
        rules::rules,
    },
    kafka::{Record, TopicPartition},
};

fn sample(records: &[&str]) -> Vec<(TopicPartition, Record)> {
    let partition = TopicPartition { topic: "wild".into(), partition: 0, topic_id: Uuid::nil() };
    let record = |payload: &&str| Record {
        payload: Some(Bytes::copy_from_slice(payload.as_bytes())),
        ..Record::default()
    };
    records.iter().map(|payload| (partition.clone(), record(payload))).collect()
}

pub(super) fn proposal(records: &[&str]) -> Proposal {
    let zone = TimeZone::get("America/Sao_Paulo").unwrap();
    propose(Input { sample: &sample(records), shop_timezone: &zone })
}

/// The settings with the most likely answers, and the result of processing the records with them.
pub(super) fn settled(records: &[&str]) -> (String, String) {
    let proposal = proposal(records);
    let answers: Vec<_> = proposal.doubts.iter().map(|doubt| Some(doubt.likeliest)).collect();
    let settings = proposal.with(&answers);
    let rules = rules(&settings, "America/Sao_Paulo", "BRL")
        .unwrap_or_else(|problems| panic!("{problems}\n{}", render::toml(&settings, None)));
    let outcome = outcome(&sample(records), &rules, &crate::format::Schemas::default());
    (render::toml(&settings, None), render::outcome(&outcome))
}

const SHOPIFY: &str = r#"{"id": 450789469, "email": "bob@example.com", "created_at": "2026-11-22T10:11:12-03:00", "updated_at": "2026-11-22T10:11:13-03:00", "number": 1, "order_number": 1001, "test": false, "total_price": "409.94", "subtotal_price": "398.00", "total_weight": 0, "total_tax": "11.94", "taxes_included": false, "currency": "BRL", "financial_status": "paid", "total_discounts": "0.00", "total_line_items_price": "398.00", "cancelled_at": null, "customer": {"id": 207119551, "first_name": "Bob"}, "line_items": [{"id": 866550311766439020, "variant_id": 808950810, "title": "IPod Nano", "quantity": 2, "sku": "IPOD", "price": "199.00", "grams": 200, "fulfillable_quantity": 1, "total_discount": "0.00", "name": "IPod Nano - 8GB"}], "shipping_lines": [], "tax_lines": [{"title": "State Tax", "price": "11.94", "rate": 0.06}]}"#;

const WOOCOMMERCE: &str = r#"{"id": 727, "parent_id": 0, "number": "727", "status": "processing", "currency": "USD", "date_created": "2026-11-22T17:11:12", "date_modified": "2026-11-22T17:11:14", "discount_total": "0.00", "discount_tax": "0.00", "shipping_total": "10.00", "shipping_tax": "0.00", "cart_tax": "1.35", "total": "29.35", "total_tax": "1.35", "prices_include_tax": false, "customer_id": 0, "billing": {"first_name": "John", "email": "j@example.com"}, "line_items": [{"id": 315, "name": "Woo Single #1", "product_id": 93, "variation_id": 0, "quantity": 2, "subtotal": "6.00", "subtotal_tax": "0.45", "total": "6.00", "total_tax": "0.45", "sku": "", "price": 3}, {"id": 316, "name": "Ship Your Idea", "product_id": 22, "quantity": 1, "subtotal": "12.00", "total": "12.00", "total_tax": "0.90", "price": 12}]}"#;

const VTEX: &str = r#"{"orderId": "v5-01", "sequence": "502556", "status": "invoiced", "value": 1160, "creationDate": "2026-11-22T13:11:12.0000000+00:00", "lastChange": "2026-11-22T13:12:12.0000000+00:00", "totals": [{"id": "Items", "name": "Total dos Itens", "value": 1000}], "items": [{"uniqueId": "A", "id": "18", "productId": "6", "quantity": 2, "name": "Mouse", "price": 500, "listPrice": 700, "sellingPrice": 500}], "clientProfileData": {"email": "x@example.com", "firstName": "Ana", "document": "11047867702"}}"#;

const MERCADO_LIVRE: &str = r#"{"id": 2000003508419013, "date_created": "2026-11-22T10:11:12.000-03:00", "total_amount": 50, "paid_amount": 62.5, "shipping_cost": 12.5, "currency_id": "BRL", "status": "paid", "order_items": [{"item": {"id": "MLB2608564035", "title": "Camiseta", "category_id": "MLB1"}, "quantity": 1, "unit_price": 50, "full_unit_price": 50}], "buyer": {"id": 266272126, "nickname": "TEST"}}"#;

const STRIPE: &str = r#"{"id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1795000000, "data": {"object": {"id": "cs_1", "object": "checkout.session", "amount_subtotal": 2198, "amount_total": 2198, "created": 1795000000, "currency": "usd", "payment_status": "paid", "customer_details": {"email": "x@example.com"}}}}"#;

const OLIST: &str = r#"{"order_id": "e481f51cbdc54678b7cc49136f2d6af7", "customer_id": "9ef432eb", "order_status": "delivered", "order_purchase_timestamp": "2026-10-02 10:56:33", "order_approved_at": "2026-10-02 11:07:15", "order_delivered_customer_date": "2026-10-10 21:25:13", "order_item_id": 1, "product_id": "87285b34884572647811a353c7ac498a", "seller_id": "3504c0cb71d7fa48d967e0e4c94d59d9", "shipping_limit_date": "2026-10-06 11:07:15", "price": 29.99, "freight_value": 8.72}"#;

const SPRING: &str = r#"{"orderNumber": "9b2c", "orderDate": [2026, 11, 22, 10, 11, 12], "orderLineItemsList": [{"id": 1, "skuCode": "iphone_15", "price": 1000.5, "quantity": 2}], "customerEmail": "x@example.com"}"#;

const PORTUGUESE: &str = r#"{"nº pedido": 77, "cliente": {"nome": "Ana", "cpf": "000"}, "dataPedido": "22/11/2026 10:11", "situação": "Aprovado", "valorFrete": "12,50", "valorDesconto": "2,00", "valorTotal": "1.210,50", "itens": [{"descrição": "Mesa", "qtde": "2", "vlrUnitario": "600,00", "vlrTotal": "1.200,00"}]}"#;

const SPANISH: &str = r#"{"factura": {"numero": "F-9", "fecha": "2026-11-22", "moneda": "BRL", "lineas": [{"articulo": "Silla", "cantidad": 2, "precio": 10.5, "importe": 21.0}], "impuestos": 2.1, "importe_total": 23.1}}"#;

const KAGGLE: &str = r#"{"InvoiceNo": "536365", "StockCode": "85123A", "Description": "HEART HOLDER", "Quantity": 6, "InvoiceDate": "2026-11-22 08:26:00", "UnitPrice": 2.55, "CustomerID": 17850, "Country": "United Kingdom"}"#;

const CONNECT_DECIMAL: &str = r#"{"schema": {"type": "struct", "fields": [{"type": "string", "field": "id"}, {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "version": 1, "parameters": {"scale": "2"}, "field": "total"}]}, "payload": {"id": "a", "total": "B8Y="}}"#;

const CLOUD_EVENT: &str = r#"{"specversion": "1.0", "id": "ce-1", "source": "/shop", "type": "com.shop.order.placed", "time": "2026-11-22T13:11:12Z", "data": {"order": {"id": "o-7", "lines": [{"sku": "A-1", "units": 3, "price": {"amount": 2.5, "currency": "BRL"}}], "total": {"amount": 7.5, "currency": "BRL"}}}}"#;

const DEBEZIUM: &str = r#"{"schema": {"type": "struct"}, "payload": {"before": null, "after": {"order_id": 5, "status": "NEW", "amount": "12.50", "created_at": 1795000000123456}, "source": {"ts_ms": 1795000000001, "table": "orders"}, "op": "c", "ts_ms": 1795000000002}}"#;

const NETSUITE_LIST: &str = r#"{"batchId": 9, "pedidos": [{"codigo": "A1", "total": 10.5, "produtos": [{"nome": "x", "quantidade": 1, "valor": 10.5}]}, {"codigo": "A2", "total": 4, "produtos": [{"nome": "y", "quantidade": 2, "valor": 2}]}]}"#;

const OUTBOX: &str = r#"{"aggregateId": "77", "eventType": "OrderCreated", "payload": "{\"orderId\": \"77\", \"totalAmount\": 20.5, \"items\": [{\"productName\": \"Pen\", \"quantity\": 2, \"price\": 10.25}]}"}"#;

/// The mapping proposed with the most likely answers, without comments.
#[track_caller]
pub(super) fn assert_settled(records: &[&str], settings: &[&str], outcome: &str) {
    let (text, found) = settled(records);
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '['])).collect();
    assert_eq!(lines, settings, "{found}");
    assert!(found.starts_with(outcome), "{found}");
}

#[test]
fn mappings_are_proposed_for_many_shop_systems() {
    assert_settled(
        &[SHOPIFY],
        &[
            r#"currency = "BRL""#,
            r#"items = "line_items""#,
            r#"product = "name""#,
            r#"unit_price = "price""#,
            r#"item_discount = "total_discount""#,
            r#"tax = "total_tax""#,
            r#"discount = "total_discounts""#,
            r#"total = "total_price""#,
            r#"sold_at = "created_at""#,
            r#"currency = "currency""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 409.94\n",
    );
    assert_settled(
        &[WOOCOMMERCE],
        &[
            r#"currency = "USD""#,
            r#"order_id = "id""#,
            r#"items = "line_items""#,
            r#"product = "name""#,
            r#"unit_price = "price""#,
            r#"shipping = "shipping_total""#,
            r#"tax = "total_tax""#,
            r#"discount = "discount_total""#,
            r#"sold_at = "date_created""#,
            r#"currency = "currency""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 29.35\n",
    );
    assert_settled(
        &[MERCADO_LIVRE],
        &[
            r#"currency = "BRL""#,
            r#"order_id = "id""#,
            r#"product = "$.item.title""#,
            r#"total = "total_amount""#,
            r#"sold_at = "date_created""#,
            r#"currency = "currency_id""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 50.00\n",
    );
}

#[test]
fn a_sum_other_than_that_of_the_lines_is_a_total_only_if_confirmed() {
    let proposal = proposal(&[VTEX]);
    assert!(proposal.settings.iter().all(|setting| setting.key != "total"), "{proposal:?}");
    let asked =
        |doubt: &&crate::init::proposal::Doubt| doubt.question.starts_with("value equals lines");
    assert_eq!(proposal.doubts.iter().filter(asked).count(), 1, "{proposal:?}");
}

#[test]
fn the_id_of_an_event_is_not_that_of_the_order_in_it() {
    assert_settled(
        &[STRIPE],
        &[
            r#"order_id = "$.data.object.id""#,
            r#"total = "$.data.object.amount_total""#,
            r#"sold_at = "$.data.object.created""#,
        ],
        "1 record: 1 order,",
    );
    assert_settled(
        &[CLOUD_EVENT],
        &[
            r#"currency = "BRL""#,
            r#"order_id = "$.data.order.id""#,
            r#"items = "$.data.order.lines[*]""#,
            r#"product = "sku""#,
            r#"quantity = "units""#,
            r#"unit_price = "$.price.amount""#,
            r#"total = "$.data.order.total.amount""#,
            r#"sold_at = "time""#,
            r#"currency = "$.data.order.total.currency""#,
        ],
        "1 record: 1 order,",
    );
}

#[test]
fn names_in_portuguese_and_spanish_with_accents_and_spaces_are_recognized() {
    assert_settled(
        &[PORTUGUESE],
        &[
            r#"order_id = "nº pedido""#,
            r#"product = "descrição""#,
            r#"quantity = "qtde""#,
            r#"unit_price = "vlrUnitario""#,
            r#"amount = "vlrTotal""#,
            r#"shipping = "valorFrete""#,
            r#"discount = "valorDesconto""#,
            r#"total = "valorTotal""#,
            r#"sold_at = "dataPedido""#,
            r#"decimal = "comma""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 1210.50\n",
    );
    assert_settled(
        &[SPANISH],
        &[
            r#"currency = "BRL""#,
            r#"order_id = "$.factura.numero""#,
            r#"items = "$.factura.lineas[*]""#,
            r#"product = "articulo""#,
            r#"quantity = "cantidad""#,
            r#"unit_price = "precio""#,
            r#"amount = "importe""#,
            r#"tax = "$.factura.impuestos""#,
            r#"total = "$.factura.importe_total""#,
            r#"sold_at = "$.factura.fecha""#,
            r#"currency = "$.factura.moneda""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 23.10\n",
    );
}

#[test]
fn one_order_line_per_record_needs_a_key_of_several_fields() {
    let second = OLIST
        .replace("87285b34884572647811a353c7ac498a", "x")
        .replace("item_id\": 1", "item_id\": 2");
    assert_settled(
        &[OLIST, &second],
        &[
            r#"order_id = [["order_id", "order_item_id"]]"#,
            r#"product = "product_id""#,
            r#"unit_price = "price""#,
            r#"shipping = "freight_value""#,
            r#"sold_at = "order_purchase_timestamp""#,
            "default_quantity = 1",
        ],
        "2 records: 2 orders, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 77.42\n",
    );
    let second = KAGGLE.replace("85123A", "71053").replace("HEART HOLDER", "LANTERN");
    let doubts = proposal(&[KAGGLE, &second]).doubts;
    assert!(
        doubts.iter().any(|doubt| doubt.question.contains("is each record one line of an order?"))
    );
    // The same line with changes is not another line.
    let changed = KAGGLE.replace("6,", "7,");
    let doubts = proposal(&[KAGGLE, &changed]).doubts;
    assert!(
        doubts.iter().all(|doubt| !doubt.question.contains("is each record one line of an order?"))
    );
}

#[test]
fn envelopes_lists_texts_and_connect_formats_are_recognized() {
    assert_settled(
        &[SPRING],
        &[
            r#"order_id = "orderNumber""#,
            r#"items = "orderLineItemsList""#,
            r#"product = "skuCode""#,
            r#"unit_price = "price""#,
            r#"sold_at = "orderDate""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 2001.00\n",
    );
    assert_settled(
        &[CONNECT_DECIMAL],
        &[
            r#"order_id = "$.payload.id""#,
            r#"total = "$.payload.total""#,
            r#"decimal = "base64""#,
            "base64_scale = 2",
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 19.90\n",
    );
    assert_settled(
        &[DEBEZIUM],
        &[
            r#"order_id = ["$.payload.after.order_id", "$.payload.before.order_id"]"#,
            r#"total = "$.payload.after.amount""#,
            r#"sold_at = "$.payload.after.created_at""#,
            r#"status = "$.payload.op""#,
            r#"cancelled = ["d"]"#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 12.50\n",
    );
    assert_settled(
        &[NETSUITE_LIST],
        &[
            r#"records = "$.pedidos[*]""#,
            r#"order_id = "codigo""#,
            r#"items = "produtos""#,
            r#"product = "nome""#,
            r#"unit_price = "valor""#,
        ],
        "1 record: 2 orders, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 14.50\n",
    );
    assert_settled(
        &[OUTBOX],
        &[
            r#"order_id = "$.payload~.orderId""#,
            r#"items = "$.payload~.items[*]""#,
            r#"product = "productName""#,
            r#"unit_price = "price""#,
            r#"total = "$.payload~.totalAmount""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 20.50\n",
    );
}

#[test]
fn the_records_timestamps_show_whether_times_are_utc() {
    let at = |payload: &str, sent: &str| {
        let mut sample = sample(&[payload]);
        sample[0].1.timestamp = Some(sent.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let proposal = propose(Input { sample: &sample, shop_timezone: &zone });
        let asks =
            proposal.doubts.iter().any(|doubt| doubt.question.contains("in which time zone"));
        let utc = proposal.settings.iter().any(|setting| setting.key == "times_without_zone");
        (asks, utc)
    };
    let order = r#"{"order_id": "a", "total": 1, "created_at": "2026-11-22T13:11:12"}"#;
    assert_eq!(at(order, "2026-11-22T13:11:15Z"), (false, true));
    assert_eq!(at(order, "2026-11-22T16:11:15Z"), (false, false));
    assert_eq!(at(order, "2026-11-23T16:11:15Z"), (true, false));
}

#[test]
fn inclusive_taxes_under_a_built_in_name_switch_the_built_in_names_off() {
    let order = r#"{"order_id": "a", "items": [{"product": "x", "quantity": 2, "unit_price": 5}], "tax": 1.8, "total": 10}"#;
    assert_settled(
        &[order],
        &[
            "built_in = false",
            r#"order_id = "order_id""#,
            r#"items = "items""#,
            r#"product = "product""#,
            r#"quantity = "quantity""#,
            r#"unit_price = "unit_price""#,
            r#"total = "total""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 10.00\n",
    );
}

#[test]
fn no_customer_data_is_printed() {
    let proposal = proposal(&[SHOPIFY, WOOCOMMERCE, VTEX, PORTUGUESE, OLIST]);
    let mut text = render::proposal(&proposal);
    for doubt in &proposal.doubts {
        text.push_str(&render::doubt(doubt));
    }
    text.push_str(&render::toml(&proposal.settings, None));
    for secret in
        ["bob@example.com", "Bob", "Ana", "11047867702", "000", "x@example.com", "9ef432eb"]
    {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

//! Records as other producers write them, and the mapping that is proposed for each.

use bytes::Bytes;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::{
    init::{
        outcome::{self, outcome},
        proposal::Proposal,
        propose::{Input, propose},
        render,
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

fn proposal(records: &[&str]) -> Proposal {
    let zone = TimeZone::get("America/Sao_Paulo").unwrap();
    propose(Input { sample: &sample(records), shop_timezone: &zone })
}

/// The settings with the likeliest answers, and what the records come to with them.
fn settled(records: &[&str]) -> (String, String) {
    let proposal = proposal(records);
    let answers: Vec<_> = proposal.doubts.iter().map(|doubt| Some(doubt.likeliest)).collect();
    let settings = proposal.with(&answers);
    let rules = outcome::rules(&settings, "America/Sao_Paulo", "BRL")
        .unwrap_or_else(|problems| panic!("{problems}\n{}", render::toml(&settings, None)));
    let outcome = outcome(&sample(records), &rules);
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

#[test]
fn show_wild() {
    for (name, records) in [
        ("shopify", &[SHOPIFY][..]),
        ("woo", &[WOOCOMMERCE]),
        ("vtex", &[VTEX]),
        ("ml", &[MERCADO_LIVRE]),
        ("stripe", &[STRIPE]),
        ("olist", &[OLIST, &OLIST.replace("87285b34884572647811a353c7ac498a", "x").replace("item_id\": 1", "item_id\": 2")]),
        ("spring", &[SPRING]),
        ("pt", &[PORTUGUESE]),
        ("es", &[SPANISH]),
        ("kaggle", &[KAGGLE, &KAGGLE.replace("85123A", "71053").replace("HEART HOLDER", "LANTERN")]),
        ("connect", &[CONNECT_DECIMAL]),
        ("cloud", &[CLOUD_EVENT]),
    ] {
        let (settings, outcome) = settled(records);
        println!("=== {name}\n{settings}{outcome}");
        let proposal = proposal(records);
        for doubt in &proposal.doubts {
            print!("{}", render::doubt(doubt));
        }
        print!("{}", render::proposal(&proposal));
    }
}

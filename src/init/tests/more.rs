//! Records of further producers: demos, tutorials, ERPs and webhooks.

use super::wild::{assert_settled, proposal, settled};

const TUTORIAL: &str = r#"{"order_uid":"b563feb7b2b84b6test","track_number":"WBIL","entry":"WBIL","delivery":{"name":"Test","phone":"1","zip":"2","city":"K","email":"t@e"},"payment":{"transaction":"b563","request_id":"","currency":"USD","provider":"wbpay","amount":1817,"payment_dt":1637907727,"bank":"alpha","delivery_cost":1500,"goods_total":317,"custom_fee":0},"items":[{"chrt_id":9934930,"track_number":"WBIL","price":453,"rid":"ab","name":"Mascaras","sale":30,"size":"0","total_price":317,"nm_id":2389212,"brand":"V","status":202}],"locale":"en","customer_id":"test","delivery_service":"meest","shardkey":"9","sm_id":99,"date_created":"2021-11-26T06:22:19Z","oof_shard":"1"}"#;

const PIZZA: &str = r#"{"store_id":2,"store_order_id":1020,"coupon_code":1555,"date":19040,"status":"accepted","order_lines":[{"product_id":99,"category":"pizza","quantity":2,"unit_price":9.09,"net_price":18.18}]}"#;

const ERP: &str = r#"{"VBELN":"0001","ERDAT":"20261122","NETWR":"100.00","WAERK":"BRL","ITEMS":[{"POSNR":"000010","MATNR":"M1","ARKTX":"Mesa","KWMENG":"2.000","NETPR":"50.00","NETWR":"100.00"}]}"#;

const MAGENTO: &str = r#"{"increment_id":"000000001","entity_id":1,"grand_total":36.39,"base_grand_total":36.39,"subtotal":29,"shipping_amount":5,"tax_amount":2.39,"discount_amount":0,"order_currency_code":"BRL","created_at":"2026-11-22 13:11:12","updated_at":"2026-11-22 13:11:12","state":"new","status":"pending","customer_email":"x@e","items":[{"item_id":1,"sku":"WS12","name":"Radiant Tee","qty_ordered":1,"price":29,"row_total":29,"discount_amount":0,"tax_amount":2.39}]}"#;

const CART: &str = r#"{"userId":1,"cart":{"products":[{"id":1,"title":"P","price":10,"quantity":2,"total":20,"discountPercentage":5,"discountedTotal":19}],"total":20,"discountedTotal":19,"totalProducts":1},"orderRef":"z"}"#;

#[test]
fn the_payment_states_sums_of_the_order() {
    assert_settled(
        &[TUTORIAL],
        &[
            r#"currency = "USD""#,
            r#"order_id = "order_uid""#,
            r#"product = "name""#,
            r#"amount = "total_price""#,
            r#"shipping = "$.payment.delivery_cost""#,
            r#"total = "$.payment.amount""#,
            r#"sold_at = "date_created""#,
            "default_quantity = 1",
            r#"currency = "$.payment.currency""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 1817.00\n",
    );
}

#[test]
fn a_number_unique_within_a_store_adds_the_store_to_the_key() {
    assert_settled(
        &[PIZZA],
        &[
            r#"order_id = [["store_id", "store_order_id"]]"#,
            r#"items = "order_lines""#,
            r#"product = "product_id""#,
            r#"amount = "net_price""#,
        ],
        "1 record: 1 order,",
    );
}

#[test]
fn names_of_erps_and_shops_are_recognized() {
    assert_settled(
        &[ERP],
        &[
            r#"currency = "BRL""#,
            r#"order_id = "VBELN""#,
            r#"items = "ITEMS""#,
            r#"product = "ARKTX""#,
            r#"quantity = "KWMENG""#,
            r#"unit_price = "NETPR""#,
            r#"amount = "NETWR""#,
            r#"total = "NETWR""#,
            r#"sold_at = "ERDAT""#,
            r#"currency = "WAERK""#,
            r#"sold_at_format = "%Y%m%d""#,
        ],
        "1 record: 1 order,",
    );
    assert_settled(
        &[MAGENTO],
        &[
            r#"currency = "BRL""#,
            r#"order_id = "increment_id""#,
            r#"product = "name""#,
            r#"quantity = "qty_ordered""#,
            r#"unit_price = "price""#,
            r#"amount = "row_total""#,
            r#"item_discount = "discount_amount""#,
            r#"shipping = "shipping_amount""#,
            r#"tax = "tax_amount""#,
            r#"discount = "discount_amount""#,
            r#"total = "grand_total""#,
            r#"sold_at = "created_at""#,
            r#"currency = "order_currency_code""#,
        ],
        "1 record: 1 order, 0 cancelled, 0 ignored, 0 dead letters\n  sum of totals: 36.39\n",
    );
    assert_settled(
        &[CART],
        &[
            r#"order_id = "orderRef""#,
            r#"items = "$.cart.products[*]""#,
            r#"product = "title""#,
            r#"unit_price = "price""#,
            r#"amount = "total""#,
            r#"total = "$.cart.total""#,
        ],
        "1 record: 1 order,",
    );
}

#[test]
fn events_that_cancel_are_asked_about_and_others_ignored() {
    assert_settled(
        &[
            r#"{"type":"OrderCreated","data":{"orderId":"a","total":5}}"#,
            r#"{"type":"OrderCancelled","data":{"orderId":"a","reason":"x"}}"#,
            r#"{"type":"OrderShipped","data":{"orderId":"a"}}"#,
        ],
        &[
            r#"order_id = "$.data.orderId""#,
            r#"total = "$.data.total""#,
            r#"only = { at = "$.type", is = ["OrderCreated", "OrderCancelled"] }"#,
            r#"status = "$.type""#,
            r#"cancelled = ["OrderCancelled"]"#,
        ],
        "3 records: 0 orders, 1 cancelled, 1 ignored, 0 dead letters",
    );
}

#[test]
fn events_that_cancel_and_contain_the_order_are_asked_about() {
    let event = |kind: &str, id: &str| {
        format!(
            r#"{{"eventType":"{kind}","orderId":"{id}","items":[{{"product":"Mesa","quantity":1,"unit_price":5}}],"total":5}}"#
        )
    };
    let (placed, other) = (event("ORDER_PLACED", "a"), event("ORDER_PLACED", "b"));
    let cancelled = event("ORDER_CANCELLED", "a");
    assert_settled(
        &[&placed, &other, &cancelled],
        &[
            r#"order_id = "orderId""#,
            r#"status = "$.eventType""#,
            r#"cancelled = ["ORDER_CANCELLED"]"#,
        ],
        "3 records: 1 order, 1 cancelled, 0 ignored, 0 dead letters",
    );
    let updated = event("ORDER_UPDATED", "a");
    let proposal = proposal(&[&placed, &updated]);
    let notes = proposal.notes.join("\n");
    assert!(
        notes.contains("$.eventType has several values (ORDER_PLACED, ORDER_UPDATED)"),
        "{notes}"
    );
}

#[test]
fn a_flag_may_cancel() {
    let records = [
        r#"{"id": "a", "total": 5, "cancelled": false}"#,
        r#"{"id": "b", "total": 5, "cancelled": true}"#,
    ];
    assert_settled(
        &records,
        &[r#"order_id = "id""#, r#"status = "cancelled""#, r#"cancelled = ["true"]"#],
        "2 records: 1 order, 1 cancelled,",
    );
}

#[test]
fn month_first_dates_are_recognized_or_asked_about() {
    let first = r#"{"order_id": "1", "sold_at": "11/22/2026 10:11:12", "total": 5}"#;
    let second = r#"{"order_id": "2", "sold_at": "11/02/2026 10:11:12", "total": 5}"#;
    assert_settled(
        &[first, second],
        &[r#"sold_at_format = "%m/%d/%Y %H:%M:%S""#],
        "2 records: 2 orders,",
    );
    let doubts = proposal(&[second]).doubts;
    assert!(doubts.iter().any(|doubt| doubt.question.contains("days and months")), "{doubts:?}");
}

#[test]
fn texts_that_are_not_numbers_are_reported() {
    let notes = proposal(&[r#"{"order_id": "a", "total": "$12.50"}"#]).notes;
    assert!(notes.iter().any(|note| note.starts_with("total seems to be the total")), "{notes:?}");
}

#[test]
fn money_in_whole_numbers_is_asked_about_and_in_cents_by_its_name_is_not() {
    let perhaps = proposal(&[r#"{"order_id": "a", "total": 1990}"#]).doubts;
    assert!(perhaps.iter().any(|doubt| doubt.question.ends_with("are they cents?")), "{perhaps:?}");
    let named = proposal(&[r#"{"order_id": "a", "total_cents": 1990}"#]);
    assert!(named.doubts.is_empty(), "{named:?}");
    assert!(named.settings.iter().any(|setting| setting.key == "minor_units"), "{named:?}");
}

#[test]
fn a_number_of_the_order_that_fits_its_column_is_its_number() {
    for (record, role) in [
        (r#"{"orderNumber": 17, "total": "1.00"}"#, r#"order_number = "orderNumber""#),
        (r#"{"data": {"order_no": 17, "total": "1.00"}}"#, r#"order_number = "$.data.order_no""#),
        // A number that does not fit would be a dead letter, and a text may have leading zeros.
        (r#"{"orderNumber": 3000000000, "total": "1.00"}"#, r#"order_id = "orderNumber""#),
        (r#"{"orderNumber": "0017", "total": "1.00"}"#, r#"order_id = "orderNumber""#),
        (r#"{"orderId": 17, "total": "1.00"}"#, r#"order_id = "orderId""#),
    ] {
        let (text, found) = settled(&[record]);
        assert!(text.lines().any(|line| line == role), "{record}: {text}");
        assert!(found.starts_with("1 record: 1 order"), "{record}: {found}");
    }
}

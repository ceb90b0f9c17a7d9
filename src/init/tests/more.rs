use super::wild::{proposal, settled};
use crate::init::render;

#[test]
fn show_more() {
    let shapes: &[(&str, &[&str])] = &[
        ("alura", &[r#"{"id":{"id":"New(1)"},"payload":{"userId":"u","orderId":"o1","amount":1234.5}}"#]),
        ("flatpt", &[r#"{"id_venda": 1, "produto": "X", "categoria":"c","quantidade": 2, "preco_unitario": 10.5, "valor_total": 21.0, "data_venda": "2026-11-22", "regiao":"SE", "vendedor": "Ana"}"#]),
        ("wb", &[r#"{"order_uid":"b563feb7b2b84b6test","track_number":"WBIL","entry":"WBIL","delivery":{"name":"Test","phone":"1","zip":"2","city":"K","email":"t@e"},"payment":{"transaction":"b563","request_id":"","currency":"USD","provider":"wbpay","amount":1817,"payment_dt":1637907727,"bank":"alpha","delivery_cost":1500,"goods_total":317,"custom_fee":0},"items":[{"chrt_id":9934930,"track_number":"WBIL","price":453,"rid":"ab","name":"Mascaras","sale":30,"size":"0","total_price":317,"nm_id":2389212,"brand":"V","status":202}],"locale":"en","customer_id":"test","delivery_service":"meest","shardkey":"9","sm_id":99,"date_created":"2021-11-26T06:22:19Z","oof_shard":"1"}"#]),
        ("pizza", &[r#"{"store_id":2,"store_order_id":1020,"coupon_code":1555,"date":19040,"status":"accepted","order_lines":[{"product_id":99,"category":"pizza","quantity":2,"unit_price":9.09,"net_price":18.18}]}"#]),
        ("fastapi", &[r#"{"order_id": "x", "user": "Nana", "item": "frozen yogurt", "quantity": 10}"#]),
        ("faker", &[r#"{"order_id":"u1","customer_id":"c","order_date":"2026-11-22T10:11:12.123","items":[{"product_id":"p1","name":"Lamp","price":10.5,"quantity":2}],"total_amount":21.0,"payment_method":"card","shipping_address":{"street":"s"},"status":"PENDING"}"#]),
        ("retail", &[r#"{"transaction_id":"t1","store":{"id":7,"name":"North"},"items":[{"sku":"A","description":"Milk","price":2.5,"qty":2}],"tax_rate":0.08,"subtotal":5.0,"tax":0.4,"total":5.4,"cashier":"Bob","ts":"2026-11-22T10:11:12Z"}"#]),
        ("sap", &[r#"{"VBELN":"0001","ERDAT":"20261122","NETWR":"100.00","WAERK":"BRL","ITEMS":[{"POSNR":"000010","MATNR":"M1","ARKTX":"Mesa","KWMENG":"2.000","NETPR":"50.00","NETWR":"100.00"}]}"#]),
        ("magento", &[r#"{"increment_id":"000000001","entity_id":1,"grand_total":36.39,"base_grand_total":36.39,"subtotal":29,"shipping_amount":5,"tax_amount":2.39,"discount_amount":0,"order_currency_code":"BRL","created_at":"2026-11-22 13:11:12","updated_at":"2026-11-22 13:11:12","state":"new","status":"pending","customer_email":"x@e","items":[{"item_id":1,"sku":"WS12","name":"Radiant Tee","qty_ordered":1,"price":29,"row_total":29,"discount_amount":0,"tax_amount":2.39}]}"#]),
        ("us", &[r#"{"orderId":"1","orderDate":"11/22/2026 10:11:12","amount":5}"#, r#"{"orderId":"2","orderDate":"11/02/2026 10:11:12","amount":5}"#]),
        ("events", &[r#"{"type":"OrderCreated","data":{"orderId":"a","total":5}}"#, r#"{"type":"OrderCancelled","data":{"orderId":"a","reason":"x"}}"#, r#"{"type":"OrderShipped","data":{"orderId":"a"}}"#]),
        ("dollar", &[r#"{"orderId":"a","total":"$12.50"}"#]),
        ("valuecur", &[r#"{"id":"a","totalPrice":{"value":12.5,"currency":"BRL"},"products":[{"title":"x","count":1,"price":{"value":12.5,"currency":"BRL"}}]}"#]),
        ("trade", &[r#"{"side":"BUY","quantity":100,"symbol":"ZTEST","price":500,"account":"a","userid":"u"}"#]),
        ("eshop", &[r#"{"UserId":"u","OrderStatus":"submitted","OrderId":1,"OrderItems":[{"ProductId":1,"ProductName":"Mug","Units":2,"UnitPrice":5.5,"Discount":0.5}],"Id":"guid","CreationDate":"2026-11-22T10:11:12Z"}"#]),
        ("single", &[r#"{"order":{"id":"7","customer":{"name":"x"},"product":{"name":"Mug","price":5.5},"quantity":2},"occurredAt":"2026-11-22T10:11:12Z"}"#]),
        ("cart", &[r#"{"userId":1,"cart":{"products":[{"id":1,"title":"P","price":10,"quantity":2,"total":20,"discountPercentage":5,"discountedTotal":19}],"total":20,"discountedTotal":19,"totalProducts":1},"orderRef":"z"}"#]),
        ("noqty", &[r#"{"order_id":"a","items":[{"name":"x","price":10.0},{"name":"y","price":5.5}],"total":15.5}"#]),
        ("flatprice", &[r#"{"order_id":"a","customer_name":"Ana","product_name":"x","price":10.5,"purchase_time":1795000000}"#]),
        ("ts", &[r#"{"pedido":1,"data":"22/11/2026","hora":"10:11","total":"10,50","moeda":"BRL"}"#]),
        ("canceled_flag", &[r#"{"id":"a","total":5,"cancelled":false}"#, r#"{"id":"b","total":5,"cancelled":true}"#]),
        ("cop", &[r#"{"orden_id":"a","cliente":"x","articulos":[{"nombre":"Silla","cantidad":1,"precio_unitario":100.0,"descuento":10.0}],"envio":15.0,"total":105.0,"estado":"ANULADO","fecha_venta":"2026-11-22T10:00:00-03:00"}"#]),
    ];
    for (name, records) in shapes {
        let (settings, outcome) = settled(records);
        println!("=== {name}\n{settings}{outcome}");
        let proposal = proposal(records);
        for doubt in &proposal.doubts {
            println!("? {}", doubt.question);
        }
        print!("{}", render::proposal(&proposal).lines().filter(|line| !line.contains(" in ") || line.starts_with("note")).map(|l| format!("{l}\n")).collect::<String>());
    }
}

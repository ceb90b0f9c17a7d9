//! Records that are not valid orders, each for one reason, and some large ones.

use super::{Dice, Generated, Generator, Key, Meaning, Stated, StatedItem, json, keyed, write};

/// Reasons, and texts that are rejected for them. `‹key›` is the identity of an existing order,
/// `‹items›` are items worth 666.66: if one of these were accepted, the difference would show.
const TEXTS: &[(&str, &[&str])] = &[
    (
        "not_json",
        &[
            "",
            " \n",
            "{‹key›, ‹items›",
            "{‹key›, ‹items›} x",
            "{‹key›, ‹items›}{‹key›, ‹items›}",
            "{‹key›, ‹items›}\0",
            "{‹key›, ‹items›,}",
            "{‹key›, ‹items›, \"x\": \"\n\"}",
            "{‹key›, ‹items›, \"x\": 01}",
            "{‹key›, ‹items›, \"x\": '1'}",
            "{‹key›, ‹items›, x: 1}",
            r#"{‹key›, "total": NaN}"#,
            r#"{‹key›, "total": -Infinity}"#,
            r#"{‹key›, "total": 12,30}"#,
            r#"{‹key›, "total": 012}"#,
            r#"{‹key›, "total": +12}"#,
            r#"{‹key›, "total": .5}"#,
            r#"{‹key›, "total": 5.}"#,
            r#"{‹key›, "total": 0x10}"#,
            r#"{‹key›, "total": 1, "x": "\x"}"#,
            r#"{‹key›, "total": 1} // so"#,
            "order_number=17;total=666.66",
        ],
    ),
    ("byte_order_mark", &["\u{feff}{‹key›, ‹items›}"]),
    (
        "not_an_object",
        &[
            "[]",
            "[{‹key›, ‹items›}, 5]",
            "[null, {‹key›, ‹items›}]",
            "[[{‹key›, ‹items›}]]",
            "\"{}\"",
            "17",
            "null",
            "true",
            " -0.5e1 ",
        ],
    ),
    (
        "invalid_items",
        &[
            r#"{‹key›, "total": 666.66, "items": {}}"#,
            r#"{‹key›, "total": 666.66, "items": "[]"}"#,
            r#"{‹key›, "total": 666.66, "itens": 5}"#,
            r#"{‹key›, "total": 666.66, "itens": true}"#,
            r#"{‹key›, "total": 666.66, "items": [{"qty": 1}, null]}"#,
            r#"{‹key›, "total": 666.66, "items": [1]}"#,
            r#"{‹key›, "total": 666.66, "items": [[]]}"#,
        ],
    ),
    (
        "duplicate_field",
        &[
            "{‹key›, ‹key›, ‹items›}",
            "{‹key›, ‹items›, ‹items›}",
            r#"{‹key›, ‹items›, "itens": null}"#,
            r#"{‹key›, "total": 666.66, "total": 666.66}"#,
            r#"{‹key›, "total": 666.66, "valor_total": 666.66}"#,
            r#"{‹key›, "total": null, "total": 666.66}"#,
            r#"{‹key›, "total": 666.66, "t\u006ftal": 666.66}"#,
            r#"{‹key›, ‹items›, "sold_at": null, "data_hora_venda": null}"#,
            r#"{‹key›, "items": [{"qty": 1, "quantidade": 1, "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "product": "a", "produto": null}]}"#,
        ],
    ),
    (
        "missing_identity",
        &[
            "{}",
            "{‹items›}",
            r#"{"total": 666.66, "order_number": null, "id_ordem": null}"#,
            r#"{"total": 666.66, "Order_Number": 17}"#,
        ],
    ),
    (
        "two_identities",
        &[
            r#"{"order_number": 17, "order_id": "17", ‹items›}"#,
            r#"{"numero_pedido": 1, "id_pedido": 2, "total": 666.66}"#,
        ],
    ),
    (
        "invalid_order_number",
        &[
            r#"{"order_number": 17.0, ‹items›}"#,
            r#"{"order_number": 1e2, ‹items›}"#,
            r#"{"order_number": -0, ‹items›}"#,
            r#"{"order_number": "017", ‹items›}"#,
            r#"{"order_number": "+17", ‹items›}"#,
            r#"{"order_number": " 17", ‹items›}"#,
            r#"{"order_number": "", ‹items›}"#,
            r#"{"order_number": "dezessete", ‹items›}"#,
            r#"{"order_number": "１７", ‹items›}"#,
            r#"{"order_number": true, ‹items›}"#,
            r#"{"order_number": [17], ‹items›}"#,
            r#"{"order_number": {}, ‹items›}"#,
        ],
    ),
    (
        "out_of_range",
        &[
            r#"{"order_number": 2147483648, ‹items›}"#,
            r#"{"order_number": -2147483649, ‹items›}"#,
            r#"{"order_number": "99999999999999999999999999", ‹items›}"#,
            r#"{‹key›, "items": [{"qty": 1000000, "value_unit": 1}]}"#,
            r#"{‹key›, "items": [{"qty": 1e6, "value_unit": 1}]}"#,
            r#"{‹key›, "items": [{"qty": 999999.9999999, "value_unit": 1}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 10000000000.0000}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": "1e10"}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 0.00001}]}"#,
            r#"{‹key›, "items": [{"qty": 1.00005, "value_unit": 1}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 349.900002}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 349.9000010000000001}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 349.899998}]}"#,
            r#"{‹key›, "total": 10000000000000000}"#,
            r#"{‹key›, "total": 123456789012345678.91}"#,
            r#"{‹key›, "total": 1e400}"#,
            r#"{‹key›, "total": 1e99999999999999999999999999}"#,
            r#"{‹key›, "total": "12345678901234567890123456789"}"#,
            r#"{‹key›, "total": 0.333333333333}"#,
        ],
    ),
    (
        "invalid_order_id",
        &[
            r#"{"order_id": "", ‹items›}"#,
            r#"{"order_id": " \t\n", ‹items›}"#,
            r#"{"id_ordem": 1.5, ‹items›}"#,
            r#"{"id_ordem": -0, ‹items›}"#,
            r#"{"id_ordem": 1e3, ‹items›}"#,
            r#"{"id_pedido": true, ‹items›}"#,
            r#"{"id_pedido": {}, ‹items›}"#,
            r#"{"id_pedido": "‹201›", ‹items›}"#,
        ],
    ),
    (
        "invalid_date",
        &[
            r#"{‹key›, ‹items›, "sold_at": ""}"#,
            r#"{‹key›, ‹items›, "sold_at": "31/02/2026 10:11:12"}"#,
            r#"{‹key›, ‹items›, "sold_at": "29/02/2026 10:11:12"}"#,
            r#"{‹key›, ‹items›, "sold_at": "11/22/2026 10:11:12"}"#,
            r#"{‹key›, ‹items›, "sold_at": "22/11/2026 24:00:00"}"#,
            r#"{‹key›, ‹items›, "sold_at": "22/11/26"}"#,
            r#"{‹key›, ‹items›, "sold_at": "22/11/2026 10:11:12 Z"}"#,
            r#"{‹key›, ‹items›, "sold_at": " 22/11/2026 10:11:12"}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": "20261122"}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": "2026-11-22  10:11:12"}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": "2026-11-22T10:11:12.123456,7"}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": "2026-11-22T10:11:60"}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": "2026-11-22T10:11:12+25:00"}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": "ontem\u0000"}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": 20261122}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": -1763800000}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": [2026, 13, 22]}"#,
            r#"{‹key›, ‹items›, "data_hora_venda": true}"#,
            // Also in tables that store no date.
            r#"{"order_number": 17, "total": 666.66, "data_hora_venda": "ontem"}"#,
        ],
    ),
    (
        "invalid_number",
        &[
            r#"{‹key›, "total": "12,30"}"#,
            r#"{‹key›, "total": "R$ 10"}"#,
            r#"{‹key›, "total": ""}"#,
            r#"{‹key›, "total": true}"#,
            r#"{‹key›, "total": []}"#,
            r#"{‹key›, "total": "NaN"}"#,
            r#"{‹key›, "total": "\"1\""}"#,
            r#"{‹key›, "items": [{"qty": "1 ", "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": "+1", "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": "01", "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": ".5", "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": "1e", "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": "１", "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": {}, "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": "0x10"}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": "1_000"}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": false}]}"#,
        ],
    ),
    (
        "negative_total",
        &[r#"{‹key›, "total": -0.01}"#, r#"{‹key›, "total": "-666.66", "items": [{"qty": 1}]}"#],
    ),
    (
        "no_items_no_total",
        &["{‹key›}", r#"{‹key›, "items": []}"#, r#"{‹key›, "itens": null, "total": null}"#],
    ),
    (
        "partly_priced",
        &[
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66}, {"qty": 1}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": null}, {"qty": 1, "value_unit": 5}]}"#,
            r#"{‹key›, "total": 666.66, "items": [{"qty": 1, "value_unit": 666.66}, {"qty": 1}]}"#,
        ],
    ),
    (
        "missing_total",
        &[
            r#"{‹key›, "items": [{"qty": 1}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "product": "a", "value_unit": null}], "total": null}"#,
        ],
    ),
    (
        "missing_quantity",
        &[
            r#"{‹key›, "items": [{"value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": null, "value_unit": 666.66}]}"#,
            r#"{‹key›, "total": 666.66, "items": [{"product": "a"}]}"#,
            r#"{‹key›, "total": 666.66, "items": [{}]}"#,
        ],
    ),
    (
        "quantity_not_positive",
        &[
            r#"{‹key›, "items": [{"qty": 0, "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": -1, "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": "-0.0", "value_unit": 666.66}]}"#,
            r#"{‹key›, "items": [{"qty": 0.0000001, "value_unit": 666.66}]}"#,
            r#"{‹key›, "total": 666.66, "items": [{"qty": 1}, {"qty": 0e9}]}"#,
        ],
    ),
    (
        "negative_price",
        &[
            r#"{‹key›, "items": [{"qty": 1, "value_unit": -0.01}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 700}, {"qty": 1, "value_unit": "-33.34"}]}"#,
        ],
    ),
    (
        "negative_amount",
        &[
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "discount": 666.67}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "amount": -0.01}]}"#,
        ],
    ),
    (
        "negative_charge",
        &[
            r#"{‹key›, ‹items›, "frete": -0.01}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "desconto": "-1"}]}"#,
        ],
    ),
    (
        "amount_mismatch",
        &[
            r#"{‹key›, "items": [{"qty": 2, "value_unit": 333.33, "amount": 333.33}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 10, "discount": 1, "subtotal": 9.0051}]}"#,
        ],
    ),
    (
        "invalid_product",
        &[
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "product": ""}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "product": " \n"}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "produto": 5.5}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "produto": ["a"]}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "nome_produto": "‹201›"}]}"#,
            r#"{‹key›, "items": [{"qty": 1, "nome_produto": false}], "total": 666.66}"#,
        ],
    ),
    (
        "nul_character",
        &[
            r#"{"order_id": "a\u0000b", ‹items›}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "product": "\u0000"}]}"#,
        ],
    ),
    (
        "lone_surrogate",
        &[
            r#"{"order_id": "a\ud800b", ‹items›}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 666.66, "product": "\udc00\ud800"}]}"#,
        ],
    ),
    (
        "total_mismatch",
        &[
            r#"{‹key›, "items": [{"qty": 2, "value_unit": 333.33}], "total": 333.33}"#,
            r#"{‹key›, "items": [{"qty": 2, "value_unit": 333.33}], "total": 666.6651}"#,
            r#"{‹key›, "items": [{"qty": 2, "value_unit": 333.33}], "frete": 1, "total": 666.66}"#,
            r#"{‹key›, "shipping": 700, "total": 666.66}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 0}], "total": 0.0051}"#,
            r#"{‹key›, "items": [{"qty": 1, "value_unit": 1}, {"qty": 1, "value_unit": 1}], "total": 1.9899}"#,
        ],
    ),
];

/// An invalid record. If it has an identity at all, it is mostly that of `key`.
pub(super) fn one(key: &Key, dice: &mut Dice) -> Generated {
    let (reason, payload) = match dice.below(12) {
        0 => ("tombstone", None),
        1 => ("not_utf8", Some(not_utf8(key, dice))),
        _ => {
            let (reason, texts) = TEXTS[dice.below(TEXTS.len())];
            let text = fill(dice.pick(texts), key, dice);
            (reason, Some(text.into_bytes()))
        }
    };
    dead(reason, payload, dice)
}

fn dead(reason: &'static str, payload: Option<Vec<u8>>, dice: &mut Dice) -> Generated {
    Generated { record: keyed(payload, dice), meaning: Meaning::DeadLetter(reason) }
}

fn fill(text: &str, key: &Key, dice: &mut Dice) -> String {
    let key = match key {
        Key::Number(number) => format!("\"order_number\": {number}"),
        Key::Id(id) => format!("\"order_id\": {}", json::text(id, dice)),
    };
    let items = r#""documento_cliente": "123.456.789-09", "order_items": [{"qty": 2, "value_unit": 333.33, "product": "never sold"}]"#;
    text.replace("‹key›", &key).replace("‹items›", items).replace("‹201›", &"ç".repeat(201))
}

fn not_utf8(key: &Key, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = match dice.below(2) {
        0 => vec![0xff],
        // In a field that is not used.
        _ => fill("{‹key›, ‹items›, \"x\": \"", key, dice).into_bytes(),
    };
    bytes.extend_from_slice(dice.pick(&[
        b"\xfe\x00\x80 rubbish".as_slice(),
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"cora\xe7\xe3o",
    ]));
    bytes.extend_from_slice(b"\"}");
    bytes
}

/// A few records larger than a shop would send, up to Kafka's limit of a megabyte.
pub(super) fn outsized(shop: &mut Generator) -> Vec<Generated> {
    const MEGABYTE: usize = 1_000_000;
    let key = shop.new_key();
    let dice = &mut shop.dice;
    let rubbish: Vec<u8> = std::iter::once(0xff)
        .chain((1..MEGABYTE).map(|_| dice.below(256).try_into().unwrap_or_default()))
        .collect();
    let many = |count: usize, mid: &str| {
        let items = vec![r#"{"qty": 1, "value_unit": 0.0666}"#; count].join(",");
        format!(r#"{{{mid}"order_items": [{items}]}}"#)
    };
    let nested = |depth: usize| {
        format!(
            r#"{{"order_number": 17, "total": 666.66, "x": {}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let all = [
        ("not_utf8", rubbish),
        ("not_json", "rubbish ".repeat(MEGABYTE / 8).into_bytes()),
        ("too_deep", "[".repeat(10_000).into_bytes()),
        ("too_deep", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes()),
        ("too_deep", r#"{"items":[{"x":"#.repeat(10_000).into_bytes()),
        ("too_deep", nested(128).into_bytes()),
        ("not_json", format!(r#"{{"order_number": 17, "total": "{}"#, "6".repeat(MEGABYTE)).into()),
        ("out_of_range", many(10_000, r#""order_number": 17, "#).into_bytes()),
        ("out_of_range", format!(r#"{{"order_id": "a", "total": {}}}"#, "6".repeat(9_999)).into()),
    ];
    let mut all: Vec<_> =
        all.into_iter().map(|(reason, payload)| dead(reason, Some(payload), dice)).collect();
    let most = Stated {
        key,
        items: (0..9_999)
            .map(|index| StatedItem {
                product: (index % 3 == 0).then(|| format!("produto {index}")),
                quantity: 1 + index % 7,
                unit_price: None,
            })
            .collect(),
        total: Some(10_i128.pow(20) - 1),
        sold_at: None,
    };
    let payload = write(&most, dice);
    all.push(Generated { record: shop.record(payload), meaning: Meaning::Order(most) });
    let key = shop.new_key();
    let long = shop.stated(key);
    let mut payload = write(&long, &mut shop.dice);
    // Among its fields, one that fills the megabyte.
    let filler = format!(r#"{{"filler": "{}","#, "x".repeat(MEGABYTE - payload.len() - 100));
    payload = payload.replacen('{', &filler, 1);
    all.push(Generated { record: shop.record(payload), meaning: Meaning::Order(long) });
    all
}

//! Names of fields that can change an order's value or products, and where they are in a mapping's
//! tree. If no role reads such a field, the order reports it ([`Unmapped`](crate::order::Unmapped)).
//!
//! Only unambiguous names are listed, in the spellings that programs use.

use super::{MappingSettings, Opens, Role, Spot};

/// The bits of [`Unmapped`](crate::order::Unmapped), in the order of its kinds.
pub(in crate::order) const PRODUCT: u8 = 1;
pub(in crate::order) const STATUS: u8 = 1 << 1;
pub(in crate::order) const CURRENCY: u8 = 1 << 2;
pub(in crate::order) const CHARGE: u8 = 1 << 3;
pub(in crate::order) const MINOR_UNITS: u8 = 1 << 4;
/// An event type, next to its order or within it. It becomes [`STATUS`] if its text means that the
/// order was cancelled, and is ignored otherwise.
pub(in crate::order) const EVENT_OF_RECORD: u8 = 1 << 5;
/// An event type within one of several orders of a record.
pub(in crate::order) const EVENT_OF_ORDER: u8 = 1 << 6;

/// Names of event types, as words.
const EVENT_TYPES: &[&str] = &[
    "event type",
    "event name",
    "event",
    "message type",
    "type",
    "kind",
    "action",
    "tipo evento",
    "tipo",
    "evento",
];

/// Whether an event type means that the order does not count.
pub(in crate::order) fn is_cancellation(event: &str) -> bool {
    let event = event.to_ascii_lowercase();
    ["cancel", "anulad", "anulled", "annulled", "voided", "refund", "estorn", "reembols"]
        .iter()
        .any(|word| event.contains(word))
}

/// Names in an order, as words.
const OF_ORDER: &[(u8, &[&str])] = &[
    (
        PRODUCT,
        &[
            "products",
            "produtos",
            "productos",
            "lines",
            "line items",
            "order lines",
            "cart items",
            "product name",
            "product id",
            "nome produto",
            "id produto",
            "producto",
            "sku",
        ],
    ),
    (
        STATUS,
        &[
            "status",
            "order status",
            "final status",
            "situacao",
            "estado pedido",
            "status pedido",
            "cancelled",
            "canceled",
            "is cancelled",
            "is canceled",
            "cancelado",
            "cancelled at",
            "canceled at",
            "refunded",
            "is refunded",
            "refund",
            "estornado",
        ],
    ),
    (CURRENCY, &["currency", "currency code", "moeda", "moneda", "order currency"]),
    (
        CHARGE,
        &[
            "shipping cost",
            "shipping fee",
            "shipping price",
            "shipping amount",
            "freight value",
            "valor frete",
            "delivery fee",
            "tax amount",
            "total tax",
            "taxes",
            "impostos",
            "discount amount",
            "total discount",
            "discounts",
            "valor desconto",
            "descontos",
        ],
    ),
    (
        MINOR_UNITS,
        &[
            "amount cents",
            "total cents",
            "price cents",
            "amount in cents",
            "total in cents",
            "total centavos",
            "valor centavos",
        ],
    ),
];

/// Names in an item, as words.
const OF_ITEM: &[(u8, &[&str])] = &[
    (
        PRODUCT,
        &[
            "name",
            "nome",
            "nombre",
            "title",
            "descricao",
            "description",
            "product name",
            "product id",
            "id produto",
            "producto",
            "sku",
            "item name",
            "item id",
        ],
    ),
    (CURRENCY, &["currency", "currency code", "moeda", "moneda"]),
    (MINOR_UNITS, &["price cents", "unit price cents", "amount cents", "preco centavos"]),
];

/// The spellings of a name: `line_items`, `lineItems` and `LineItems`.
fn spellings(words: &str) -> [String; 3] {
    let snake = words.replace(' ', "_");
    let mut pascal = String::new();
    for word in words.split(' ') {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        pascal.push_str(&first.to_ascii_uppercase());
        pascal.push_str(rest);
    }
    let (first, rest) = pascal.split_at_checked(1).unwrap_or((&pascal, ""));
    let camel = first.to_ascii_lowercase() + rest;
    [snake, camel, pascal]
}

/// Marks the suspicious fields below `root` that no role of `settings` reads.
pub(super) fn mark(root: &mut Spot, settings: &MappingSettings) {
    let own =
        |role: Role| settings.places.iter().any(|(own, places)| *own == role && !places.is_empty());
    let mut known = 0;
    for (bit, is_known) in [
        (STATUS | EVENT_OF_RECORD | EVENT_OF_ORDER, own(Role::Status)),
        (CURRENCY, own(Role::Currency)),
        (CHARGE, [Role::Shipping, Role::Tax, Role::Discount].into_iter().any(own)),
        (MINOR_UNITS, settings.minor_units),
    ] {
        known |= if is_known { bit } else { 0 };
    }
    mark_within(root, (Opens::Order, EVENT_OF_RECORD), known);
}

/// Marks the suspicious fields of an object and of all objects nested in it. `event` is the bit for
/// an event type there.
fn mark_within(spot: &mut Spot, (within, event): (Opens, u8), known: u8) {
    let within = spot.opens.unwrap_or(within);
    if let Some(tree) = &mut spot.object {
        for spot in tree.names.values_mut() {
            let inner = spot.opens == Some(Opens::Order);
            let event = if inner { EVENT_OF_ORDER } else { event };
            mark_within(spot, (within, event), known);
        }
        let names = match within {
            Opens::Order => OF_ORDER,
            Opens::Item => OF_ITEM,
        };
        let events = [(event, EVENT_TYPES)];
        let events = events.iter().filter(|_| within == Opens::Order);
        for (bit, words) in names.iter().chain(events).filter(|(bit, _)| bit & known == 0) {
            for name in words.iter().flat_map(|words| spellings(words)) {
                let spot = tree.names.entry(&name);
                if !spot.matters() {
                    spot.suspect |= *bit;
                }
            }
        }
    }
    for inner in [&mut spot.each, &mut spot.text].into_iter().flatten() {
        let is_order = inner.opens == Some(Opens::Order);
        let event = if is_order { EVENT_OF_ORDER } else { event };
        mark_within(inner, (within, event), known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_that_cancel_are_recognized() {
        for event in ["ORDER_CANCELLED", "order.canceled", "PedidoCancelado", "estorno"] {
            assert!(is_cancellation(event), "{event}");
        }
        for event in ["ORDER_PLACED", "order.created", "PedidoPago", ""] {
            assert!(!is_cancellation(event), "{event}");
        }
    }

    #[test]
    fn names_have_snake_camel_and_pascal_case_spellings() {
        assert_eq!(spellings("line items"), ["line_items", "lineItems", "LineItems"]);
        assert_eq!(spellings("status"), ["status", "status", "Status"]);
    }
}

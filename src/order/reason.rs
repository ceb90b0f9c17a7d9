//! The reasons for rejecting a record.

use std::fmt;

use jiff::civil::DateTime;

/// Declares the reasons once: variant, code and documentation stay together.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident => $code:literal,)+) => {
        /// The reasons for which a record becomes a dead letter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All reasons, in the order in which a record is checked.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The reason's name in tables, metrics and logs: lowercase words joined by `_`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

reasons! {
    /// The record has no value.
    Tombstone => "tombstone",
    /// The record lacks the required schema registry header.
    NotFramed => "not_framed",
    /// The schema registry has no schema with the id in the record's header.
    UnknownSchema => "unknown_schema",
    /// The record's schema cannot be used.
    BrokenSchema => "broken_schema",
    /// The bytes are not a value of their Avro schema.
    NotAvro => "not_avro",
    /// The bytes are not a message of their Protocol Buffers schema.
    NotProtobuf => "not_protobuf",
    /// The bytes are not valid UTF-8.
    NotUtf8 => "not_utf8",
    /// The text begins with a byte order mark.
    ByteOrderMark => "byte_order_mark",
    /// Lists and objects are nested more than 128 levels deep.
    TooDeep => "too_deep",
    /// The text is not a single JSON document.
    NotJson => "not_json",
    /// The document is JSON, but neither an object nor a list of objects.
    NotAnObject => "not_an_object",
    /// The items are not a list, or one of them is not an object.
    InvalidItems => "invalid_items",
    /// An object has two fields with the same role.
    DuplicateField => "duplicate_field",
    /// There is neither an order number nor an order id.
    MissingIdentity => "missing_identity",
    /// There are both an order number and an order id.
    TwoIdentities => "two_identities",
    /// The order number is not a plain integer.
    InvalidOrderNumber => "invalid_order_number",
    /// The order id is neither valid text nor an integer.
    InvalidOrderId => "invalid_order_id",
    /// The status is neither text nor a number nor a flag.
    InvalidStatus => "invalid_status",
    /// The order's currency is not `orders.currency`.
    OtherCurrency => "other_currency",
    /// The time of sale has an unknown format, or does not exist.
    InvalidDate => "invalid_date",
    /// A quantity, price or total is not a decimal number.
    InvalidNumber => "invalid_number",
    /// A number or the count of items is outside the supported range.
    OutOfRange => "out_of_range",
    /// The stated total is below zero.
    NegativeTotal => "negative_total",
    /// There are neither items nor a total.
    NoItemsNoTotal => "no_items_no_total",
    /// Some items have a price and some do not.
    PartlyPriced => "partly_priced",
    /// No item has a price, and there is no total.
    MissingTotal => "missing_total",
    /// An item has no quantity.
    MissingQuantity => "missing_quantity",
    /// A quantity is zero or below.
    QuantityNotPositive => "quantity_not_positive",
    /// A unit price is below zero.
    NegativePrice => "negative_price",
    /// The amount of a line is below zero.
    NegativeAmount => "negative_amount",
    /// Shipping, tax or a discount is below zero.
    NegativeCharge => "negative_charge",
    /// The amount of a line is not its quantity times its price.
    AmountMismatch => "amount_mismatch",
    /// A product is not valid text.
    InvalidProduct => "invalid_product",
    /// A text to be stored contains the character U+0000, which PostgreSQL cannot store.
    NulCharacter => "nul_character",
    /// A text contains an unpaired surrogate.
    LoneSurrogate => "lone_surrogate",
    /// A field to keep is not a valid text, a number or a flag.
    InvalidKept => "invalid_kept",
    /// The total is not the sum of the items and charges.
    TotalMismatch => "total_mismatch",
    /// Orders of this order's day were purged.
    Purged => "purged",
    /// The database rejected the order's rows.
    RejectedByDatabase => "rejected_by_database",
    /// The task that processed the record panicked.
    Panicked => "panicked",
}

impl Reason {
    /// The most common remedy, as the end of a sentence. docs/dead-letters.md, "Rejected
    /// records", has details.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Tombstone => "set mapping.tombstones, or discard them",
            Self::NotFramed => "set mapping.format to \"auto\", or correct the producer",
            Self::UnknownSchema | Self::BrokenSchema => {
                "check registry.url, and register or correct the schema"
            }
            Self::NotAvro | Self::NotProtobuf => "correct mapping.schema_file or the producer",
            Self::NotUtf8
            | Self::ByteOrderMark
            | Self::TooDeep
            | Self::NotJson
            | Self::NotAnObject => {
                "records must be JSON objects; for Avro and Protobuf, set registry.url or \
                 mapping.schema_file; for JSON in a string, set mapping.records = \"$~\""
            }
            Self::DuplicateField => {
                "set in [mapping] which of the fields counts, or correct the producer"
            }
            Self::MissingIdentity => {
                "map the field that identifies an order: mapping.order_number or mapping.order_id"
            }
            Self::TwoIdentities => "set mapping.identity to the one that counts",
            Self::InvalidItems
            | Self::InvalidOrderNumber
            | Self::InvalidOrderId
            | Self::InvalidStatus
            | Self::InvalidDate
            | Self::InvalidNumber
            | Self::InvalidProduct
            | Self::InvalidKept => {
                "correct that field's place or format in [mapping] (sold_at_format, decimal)"
            }
            Self::OtherCurrency => {
                "if all orders are in that currency, set orders.currency; otherwise process them with a \
                 separate configuration, or use mapping.keep instead of mapping.currency"
            }
            Self::OutOfRange => {
                "for too many decimals, set mapping.round; for an order number, ALTER TABLE sales \
                 ALTER order_number TYPE bigint, and restart; for a total that does not fit \
                 sales.total, ALTER TABLE sales ALTER total TYPE numeric, and restart; otherwise \
                 correct the producer"
            }
            Self::NegativeTotal
            | Self::QuantityNotPositive
            | Self::NegativeAmount
            | Self::NegativeCharge => "for returns, set mapping.returns",
            Self::NegativePrice => {
                "correct the producer: a returned item has a negative quantity, with mapping.returns"
            }
            Self::NoItemsNoTotal
            | Self::PartlyPriced
            | Self::MissingTotal
            | Self::MissingQuantity => {
                "map the fields in [mapping]: items, quantity, unit_price, total"
            }
            Self::AmountMismatch => {
                "map the item's discount: mapping.item_discount; otherwise correct the producer"
            }
            Self::TotalMismatch => {
                "map the charges: mapping.shipping, mapping.tax, mapping.discount"
            }
            Self::NulCharacter | Self::LoneSurrogate => "correct the producer",
            Self::Purged => "discard them: orders of purged days may have been counted already",
            Self::RejectedByDatabase => "change the constraint or trigger that rejects the rows",
            Self::Panicked => "report it as a defect",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a record is rejected: the reason and the detail.
///
/// The details of [`Rules::understand`](super::Rules::understand) contain the place and the rule,
/// such as `order_items[3].qty must be above 0` (items count from 0). They never quote the payload:
/// it holds personal data, and rejections are logged.
///
/// ```
/// use jiff::tz::TimeZone;
/// use vendas::order::{Reason, Rules};
///
/// let record = br#"{"order_id": "A-17", "items": [{"qty": -3, "unit_price": 2.50}]}"#;
/// let rejection = Rules::built_in(TimeZone::UTC).understand_value(Some(record)).unwrap_err();
/// assert_eq!(rejection.reason(), Reason::QuantityNotPositive);
/// assert_eq!(rejection.to_string(), "quantity_not_positive: items[0].qty must be above 0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Rejection {
    reason: Reason,
    detail: String,
}

impl Rejection {
    /// `detail` is the place and the rule, without values of the payload.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// The rejection of a record with an order that counts before `purged_before`, in the shop's
    /// time zone.
    #[must_use]
    pub fn purged(purged_before: DateTime) -> Self {
        let day = purged_before.date();
        let detail = format!(
            "an order of this record is from a day before {day}, and `vendas orders purge` has deleted \
             the orders before that day"
        );
        Self::new(Reason::Purged, detail)
    }

    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The place and the rule.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_code_of_its_own_in_snake_case() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for code in codes {
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            );
        }
        assert_eq!(Reason::RejectedByDatabase.code(), "rejected_by_database");
        assert_eq!(Reason::Panicked.code(), "panicked");
    }
}

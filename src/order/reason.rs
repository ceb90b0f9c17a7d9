//! Why a record is not an order.

use std::fmt;

use jiff::civil::DateTime;

/// Declares the reasons once: variant, code and documentation stay together.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident => $code:literal,)+) => {
        /// The kinds of trouble for which a record becomes a dead letter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, in the order in which a record is judged.
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
    /// The record has no value at all.
    Tombstone => "tombstone",
    /// The record has no header of a schema registry, and has to have one.
    NotFramed => "not_framed",
    /// The schema registry knows no schema of the id in the record's header.
    UnknownSchema => "unknown_schema",
    /// The record's schema cannot be used.
    BrokenSchema => "broken_schema",
    /// The bytes are no value of their Avro schema.
    NotAvro => "not_avro",
    /// The bytes are no message of their Protocol Buffers schema.
    NotProtobuf => "not_protobuf",
    /// The bytes are not UTF-8 throughout.
    NotUtf8 => "not_utf8",
    /// The text begins with a byte order mark.
    ByteOrderMark => "byte_order_mark",
    /// Lists and objects nest more than 128 deep.
    TooDeep => "too_deep",
    /// The text is not one JSON document, or something follows it.
    NotJson => "not_json",
    /// The document is JSON, but neither an object nor a list of objects.
    NotAnObject => "not_an_object",
    /// The items are no list, or one of them is no object.
    InvalidItems => "invalid_items",
    /// One role stands twice in one object.
    DuplicateField => "duplicate_field",
    /// There is neither an order number nor an order id.
    MissingIdentity => "missing_identity",
    /// There are both an order number and an order id.
    TwoIdentities => "two_identities",
    /// The order number is not a plain integer.
    InvalidOrderNumber => "invalid_order_number",
    /// The order id is neither usable text nor an integer.
    InvalidOrderId => "invalid_order_id",
    /// The status is neither text nor a number nor a flag.
    InvalidStatus => "invalid_status",
    /// The order names another currency than `orders.currency`.
    OtherCurrency => "other_currency",
    /// The date of the sale is of no known form, or does not exist.
    InvalidDate => "invalid_date",
    /// A quantity, price or total is not a decimal number.
    InvalidNumber => "invalid_number",
    /// A number or the count of items lies beyond what is calculated exactly.
    OutOfRange => "out_of_range",
    /// The stated total is below zero.
    NegativeTotal => "negative_total",
    /// There are neither items nor a total.
    NoItemsNoTotal => "no_items_no_total",
    /// Some items have a price and some have none.
    PartlyPriced => "partly_priced",
    /// No item has a price, and no total is stated.
    MissingTotal => "missing_total",
    /// An item has no quantity.
    MissingQuantity => "missing_quantity",
    /// A quantity is zero or below.
    QuantityNotPositive => "quantity_not_positive",
    /// A unit price is below zero.
    NegativePrice => "negative_price",
    /// What a line comes to is below zero.
    NegativeAmount => "negative_amount",
    /// Shipping, tax or a discount is below zero.
    NegativeCharge => "negative_charge",
    /// What a line is said to come to is not its quantity times its price.
    AmountMismatch => "amount_mismatch",
    /// A product is not usable text.
    InvalidProduct => "invalid_product",
    /// A text that would be stored holds the character U+0000, which PostgreSQL cannot keep.
    NulCharacter => "nul_character",
    /// A text holds half of a surrogate pair, which is no character.
    LoneSurrogate => "lone_surrogate",
    /// A field to be kept is not a usable text, a number or a flag.
    InvalidKept => "invalid_kept",
    /// The stated total is not what the items and the charges come to.
    TotalMismatch => "total_mismatch",
    /// The order is older than what is kept: orders of its day were purged.
    Purged => "purged",
    /// The database refused the order's rows.
    RejectedByDatabase => "rejected_by_database",
    /// The task that understood the record panicked.
    Panicked => "panicked",
}

impl Reason {
    /// What helps most often, as a sentence's end. docs/dead-letters.md, "Bad records", says it at length.
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
                "records must be JSON objects; for Avro and Protobuf set registry.url or \
                 mapping.schema_file, for JSON in a text mapping.records = \"$~\""
            }
            Self::DuplicateField => "say in [mapping] which of the fields counts",
            Self::MissingIdentity => {
                "name the field that identifies an order: mapping.order_number or mapping.order_id"
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
                "correct that field's place or format in [mapping] (sold_at_format, decimal, round)"
            }
            Self::OtherCurrency => "set orders.currency",
            Self::OutOfRange => {
                "for an order number: ALTER TABLE sales ALTER order_number TYPE bigint; else correct \
                 the producer"
            }
            Self::NegativeTotal
            | Self::QuantityNotPositive
            | Self::NegativePrice
            | Self::NegativeAmount
            | Self::NegativeCharge => "for returned goods set mapping.returns",
            Self::NoItemsNoTotal
            | Self::PartlyPriced
            | Self::MissingTotal
            | Self::MissingQuantity => {
                "name the fields in [mapping]: items, quantity, unit_price, total"
            }
            Self::AmountMismatch | Self::TotalMismatch => {
                "map the charges: mapping.shipping, mapping.tax, mapping.discount"
            }
            Self::NulCharacter | Self::LoneSurrogate => "correct the producer",
            Self::Purged => "discard them; to count them again, add them up outside of vendas",
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

/// Why one record is not an order: the kind of trouble, and where it lies.
///
/// Those that [`Rules::understand`](super::Rules::understand) makes name the place and the rule,
/// such as `order_items[3].qty must be above 0` (items count from 0), and never quote the payload:
/// it holds personal data, and a rejection is logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Rejection {
    reason: Reason,
    detail: String,
}

impl Rejection {
    /// `detail` says where the trouble lies and what the rule is, without the payload's values.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// That an order counts before `purged_before`, by the shop's clock.
    #[must_use]
    pub fn purged(purged_before: DateTime) -> Self {
        let day = purged_before.date();
        let detail = format!(
            "an order of this record counts before {day}, and `vendas orders purge` has removed the \
             orders before that day"
        );
        Self::new(Reason::Purged, detail)
    }

    /// The kind of trouble.
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

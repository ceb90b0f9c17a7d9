//! The expected rows of a shape, as its `expected.json` states them.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use rust_decimal::Decimal;
use serde::Deserialize;
use testbed::{Context, Result};

/// The content of the tables after all records of a shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// A description of the shape and of the choices made, for readers.
    #[expect(dead_code, reason = "declared, so that other unknown fields are errors")]
    #[serde(default)]
    about: String,
    #[expect(dead_code, reason = "declared, so that other unknown fields are errors")]
    #[serde(default)]
    notes: String,
    pub(super) orders: Vec<Order>,
    pub(super) dead_letters: u64,
    pub(super) ignored: u64,
    /// The records' keys in Kafka.
    pub(super) keys: Option<Vec<String>>,
    pub(super) sum_of_totals: Option<String>,
    /// Quantity and amount by product.
    pub(super) product_totals: Option<BTreeMap<String, (String, String)>>,
}

/// A row of `orders`, or of `sales` if the order is in no other table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// The number or id; `*` matches any.
    pub(super) key: String,
    pub(super) numbered: bool,
    pub(super) total: String,
    charges: String,
    /// Product, quantity, amount.
    items: Vec<(String, String, String)>,
    sold_at: Option<String>,
}

impl Order {
    /// The whole order in one line; equal orders have equal lines, however their numbers are
    /// written.
    pub(super) fn line(&self, any_key: bool) -> Result<String> {
        let Self { key, numbered, total, charges, items, sold_at } = self;
        let key = if any_key { "*" } else { key };
        let (total, charges) = (decimal(total)?, decimal(charges)?);
        let mut line =
            format!("order {key:?}, numbered {numbered}, total {total}, charges {charges}");
        for (product, quantity, amount) in items {
            let (quantity, amount) = (decimal(quantity)?, decimal(amount)?);
            line.push_str(&format!(", {quantity} of {product:?} for {amount}"));
        }
        if let Some(sold_at) = sold_at {
            let sold_at: DateTime = sold_at.parse().with_context(|| sold_at.clone())?;
            line.push_str(&format!(", sold at {sold_at}"));
        }
        Ok(line)
    }
}

/// A decimal in its shortest form.
pub(super) fn decimal(text: &str) -> Result<Decimal> {
    Ok(text.parse::<Decimal>().with_context(|| text.to_owned())?.normalize())
}

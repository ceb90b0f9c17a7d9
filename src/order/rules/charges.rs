//! The charges of an order in addition to its lines: shipping and tax, less discounts.

use super::super::{
    Reason, Rejection, Rules,
    decode::{Charge, Document},
    mapping::{Role, Shown},
    value::{Value, decimal},
};

/// The number of letters of a currency code (ISO 4217).
const CURRENCY_LETTERS: usize = 3;

/// The charges of an order, in units of 10^-4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Charges {
    /// Shipping and tax less discounts.
    pub(super) sum: i128,
    /// The number of charges.
    pub(super) count: usize,
}

impl Charges {
    /// # Errors
    /// A mapped charge is not a number; a charge is negative and returns are not allowed; a charge
    /// is duplicated.
    pub(super) fn of(rules: &Rules, document: &Document<'_>) -> Result<Self, Rejection> {
        let mut charges = Self::default();
        if document.charges.is_empty() {
            return Ok(charges);
        }
        for role in [Role::Shipping, Role::Tax, Role::Discount] {
            charges.add(rules, document, role)?;
        }
        Ok(charges)
    }

    fn add(&mut self, rules: &Rules, document: &Document<'_>, role: Role) -> Result<(), Rejection> {
        let of_role = |charge: &'_ Charge<'_>| {
            let shown = rules.mapping.shown(charge.place)?;
            let counts = shown.role == Some(role)
                && !charge.found.is_null()
                && (!shown.lenient || is_number(&charge.found.value()));
            counts.then_some(shown)
        };
        // Mapped places have priority over built-in names.
        let has_own =
            document.charges.iter().filter_map(of_role).any(|shown: &Shown| !shown.lenient);
        // The charges that may occur only once; at most as many as places.
        let mut single: Vec<(&Shown, u16)> = Vec::new();
        for charge in &document.charges {
            let Some(shown) = of_role(charge).filter(|shown| shown.lenient != has_own) else {
                continue;
            };
            let same = |(other, place): &&(&Shown, u16)| {
                *place == charge.place || (shown.lenient && other.lenient)
            };
            if let Some((other, _)) = single.iter().find(same) {
                let detail = if other.text == shown.text {
                    format!("the order contains {} twice", shown.text)
                } else {
                    format!(
                        "the order contains both {} and {}, which are the same role ({role})",
                        other.text, shown.text
                    )
                };
                return Err(Rejection::new(Reason::DuplicateField, detail));
            }
            if !shown.repeats {
                single.push((shown, charge.place));
            }
            let place = || shown.text.to_string();
            let value = charge.found.value();
            let amount = rules.numbers.money(&value, decimal::TOTAL, place)?;
            if amount < 0 && !rules.mapping.settings().returns {
                let detail = format!("{} must be 0 or more", shown.text);
                return Err(Rejection::new(Reason::NegativeCharge, detail));
            }
            self.sum += if role == Role::Discount { -amount } else { amount };
            self.count += 1;
        }
        Ok(())
    }
}

/// Whether a field with a built-in name is meant as a charge: `"shipping": "express"` and `"2
/// days"` are not; numbers are, even in a notation other than the mapping's.
fn is_number(value: &Value<'_>) -> bool {
    match value {
        Value::Number(_) | Value::Exact(_) | Value::Units { .. } => true,
        Value::Text(text) => {
            let mut letters = text.chars().filter(|char| char.is_alphabetic());
            text.bytes().any(|byte| byte.is_ascii_digit())
                && letters.clone().count() <= CURRENCY_LETTERS
                && letters.all(char::is_uppercase)
        }
        _ => false,
    }
}

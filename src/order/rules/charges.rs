//! What an order is charged beside its lines: shipping and tax, less discounts.

use super::super::{
    Reason, Rejection, Rules,
    decode::{Charge, Document},
    mapping::{Role, Shown},
    value::{Value, decimal},
};

/// How many letters the code of a currency has (ISO 4217).
const CURRENCY_LETTERS: usize = 3;

/// The charges of an order, in units of 10^-4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Charges {
    /// Shipping and tax less discounts.
    pub(super) sum: i128,
    /// How many there are.
    pub(super) count: usize,
}

impl Charges {
    /// # Errors
    /// One that the mapping names is no number; one is negative, unless returns are allowed; one
    /// stands twice.
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
        // The mapping's own places go before the built-in names.
        let has_own =
            document.charges.iter().filter_map(of_role).any(|shown: &Shown| !shown.lenient);
        // Those that may stand once only; there are no more of them than places.
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
                    format!("the order holds {} twice", shown.text)
                } else {
                    format!(
                        "the order holds both {} and {}, which stand for the same ({role})",
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

/// Whether a field of a built-in name is meant as a charge: `"shipping": "express"` and `"2 days"` are
/// not, but a number is, also one that is written in another way than the mapping says.
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

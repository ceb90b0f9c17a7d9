//! Parses numbers in the mapping's notation.

use super::super::{
    Currency, Reason, Rejection,
    mapping::{DecimalForm, MappingSettings},
    value::{
        Value,
        decimal::{self, Bound, Notation, NumberError},
    },
};

/// The notation of amounts and quantities.
#[derive(Clone, Debug)]
pub(in crate::order) struct Numbers {
    money: Notation,
    quantity: Notation,
}

impl Numbers {
    pub(super) fn new(settings: &MappingSettings, currency: &Currency) -> Self {
        let money = Notation {
            comma: (settings.decimal == DecimalForm::Comma).then_some(currency.iso),
            base64_scale: match settings.decimal {
                DecimalForm::Base64(scale) => Some(scale),
                DecimalForm::Point | DecimalForm::Comma => None,
            },
            minor_digits: settings.minor_units.then_some(currency.decimals()),
            round_to: settings.round.then_some(currency.decimals()),
            float32: settings.float32,
        };
        Self { money, quantity: money.for_quantity() }
    }

    /// An amount of money within its bound, in units of 10^-4. `place` is its place.
    pub(super) fn money(
        &self,
        value: &Value<'_>,
        bound: Bound,
        place: impl Fn() -> String,
    ) -> Result<i128, Rejection> {
        number(value, bound, &self.money, place)
    }

    /// A quantity within its bound, in units of 10^-4. `place` is its place.
    pub(super) fn quantity(
        &self,
        value: &Value<'_>,
        place: impl Fn() -> String,
    ) -> Result<i128, Rejection> {
        number(value, decimal::QUANTITY, &self.quantity, place)
    }
}

fn number(
    value: &Value<'_>,
    bound: Bound,
    notation: &Notation,
    place: impl Fn() -> String,
) -> Result<i128, Rejection> {
    decimal::parse(value, bound, notation).map_err(|problem| {
        let place = place();
        match problem {
            NumberError::NotANumber => {
                let detail = format!("{place} must be a decimal number");
                Rejection::new(Reason::InvalidNumber, detail)
            }
            NumberError::TooLarge => {
                let detail = format!("{place} {}", bound.rule);
                Rejection::new(Reason::OutOfRange, detail)
            }
            NumberError::TooFine => {
                let detail = format!("{place} must have at most {} decimals", decimal::DECIMALS);
                Rejection::new(Reason::OutOfRange, detail)
            }
        }
    })
}

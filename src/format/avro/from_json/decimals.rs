//! Decimal numbers, as numbers or as texts.

use num_bigint::BigInt;

use super::{Encoder, Misfit, exact::Exact};
use crate::format::avro::Decimal;

const NOT_DECIMAL: &str = "must be a decimal number, or text with one";

impl Encoder<'_> {
    /// A two's complement integer.
    pub(super) fn unscaled(&mut self, decimal: &Decimal, bytes: &[u8]) -> Result<(), Misfit> {
        let Some((_, size)) = &decimal.fixed else {
            self.counted(bytes);
            return Ok(());
        };
        let missing = size.checked_sub(bytes.len());
        let missing = missing.ok_or_else(|| Misfit::new(format!("must fit into {size} bytes")))?;
        let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { 0xff } else { 0 };
        self.bytes.extend(std::iter::repeat_n(sign, missing));
        self.bytes.extend(bytes);
        Ok(())
    }

    pub(super) fn big_decimal(&mut self, exact: Option<Exact>) -> Result<(), Misfit> {
        let number = exact.and_then(|exact| exact.shortest());
        let (unscaled, scale) = number.ok_or_else(|| Misfit::new(NOT_DECIMAL))?;
        let outside = std::mem::take(&mut self.bytes);
        self.counted(&unscaled.to_signed_bytes_be());
        self.long(i64::from(scale));
        let within = std::mem::replace(&mut self.bytes, outside);
        self.counted(&within);
        Ok(())
    }
}

impl Decimal {
    /// The number as a multiple of 10^-`scale`.
    pub(super) fn of(&self, exact: Option<Exact>) -> Result<BigInt, Misfit> {
        let exact = exact.ok_or_else(|| Misfit::new(NOT_DECIMAL))?;
        if exact.whole_digits() > self.precision.saturating_sub(self.scale) {
            let rule = format!(
                "must have at most {} digits, {} of them decimals",
                self.precision, self.scale
            );
            return Err(Misfit::new(rule));
        }
        exact
            .at_scale(self.scale)
            .ok_or_else(|| Misfit::new(format!("must have at most {} decimals", self.scale)))
    }
}

//! The currency of a shop.

/// An ISO 4217 currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency {
    pub(super) iso: iso_currency::Currency,
}

impl Currency {
    /// The currency with this code, such as `BRL`; `None` if ISO 4217 has none.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        iso_currency::Currency::from_code(code).map(|iso| Self { iso })
    }

    /// Its code, such as `BRL`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.iso.code()
    }

    /// The number of decimals of its minor unit: 2 for the real, 0 for the yen.
    #[must_use]
    pub fn decimals(self) -> u32 {
        // Metals and funds have no minor unit and count in whole units.
        self.iso.exponent().map_or(0, u32::from)
    }
}

impl Default for Currency {
    /// The real.
    fn default() -> Self {
        Self { iso: iso_currency::Currency::BRL }
    }
}

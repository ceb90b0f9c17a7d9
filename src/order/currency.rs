//! The currency that a shop keeps its books in.

/// A currency of ISO 4217.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency {
    pub(super) iso: iso_currency::Currency,
}

impl Currency {
    /// The currency of this code, such as `BRL`; `None` where ISO 4217 has none.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        iso_currency::Currency::from_code(code).map(|iso| Self { iso })
    }

    /// Its code, such as `BRL`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.iso.code()
    }

    /// How many decimals its smallest unit has: 2 for the real, 0 for the yen.
    #[must_use]
    pub fn decimals(self) -> u32 {
        // Metals and funds have none, and are counted in whole units.
        self.iso.exponent().map_or(0, u32::from)
    }
}

impl Default for Currency {
    /// The real.
    fn default() -> Self {
        Self { iso: iso_currency::Currency::BRL }
    }
}

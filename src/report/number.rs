//! Decimal numbers as people write them. They come as text and stay text: nothing is rounded here.

use clap::ValueEnum;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Locale {
    /// R$ 1.234,56
    #[value(name = "pt-BR", alias = "pt_BR")]
    PtBr,
    /// 1234.56
    Plain,
}

impl Locale {
    /// pt-BR where `LC_ALL`, or without it `LANG`, begins with `pt_BR`.
    #[must_use]
    pub fn of(environment: &[(String, String)]) -> Self {
        let variable = |wanted| {
            let mut variables = environment.iter();
            variables.find(|(name, value)| name == wanted && !value.is_empty())
        };
        match variable("LC_ALL").or_else(|| variable("LANG")) {
            Some((_, value)) if value.starts_with("pt_BR") => Self::PtBr,
            _ => Self::Plain,
        }
    }

    /// At least two decimals; further ones where there are any, so that every column adds up.
    #[must_use]
    pub fn money(self, decimal: &str) -> String {
        let written = self.written(&with_cents(decimal));
        match (self, written.strip_prefix('-')) {
            (Self::Plain, _) => written,
            (Self::PtBr, None) => format!("R$ {written}"),
            (Self::PtBr, Some(positive)) => format!("-R$ {positive}"),
        }
    }

    /// As many decimals as there are.
    #[must_use]
    pub fn quantity(self, decimal: &str) -> String {
        self.written(decimal)
    }

    /// A share of the whole; `-` where the whole is nothing.
    #[must_use]
    pub fn share(self, percent: Option<&str>) -> String {
        percent.map_or_else(|| "-".to_owned(), |percent| format!("{}%", self.written(percent)))
    }

    fn written(self, decimal: &str) -> String {
        // NaN and Infinity are NUMERICs too.
        if self == Self::Plain || !decimal.ends_with(|last: char| last.is_ascii_digit()) {
            return decimal.to_owned();
        }
        let (sign, positive) =
            decimal.strip_prefix('-').map_or(("", decimal), |positive| ("-", positive));
        let (whole, fraction) = positive.split_once('.').unwrap_or((positive, ""));
        let mut written = sign.to_owned();
        for (position, digit) in whole.chars().enumerate() {
            if position > 0 && (whole.len() - position).is_multiple_of(3) {
                written.push('.');
            }
            written.push(digit);
        }
        if !fraction.is_empty() {
            written.push(',');
            written.push_str(fraction);
        }
        written
    }
}

/// `decimal` with at least two decimals.
#[must_use]
pub(super) fn with_cents(decimal: &str) -> String {
    match decimal.split_once('.') {
        Some((_, fraction)) if fraction.len() >= 2 => decimal.to_owned(),
        Some(_) => format!("{decimal}0"),
        None if decimal.ends_with(|last: char| last.is_ascii_digit()) => format!("{decimal}.00"),
        None => decimal.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Locale::{self, Plain, PtBr};

    #[test]
    fn money_has_cents_and_loses_no_digit() {
        for (decimal, brazilian, plain) in [
            ("0", "R$ 0,00", "0.00"),
            ("1.5", "R$ 1,50", "1.50"),
            ("999.99", "R$ 999,99", "999.99"),
            ("1234.56", "R$ 1.234,56", "1234.56"),
            ("-1234567", "-R$ 1.234.567,00", "-1234567.00"),
            (
                "123456789012345678901234567890.12345678",
                "R$ 123.456.789.012.345.678.901.234.567.890,12345678",
                "123456789012345678901234567890.12345678",
            ),
            ("NaN", "R$ NaN", "NaN"),
        ] {
            assert_eq!(
                (PtBr.money(decimal), Plain.money(decimal)),
                (brazilian.into(), plain.into())
            );
        }
    }

    #[test]
    fn lc_all_comes_before_lang() {
        let of = |variables: &[(&str, &str)]| {
            let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
            Locale::of(&variables.iter().map(owned).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), Plain);
        assert_eq!(of(&[("LANG", "pt_BR.UTF-8")]), PtBr);
        assert_eq!(of(&[("LANG", "pt_BR.UTF-8"), ("LC_ALL", "")]), PtBr);
        assert_eq!(of(&[("LANG", "pt_BR.UTF-8"), ("LC_ALL", "C")]), Plain);
    }
}

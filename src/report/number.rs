//! Formats decimal numbers. They are processed as text.

use clap::ValueEnum;

use crate::order::Currency;

/// A number format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Locale {
    /// R$ 1.234,56
    #[value(name = "pt-BR", alias = "pt_BR")]
    PtBr,
    /// 1234.56
    Plain,
}

impl Locale {
    /// pt-BR if `LC_ALL`, or if that is unset `LANG`, begins with `pt_BR`.
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

    /// A quantity with all its decimals.
    #[must_use]
    pub fn quantity(self, decimal: &str) -> String {
        self.written(decimal)
    }

    /// A share of the total; `-` if the total is zero.
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

/// The format of numbers in tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The separators.
    pub locale: Locale,
    /// The currency of all amounts.
    pub currency: Currency,
}

impl Style {
    /// An amount with the decimals of the currency, rounded half away from zero.
    #[must_use]
    pub fn money(self, decimal: &str) -> String {
        let decimals = usize::try_from(self.currency.decimals()).unwrap_or(0);
        let written = self.locale.written(&rounded(decimal, decimals));
        let symbol = match (self.locale, self.currency.code()) {
            (Locale::Plain, _) => return written,
            (Locale::PtBr, "BRL") => "R$",
            (Locale::PtBr, code) => code,
        };
        match written.strip_prefix('-') {
            None => format!("{symbol} {written}"),
            Some(positive) => format!("-{symbol} {positive}"),
        }
    }
}

/// `decimal` with exactly so many decimals, rounded half away from zero.
#[must_use]
pub(super) fn rounded(decimal: &str, decimals: usize) -> String {
    let (sign, positive) =
        decimal.strip_prefix('-').map_or(("", decimal), |positive| ("-", positive));
    let (whole, fraction) = positive.split_once('.').unwrap_or((positive, ""));
    let digits = whole.chars().chain(fraction.chars());
    // NaN and Infinity are NUMERICs too.
    if !digits.clone().all(|digit| digit.is_ascii_digit()) {
        return decimal.to_owned();
    }
    let mut kept: Vec<char> =
        digits.chain(std::iter::repeat('0')).take(whole.len() + decimals).collect();
    if fraction.chars().nth(decimals).is_some_and(|next| next >= '5') {
        let nines = kept.iter().rev().take_while(|digit| **digit == '9').count();
        let raised = kept.len() - nines;
        kept.truncate(raised);
        match kept.pop().and_then(|digit| char::from_digit(digit.to_digit(10)? + 1, 10)) {
            Some(digit) => kept.push(digit),
            None => kept.push('1'),
        }
        kept.extend(std::iter::repeat_n('0', nines));
    }
    let point = kept.len() - decimals;
    let sign = if kept.iter().all(|digit| *digit == '0') { "" } else { sign };
    let mut written: String = sign.chars().chain(kept).collect();
    if decimals > 0 {
        written.insert(sign.len() + point, '.');
    }
    written
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
    use super::{
        Locale::{self, Plain, PtBr},
        Style, rounded,
    };
    use crate::order::Currency;

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        for (code, decimal, brazilian, plain) in [
            ("BRL", "0", "R$ 0,00", "0.00"),
            ("BRL", "1.5", "R$ 1,50", "1.50"),
            ("BRL", "999.995", "R$ 1.000,00", "1000.00"),
            ("BRL", "1234.5649", "R$ 1.234,56", "1234.56"),
            ("BRL", "-1234567", "-R$ 1.234.567,00", "-1234567.00"),
            ("JPY", "1234.5", "JPY 1.235", "1235"),
            ("KWD", "1234.5", "KWD 1.234,500", "1234.500"),
            ("USD", "-0.005", "-USD 0,01", "-0.01"),
            (
                "BRL",
                "123456789012345678901234567890.12345678",
                "R$ 123.456.789.012.345.678.901.234.567.890,12",
                "123456789012345678901234567890.12",
            ),
            ("BRL", "NaN", "R$ NaN", "NaN"),
        ] {
            let currency = Currency::of_code(code).unwrap();
            let written = |locale| Style { locale, currency }.money(decimal);
            assert_eq!((written(PtBr), written(Plain)), (brazilian.into(), plain.into()));
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (decimal, decimals, expected) in [
            ("0.5", 0, "1"),
            ("0.49", 0, "0"),
            ("-0.49", 0, "0"),
            ("-0.004", 2, "0.00"),
            ("9.995", 2, "10.00"),
            ("99", 3, "99.000"),
            ("-9.9995", 3, "-10.000"),
            ("1.2349", 3, "1.235"),
            ("8.995", 2, "9.00"),
            ("Infinity", 2, "Infinity"),
        ] {
            assert_eq!(rounded(decimal, decimals), expected, "{decimal}");
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

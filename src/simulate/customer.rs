//! Fictitious customers with valid document numbers.

use fake::{
    Fake,
    faker::{address::pt_br::StateAbbr, name::pt_br::Name},
    rand::RngExt,
};
use serde::Serialize;

use super::random::Random;

/// A customer as written in an order.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Customer {
    #[serde(rename = "documento_cliente")]
    document: String,
    #[serde(rename = "nome_cliente")]
    name: String,
    #[serde(rename = "uf_entrega")]
    state: String,
}

impl Customer {
    pub(super) fn draw(random: &mut Random) -> Self {
        Self {
            document: cpf(random),
            name: Name().fake_with_rng(random),
            state: StateAbbr().fake_with_rng(random),
        }
    }
}

/// A CPF, such as 123.456.789-09: nine digits and two check digits.
fn cpf(random: &mut Random) -> String {
    // Numbers with nine equal digits would pass the check but are never assigned; this range
    // excludes them.
    let number = match random.random_range(0..1_000_000_000_u32) {
        same if same % 111_111_111 == 0 => 123_456_789,
        number => number,
    };
    let digits = format!("{number:09}");
    let first = check_digit(&digits);
    let second = check_digit(&format!("{digits}{first}"));
    let (a, rest) = digits.split_at(3);
    let (b, c) = rest.split_at(3);
    format!("{a}.{b}.{c}-{first}{second}")
}

/// The digits are weighted by 2, 3, … from the right. The check digit is the difference to the next
/// multiple of 11, or 0 if that has two digits.
fn check_digit(digits: &str) -> u32 {
    let weighted = digits.chars().rev().zip(2..);
    let sum: u32 = weighted.map(|(digit, weight)| digit.to_digit(10).unwrap_or(0) * weight).sum();
    match 11 - sum % 11 {
        10 | 11 => 0,
        digit => digit,
    }
}

#[cfg(test)]
mod tests {
    use super::check_digit;

    #[test]
    fn check_digits_are_those_of_known_documents() {
        // As printed in the instructions of the Receita Federal and of validators.
        for (nine, first, second) in
            [("123456789", 0, 9), ("111444777", 3, 5), ("529982247", 2, 5), ("000000001", 9, 1)]
        {
            assert_eq!(check_digit(nine), first, "{nine}");
            assert_eq!(check_digit(&format!("{nine}{first}")), second, "{nine}");
        }
    }
}

//! Numbers, by example and compared with big integers.

use std::{borrow::Cow, str::FromStr};

use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;

mod notations;
mod properties;

const PLAIN: Notation = Notation {
    comma: None,
    base64_scale: None,
    minor_digits: None,
    round_to: None,
    float32: false,
};

fn number(literal: &str, notation: Notation) -> Result<i128, NumberError> {
    parse(&Value::Number(literal), TOTAL, &notation)
}

fn text(text: &str, notation: Notation) -> Result<i128, NumberError> {
    parse(&Value::Text(Cow::Borrowed(text)), TOTAL, &notation)
}

#[test]
fn a_number_is_taken_exactly_as_it_is_written() {
    for (literal, units) in [
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("0e999999999999999999999", 0),
        ("1e2", 1_000_000),
        ("1E+2", 1_000_000),
        ("1.5e0", 15_000),
        ("12345e-4", 12_345),
        ("0.00012e1", 12),
        ("0.1", 1_000),
        ("0.2", 2_000),
        ("12.34", 123_400),
        ("-12.34", -123_400),
        ("10.000", 100_000),
        ("10.000000000000000000000000000000000000", 100_000),
        ("12.30", 123_000),
        ("9999999999.9999", 99_999_999_999_999),
        ("9999999999999999.9999", 99_999_999_999_999_999_999),
        ("-9999999999999999.9999", -99_999_999_999_999_999_999),
    ] {
        assert_eq!(number(literal, PLAIN), Ok(units), "{literal}");
        assert_eq!(text(literal, PLAIN), Ok(units), "{literal}");
    }
}

#[test]
fn a_text_must_be_a_json_number() {
    for literal in [
        "12,30", "1.234,56", "R$ 1", "", " 1", "1 ", "+1", "01", "-01", "1.", ".5", "1e", "1e+",
        "1e1.5", "--1", "-", "1_000", "0x10", "NaN", "Infinity", "-inf", "1f", "1\u{0}", "１",
    ] {
        assert_eq!(text(literal, PLAIN), Err(NumberError::NotANumber), "{literal}");
        assert_eq!(number(literal, PLAIN), Err(NumberError::NotANumber), "{literal}");
    }
}

#[test]
fn other_values_are_not_numbers() {
    let list = crate::order::value::NumberList { numbers: [1; 7], count: 3 };
    for value in [
        Value::Null,
        Value::Flag(true),
        Value::LoneSurrogate,
        Value::Numbers(list),
        Value::Other,
        Value::Units { units: None, nanos: None },
    ] {
        assert_eq!(parse(&value, TOTAL, &PLAIN), Err(NumberError::NotANumber));
    }
}

#[test]
fn numbers_beyond_their_bound_are_rejected_and_never_rounded() {
    for (literal, bound) in [
        ("1000000", QUANTITY),
        ("-1000000", QUANTITY),
        ("999999.9999999", QUANTITY), // is taken as 1000000
        ("10000000000", UNIT_PRICE),
        ("10000000000000000", TOTAL),
        ("1e16", TOTAL),
        ("1e17", TOTAL),
        ("1e400", TOTAL),
        ("-1e400", TOTAL),
        ("1e999999999999", TOTAL),
        ("1e99999999999999999999999999", TOTAL),
        ("12345678901234567890123456789", TOTAL),
        ("123456789012345678.91", TOTAL),
    ] {
        for notation in [PLAIN, Notation { float32: true, round_to: Some(2), ..PLAIN }] {
            let units = parse(&Value::Number(literal), bound, &notation);
            assert_eq!(units, Err(NumberError::TooLarge), "{literal}");
        }
    }
    let within = |literal, bound| parse(&Value::Number(literal), bound, &PLAIN);
    assert_eq!(within("999999.9999", QUANTITY), Ok(9_999_999_999));
    assert_eq!(within("9999999999.9999", UNIT_PRICE), Ok(99_999_999_999_999));
}

#[test]
fn at_most_4_decimals_except_within_a_millionth_of_a_literal_that_has_4() {
    for (literal, units) in [
        ("349.90000000000003", 3_499_000),
        ("0.30000000000000004", 3_000),
        ("0.1000000000000000055511151231257827", 1_000),
        ("0.29999999999999998", 3_000),
        ("0.000001", 0), // inclusive
        ("0.000100999999", 1),
        ("0.000101", 1),
        ("0.000199", 2),
        ("0.0001990001", 2),
        ("-349.90000000000003", -3_499_000),
        ("1e-400", 0),
        ("1e-999999999999999999999999999", 0),
        ("9e-7", 0),
        ("9.9e-5", 1),
        ("99999999999e-15", 1),
    ] {
        assert_eq!(number(literal, PLAIN), Ok(units), "{literal}");
    }
    for literal in [
        "0.00001",
        "0.12345",
        "0.0000011",
        "0.0001010000000001",
        "0.00019899999",
        "1e-5",
        "5e-5",
        "1.1e-6",
        "-0.12345",
        "12.34567",
        "0.00005",
    ] {
        assert_eq!(number(literal, PLAIN), Err(NumberError::TooFine), "{literal}");
    }
}

#[test]
fn megabytes_of_digits_are_read_once() {
    let zeros = "0".repeat(4_000_000);
    let sevens = "7".repeat(4_000_000);
    let all = Notation { float32: true, minor_digits: Some(0), ..PLAIN };
    for notation in [PLAIN, all] {
        let number = |literal: &str| number(literal, notation);
        assert_eq!(number(&format!("1{zeros}")), Err(NumberError::TooLarge));
        assert_eq!(number(&format!("1{zeros}e-4000000")), Ok(10_000));
        assert_eq!(number(&format!("0.{zeros}1e4000001")), Ok(10_000));
        assert_eq!(number(&format!("0.{zeros}1")), Ok(0));
        assert_eq!(number(&format!("1.{zeros}")), Ok(10_000));
        assert_eq!(number(&format!("1e{zeros}1")), Ok(100_000));
        assert_eq!(number(&sevens), Err(NumberError::TooLarge));
        assert_eq!(number(&format!("0.{sevens}")), Err(NumberError::TooFine));
    }
    let cents = Notation { round_to: Some(2), ..PLAIN };
    assert_eq!(number(&format!("0.{sevens}"), cents), Ok(7_800));
    assert_eq!(number(&format!("0.004{}", "9".repeat(4_000_000)), cents), Ok(0));
    let comma = Notation { comma: Some(Currency::BRL), ..PLAIN };
    assert_eq!(text(&"1".repeat(4_000_000), comma), Err(NumberError::TooLarge));
    assert_eq!(text(&format!("1{}", ".234".repeat(1_000_000)), comma), Err(NumberError::TooLarge));
    assert_eq!(text(&format!("1,{zeros}"), comma), Ok(10_000));
    assert_eq!(text(&format!("-{}1", " ".repeat(4_000_000)), comma), Ok(-10_000));
    let base64 = Notation { base64_scale: Some(2), ..PLAIN };
    assert_eq!(text(&"A".repeat(4_000_000), base64), Err(NumberError::TooLarge));
    let units = Value::Units { units: Some(&sevens), nanos: Some("1") };
    assert_eq!(parse(&units, TOTAL, &PLAIN), Err(NumberError::TooLarge));
}

#[test]
fn money_has_at_least_two_decimals_and_quantities_only_significant_ones() {
    let shown = |units, scale| money(units, scale).unwrap().to_string();
    assert_eq!(shown(123_000, 4), "12.30");
    assert_eq!(shown(100_000, 4), "10.00");
    assert_eq!(shown(3_330, 4), "0.333");
    assert_eq!(shown(0, 8), "0.00");
    assert_eq!(shown(-123_000, 4), "-12.30");
    assert_eq!(shown(10_i128.pow(28) - 1, 8), "99999999999999999999.99999999");
    assert_eq!(shown(10_i128.pow(27), 8), "10000000000000000000.00");
    assert_eq!(quantity(20_000).unwrap().to_string(), "2");
    assert_eq!(quantity(5_000).unwrap().to_string(), "0.5");
    assert_eq!(quantity(1_000_000).unwrap().to_string(), "100");
}

/// The rule, implemented a second time with big integers: the literal is `digits` × 10^`exponent`.
fn expected(
    negative: bool,
    digits: &str,
    exponent: i32,
    round_to: Option<u32>,
    bound: i128,
) -> Result<i128, NumberError> {
    // In units of 10^-60, of which 10^56 are one unit.
    let power = u32::try_from(exponent + 60).unwrap();
    let value = BigInt::from_str(digits).unwrap() * BigInt::from(10).pow(power);
    let unit = BigInt::from(10).pow(56);
    let hundredth = BigInt::from(10).pow(54);
    let (below, rest) = (&value / &unit, &value % &unit);
    let units = if let Some(decimals) = round_to {
        let place = BigInt::from(10).pow(60 - decimals);
        let rounded = (&value * BigInt::from(2) + &place) / (&place * BigInt::from(2));
        Ok(rounded * BigInt::from(10).pow(4 - decimals))
    } else if rest == BigInt::ZERO || rest <= hundredth {
        Ok(below)
    } else if &unit - &rest <= hundredth {
        Ok(below + 1)
    } else {
        Err(NumberError::TooFine)
    };
    // The decimals of numbers far too large are not checked.
    let bound = BigInt::from(bound);
    if value >= BigInt::from(10).pow(20) * &unit {
        return Err(NumberError::TooLarge);
    }
    let units = units?;
    if units >= bound {
        return Err(NumberError::TooLarge);
    }
    let units = i128::try_from(units).unwrap();
    Ok(if negative { -units } else { units })
}

fn digits() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9]{1,6}", "[0-9]{1,35}", "[0-9]{1,12}(0{3,12}[0-9]?|9{3,12}[0-9]?|4?50{0,9})"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8_000))]

    #[test]
    fn literals_mean_what_big_integers_say(
        negative: bool,
        whole in prop_oneof!["0", "[1-9][0-9]{0,3}", "[1-9][0-9]{0,24}"],
        fraction in prop::option::of(digits()),
        exponent in prop_oneof![Just(None), (-9..9).prop_map(Some), (-20..20).prop_map(Some)],
        minor_digits in prop_oneof![Just(None), (0..4_u32).prop_map(Some)],
        round_to in prop_oneof![Just(None), (0..=4_u32).prop_map(Some)],
        bound in prop::sample::select(vec![QUANTITY, UNIT_PRICE, TOTAL]),
        quoted: bool,
    ) {
        let mut literal = format!("{}{whole}", if negative { "-" } else { "" });
        if let Some(fraction) = &fraction {
            literal += &format!(".{fraction}");
        }
        if let Some(exponent) = exponent {
            literal += &format!("e{exponent}");
        }
        let fraction = fraction.unwrap_or_default();
        let power = exponent.unwrap_or(0)
            - i32::try_from(fraction.len()).unwrap()
            - i32::try_from(minor_digits.unwrap_or(0)).unwrap();
        let digits = format!("{whole}{fraction}");
        let expected = expected(negative, &digits, power, round_to, bound.units);
        let value =
            if quoted { Value::Text(Cow::Borrowed(&literal)) } else { Value::Number(&literal) };
        let notation = Notation { minor_digits, round_to, ..PLAIN };
        prop_assert_eq!(parse(&value, bound, &notation), expected, "{} {:?}", literal, notation);
    }

    #[test]
    fn both_ways_to_read_a_literal_agree(
        literal in "-?(0|[1-9][0-9]{0,13})(\\.[0-9]{1,4})?",
        cents in 0..=4_u32,
    ) {
        let literal = Literal::split(&literal).unwrap().divided(Some(cents));
        if let Some(plain) = literal.plain_units().map(i128::from) {
            prop_assert_eq!(Ok(literal.signed(plain)), literal.signed_units(nearest_units));
        } else {
            prop_assert!(literal.fraction.len() + cents as usize > DECIMALS as usize);
        }
    }

    #[test]
    fn what_is_no_json_number_is_no_number(text in "[-+0-9.eE ]{0,8}") {
        let is_json = serde_json::from_str::<&serde_json::value::RawValue>(&text)
            .is_ok_and(|raw| raw.get() == text);
        prop_assert_eq!(Literal::split(&text).is_some(), is_json);
    }

    #[test]
    fn shown_decimals_are_worth_what_they_were(units in -10_i128.pow(28)..10_i128.pow(28)) {
        let shown = money(units, 8).unwrap();
        prop_assert_eq!(shown.mantissa() * 10_i128.pow(8 - shown.scale()), units);
        prop_assert!(shown.scale() == 2 || shown.mantissa() % 10 != 0);
    }
}

//! Numbers in the notations of a mapping.

use super::*;

pub(super) const COMMA: Notation = Notation { comma: Some(Currency::BRL), ..PLAIN };
pub(super) const FLOAT32: Notation = Notation { float32: true, ..PLAIN };

pub(super) fn rounded(decimals: u32) -> Notation {
    Notation { round_to: Some(decimals), ..PLAIN }
}

fn cents() -> Notation {
    Notation { minor_digits: Some(2), ..PLAIN }
}

pub(super) fn base64(bytes: &[u8], scale: u32) -> Result<i128, NumberError> {
    text(&STANDARD.encode(bytes), Notation { base64_scale: Some(scale), ..PLAIN })
}

pub(super) fn units(
    units: Option<&str>,
    nanos: Option<&str>,
    notation: Notation,
) -> Result<i128, NumberError> {
    parse(&Value::Units { units, nanos }, TOTAL, &notation)
}

#[test]
fn brazilian_texts_have_a_comma_and_optional_points_and_currency() {
    for (literal, units) in [
        ("R$ 1.234,56", 12_345_600),
        ("R$\u{a0}1.234,56", 12_345_600),
        ("R$\u{202f}  1.234,56", 12_345_600),
        ("R$1234,5", 12_345_000),
        ("1234,5", 12_345_000),
        ("R$ 12", 120_000),
        ("12", 120_000),
        ("0", 0),
        ("-0,0", 0),
        ("0012,5", 125_000),
        ("0,0001", 1),
        ("1.234", 12_340_000),
        ("12.345.678,9", 123_456_789_000),
        ("-1.234,56", -12_345_600),
        ("- 1.234,56", -12_345_600),
        ("-R$ 1.234,56", -12_345_600),
        ("- R$ 1.234,56", -12_345_600),
        ("R$ -1.234,56", -12_345_600),
        ("R$-1.234,56", -12_345_600),
        ("R$ - 1.234,56", -12_345_600),
        ("-1.234,56 R$", -12_345_600),
        ("10,5\u{a0}BRL", 105_000),
        ("BRL 10,5", 105_000),
        ("BRL10,5", 105_000),
        ("12,340000000000000000", 123_400),
        ("12,3400000001", 123_400),
    ] {
        assert_eq!(text(literal, COMMA), Ok(units), "{literal}");
    }
    for literal in [
        "",
        " ",
        "-",
        "R$",
        "R$ ",
        "BRL",
        ",",
        ".",
        ",5",
        "12,",
        "1.23",
        "1234.56",
        "1.2345",
        "1234.567",
        "1.234.56",
        "1.234.5678",
        "1..234",
        ".123",
        "0.123",
        "00.123",
        "012.345",
        "1.234,",
        "1,234.56",
        "1,234,567",
        "12,3.4",
        "12,3,4",
        " 12",
        "12 ",
        "R$ 12 ",
        "+12",
        "--12",
        "-R$ -12",
        "-R$-12",
        "12-",
        "12 -R$",
        "(12)",
        "R$ 12 BRL",
        "R$ R$ 12",
        "r$ 12",
        "RS 12",
        "R 12",
        "ABCD 12",
        "ABCD$ 12",
        "12 reais",
        "12 1",
        "1 234,56",
        "1'234,56",
        "1e2",
        "1,5e2",
        "12¢",
        "R$\t12",
        "R$\n12",
        "１２",
        "\u{2212}12",
        "12,5%",
        "NaN",
        "BRL$",
        "12\u{0}",
    ] {
        assert_eq!(text(literal, COMMA), Err(NumberError::NotANumber), "{literal:?}");
    }
    assert_eq!(text("12,34567", COMMA), Err(NumberError::TooFine));
    assert_eq!(text("R$ 10.000.000.000.000.000,00", COMMA), Err(NumberError::TooLarge));
    assert_eq!(text("R$ 1.234,565", Notation { round_to: Some(2), ..COMMA }), Ok(12_345_700));
    assert_eq!(text("R$ 1.234", Notation { minor_digits: Some(2), ..COMMA }), Ok(123_400));
}

#[test]
fn a_text_in_another_currency_is_not_a_number() {
    for literal in ["$ 10,5", "US$ 10,5", "€10,5", "10,5 €", "10,5 EUR", "USD 10,5", "R 10,5"] {
        assert_eq!(text(literal, COMMA), Err(NumberError::NotANumber), "{literal}");
    }
    let dollars = Notation { comma: Some(Currency::USD), ..PLAIN };
    for literal in ["$ 10,5", "US$ 10,5", "USD 10,5", "10,5"] {
        assert_eq!(text(literal, dollars), Ok(105_000), "{literal}");
    }
}

#[test]
fn what_is_a_number_in_json_stays_one_in_every_notation() {
    let notation = Notation { comma: Some(Currency::BRL), base64_scale: Some(2), ..PLAIN };
    assert_eq!(number("1234.56", notation), Ok(12_345_600));
    assert_eq!(number("1.234", notation), Ok(12_340));
    assert_eq!(number("1234,56", notation), Err(NumberError::NotANumber));
}

#[test]
fn base64_holds_a_big_endian_integer_and_its_scale_is_known() {
    for (bytes, scale, units) in [
        (&[0x00][..], 2, 0),
        (&[0x01], 2, 100),
        (&[0xff], 2, -100),
        (&[0x80], 2, -12_800),
        (&[0x00, 0x80], 2, 12_800),
        (&[0x0d, 0xab], 2, 349_900),
        (&[0x01], 4, 1),
        (&[0x01], 0, 10_000),
        (&[0x00, 0x00, 0x00, 0x64], 6, 1),
        (&[0x64], 6, 1),
        (&[0x00; 16], u32::MAX, 0),
        (&[0xff; 16], 4, -1),
    ] {
        assert_eq!(base64(bytes, scale), Ok(units), "{bytes:?} {scale}");
    }
    // 0.000001 is not a printed float here.
    assert_eq!(base64(&[0x01], 6), Err(NumberError::TooFine));
    assert_eq!(base64(&[0x01], u32::MAX), Err(NumberError::TooFine));
    assert_eq!(base64(&[0x7f; 16], 8), Err(NumberError::TooLarge));
    assert_eq!(base64(&[0x00; 17], 2), Err(NumberError::TooLarge));
    assert_eq!(
        base64(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0),
        Err(NumberError::TooLarge)
    );
    assert_eq!(base64(&[], 2), Err(NumberError::NotANumber));
    let notation = Notation { base64_scale: Some(2), comma: Some(Currency::BRL), ..PLAIN };
    for literal in ["AQ", "A===", "AQ=", "AR==", "A Q=", "R$ 12", "12.34", "AQ==\n", "-_8=", "ç"] {
        assert_eq!(text(literal, notation), Err(NumberError::NotANumber), "{literal}");
    }
    assert_eq!(text("Aen+", notation), Ok(12_543_800)); // the whole alphabet, not that of URLs
    let scale = Notation { base64_scale: Some(6), round_to: Some(2), ..PLAIN };
    assert_eq!(text(&STANDARD.encode([0x4c, 0x4b, 0x40]), scale), Ok(50_000));
    assert_eq!(text(&STANDARD.encode([0x13, 0x88]), scale), Ok(100), "0.005");
}

#[test]
fn cents_are_a_hundredth() {
    for (literal, units) in [
        ("1990", 199_000),
        ("5", 500),
        ("-5", -500),
        ("0", 0),
        ("1990.5", 199_050),
        ("1990.25", 199_025),
        ("1990.250000", 199_025),
        ("1.99e3", 199_000),
        ("199000e-2", 199_000),
        ("0.00001", 0), // within 0.000001
    ] {
        assert_eq!(number(literal, cents()), Ok(units), "{literal}");
        assert_eq!(text(literal, cents()), Ok(units), "{literal}");
    }
    assert_eq!(number("1990.125", cents()), Err(NumberError::TooFine));
    assert_eq!(number("1990.125", Notation { round_to: Some(2), ..cents() }), Ok(199_000));
    assert_eq!(number("1990.5", Notation { round_to: Some(2), ..cents() }), Ok(199_100));
    let whole = Notation { minor_digits: Some(0), ..PLAIN };
    assert_eq!(number("1990", whole), Ok(19_900_000));
    let all = Notation { minor_digits: Some(u32::MAX), ..PLAIN };
    assert_eq!(number("1990", all), Ok(0));
    assert_eq!(number("1e-99999999999999999999", all), Ok(0));
    assert_eq!(number("999999999999999999", cents()), Ok(99_999_999_999_999_999_900));
    assert_eq!(number("1000000000000000000", cents()), Err(NumberError::TooLarge));
}

#[test]
fn rounding_is_half_away_from_zero_on_the_digits() {
    for (decimals, literal, units) in [
        (2, "2811.40398115608322768821380436420440673828125", 28_114_000),
        (2, "99.5", 995_000),
        (2, "1.005", 10_100),
        (2, "1.00499999999999999999999999999999999999999", 10_000),
        (2, "1.0049999", 10_000),
        (2, "1.015", 10_200),
        (2, "1.025", 10_300),
        (2, "-1.005", -10_100),
        (2, "-1.0049", -10_000),
        (2, "0.005", 100),
        (2, "5e-3", 100),
        (2, "0.0049999", 0),
        (2, "0.0005", 0),
        (2, "0.00099", 0),
        (2, "1e-400", 0),
        (2, "1e-99999999999999999999", 0),
        (2, "99.995", 1_000_000),
        (2, "9999999999999999.99", 99_999_999_999_999_999_900),
        (0, "0.5", 10_000),
        (0, "1.4999", 10_000),
        (0, "-1.5", -20_000),
        (0, "149.5", 1_500_000),
        (3, "1.2345", 12_350),
        (4, "1.23455", 12_346),
        (9, "1.23455", 12_346), // at most 4
    ] {
        assert_eq!(number(literal, rounded(decimals)), Ok(units), "{literal} to {decimals}");
        assert_eq!(text(literal, rounded(decimals)), Ok(units), "{literal} to {decimals}");
    }
    assert_eq!(number("9999999999999999.995", rounded(2)), Err(NumberError::TooLarge));
}

#[test]
fn a_float_of_32_bits_is_taken_by_its_shortest_form() {
    for (literal, units) in [
        ("349.8999938964844", 3_499_000),
        ("0.10000000149011612", 1_000),
        ("-349.8999938964844", -3_499_000),
        ("3.498999938964844e2", 3_499_000),
        ("349.899993896484375", 3_499_000),
        ("16777.216796875", 167_772_170),
        ("2048.12353515625", 20_481_235),
        ("16384.0625", 163_840_625),       // 4 decimals are exact already
        ("349.90000000000003", 3_499_000), // no float of 32 bits, but near enough
        ("0.30000001192092896", 3_000),
        ("1e-400", 0),
        ("-1e-99999999999999999999", 0),
        ("12.34", 123_400),
        ("1e2", 1_000_000),
    ] {
        assert_eq!(number(literal, FLOAT32), Ok(units), "{literal}");
        assert_eq!(text(literal, FLOAT32), Ok(units), "{literal}");
    }
    for literal in ["349.8999938964844", "1234.5677490234375"] {
        assert_eq!(number(literal, PLAIN), Err(NumberError::TooFine), "{literal}");
    }
    // No such float, or one with more decimals.
    for literal in ["349.8999938964845", "349.899994", "0.12345", "0.12345000356435776"] {
        assert_eq!(number(literal, FLOAT32), Err(NumberError::TooFine), "{literal}");
    }
    let both = Notation { round_to: Some(2), ..FLOAT32 };
    // The float 1.005 lies below it: 1.00499999523162841796875.
    assert_eq!(number("1.00499999523162841796875", both), Ok(10_100));
    assert_eq!(number("1.00499999523162841796875", rounded(2)), Ok(10_000));
    let minor = Notation { minor_digits: Some(2), ..FLOAT32 };
    assert_eq!(number("34989.8984375", minor), Ok(3_498_990));
}

#[test]
fn units_and_nanos_are_added_where_their_signs_agree() {
    for (whole, nanos, expected) in [
        (Some("8"), Some("990000000"), 89_900),
        (Some("19"), None, 190_000),
        (None, Some("500000000"), 5_000),
        (Some("-1"), Some("-750000000"), -17_500),
        (Some("0"), Some("-750000000"), -7_500),
        (Some("-0"), Some("750000000"), 7_500),
        (Some("-1"), Some("0"), -10_000),
        (Some("-1"), Some("-0"), -10_000),
        (None, Some("100000"), 1),
        (Some("0"), Some("0"), 0),
        (Some("9999999999999999"), Some("999900000"), 99_999_999_999_999_999_999),
    ] {
        assert_eq!(units(whole, nanos, PLAIN), Ok(expected), "{whole:?} {nanos:?}");
        assert_eq!(units(whole, nanos, cents()), Ok(expected), "{whole:?} {nanos:?}");
    }
    for (whole, nanos) in [
        (Some("1"), Some("-1")),
        (Some("-1"), Some("750000000")),
        (Some("1"), Some("1000000000")),
        (Some("1"), Some("0000000001")),
        (Some("1.0"), None),
        (Some("1e2"), None),
        (None, Some("1e2")),
        (None, Some("1.5")),
        (Some(""), None),
        (Some("-"), None),
        (Some("x"), Some("1")),
    ] {
        let problem = units(whole, nanos, PLAIN);
        assert_eq!(problem, Err(NumberError::NotANumber), "{whole:?} {nanos:?}");
    }
    assert_eq!(units(Some("1"), Some("10000"), PLAIN), Err(NumberError::TooFine));
    assert_eq!(units(Some("1"), Some("1"), PLAIN), Err(NumberError::TooFine));
    assert_eq!(units(Some("1"), Some("999999999"), PLAIN), Err(NumberError::TooFine));
    assert_eq!(units(Some("1"), Some("999999999"), rounded(2)), Ok(20_000));
    assert_eq!(units(Some("-1"), Some("-5000000"), rounded(2)), Ok(-10_100));
    assert_eq!(units(Some("10000000000000000"), None, PLAIN), Err(NumberError::TooLarge));
}

#[test]
fn quantities_use_commas_and_floats_but_no_money_settings() {
    let all = Notation {
        comma: Some(Currency::BRL),
        base64_scale: Some(2),
        minor_digits: Some(2),
        round_to: Some(2),
        float32: true,
    };
    let quantity = |value| parse(&value, QUANTITY, &all.for_quantity());
    assert_eq!(quantity(Value::Text("1,5".into())), Ok(15_000));
    assert_eq!(quantity(Value::Number("300")), Ok(3_000_000));
    assert_eq!(quantity(Value::Number("0.12345")), Err(NumberError::TooFine));
    assert_eq!(quantity(Value::Number("349.8999938964844")), Ok(3_499_000));
}

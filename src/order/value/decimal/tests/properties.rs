//! Numbers in the notations of a mapping, compared with big integers and plain literals.

use super::{
    notations::{COMMA, FLOAT32, base64, rounded, units},
    *,
};

fn notation() -> impl Strategy<Value = Notation> {
    let option = || prop::option::of(prop_oneof![0..10_u32, any::<u32>()]);
    (any::<bool>(), option(), option(), option(), any::<bool>()).prop_map(
        |(comma, base64_scale, minor_digits, round_to, float32)| Notation {
            comma: comma.then_some(Currency::BRL),
            base64_scale,
            minor_digits,
            round_to,
            float32,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn groups_and_currencies_change_nothing(
        negative: bool,
        whole in "[1-9][0-9]{0,14}",
        fraction in prop::option::of("[0-9]{1,4}"),
        currency in prop::sample::select(vec!["", "R$", "R$ ", "BRL\u{a0}"]),
    ) {
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index) % 3 == 0 {
                grouped.push('.');
            }
            grouped.push(digit);
        }
        let sign = if negative { "-" } else { "" };
        let (comma, point) = fraction.map_or_else(Default::default, |fraction| {
            (format!(",{fraction}"), format!(".{fraction}"))
        });
        let expected = number(&format!("{sign}{whole}{point}"), PLAIN);
        for written in [
            format!("{sign}{whole}{comma}"),
            format!("{sign}{currency}{grouped}{comma}"),
            format!("{currency}{sign}{grouped}{comma}"),
        ] {
            prop_assert_eq!(text(&written, COMMA), expected, "{}", written);
        }
    }

    #[test]
    fn base64_means_what_big_integers_say(
        bytes in prop::collection::vec(any::<u8>(), 1..18),
        scale in 0..=8_u32,
    ) {
        let integer = BigInt::from_signed_bytes_be(&bytes);
        let units = integer * BigInt::from(10).pow(8 - scale);
        let fine = &units % BigInt::from(10_000) != BigInt::ZERO;
        let whole = i128::try_from(units / BigInt::from(10_000));
        let bound = 10_i128.pow(20);
        let expected = match whole {
            _ if bytes.len() > 16 => Err(NumberError::TooLarge),
            Ok(units) if -bound < units && units < bound => {
                if fine { Err(NumberError::TooFine) } else { Ok(units) }
            }
            _ => Err(NumberError::TooLarge),
        };
        prop_assert_eq!(base64(&bytes, scale), expected);
    }

    #[test]
    fn units_and_nanos_mean_what_their_digits_say(
        negative: bool,
        whole in 0..10_u64.pow(16),
        nanos in 0..10_u32.pow(9),
        decimals in 0..=4_u32,
    ) {
        let sign = if negative { "-" } else { "" };
        let expected = number(&format!("{sign}{whole}.{nanos:09}"), rounded(decimals));
        let (whole, nanos) = (format!("{sign}{whole}"), format!("{sign}{nanos}"));
        prop_assert_eq!(units(Some(&whole), Some(&nanos), rounded(decimals)), expected);
    }

    #[test]
    fn every_float_with_few_decimals_is_found(cents in -9_999_999..9_999_999_i32) {
        // 32-bit floats always hold 6 digits, and usually 7.
        let cents = cents / 10;
        let (sign, cents) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
        let shown = format!("{sign}{}.{:02}", cents / 100, cents % 100);
        let printed = f64::from(shown.parse::<f32>().unwrap()).to_string();
        prop_assert_eq!(number(&printed, FLOAT32), number(&shown, PLAIN), "{}", printed);
    }

    #[test]
    fn nothing_makes_it_panic(
        written in "\\PC{0,20}|[-R$BL ]{0,4}[0-9.,eE+-]{0,30}[ R$BL]{0,3}|[A-Za-z0-9+/]{0,28}={0,2}",
        more in "-?[0-9]{0,12}",
        notation in notation(),
    ) {
        for value in [
            Value::Text(Cow::Borrowed(&written)),
            Value::Number(&written),
            Value::Units { units: Some(&written), nanos: Some(&more) },
            Value::Units { units: Some(&more), nanos: Some(&written) },
        ] {
            if let Ok(units) = parse(&value, TOTAL, &notation) {
                prop_assert!(units.abs() < TOTAL.units);
            }
        }
    }
}

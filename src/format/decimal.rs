//! Decimals as JSON numbers: Avro's `decimal` and `big-decimal`, Confluent's `Decimal`.

use bumpalo::Bump;
use num_bigint::BigInt;

/// The maximum size of an unscaled integer in bytes. Exact money has at most 16.
const BYTES_LIMIT: usize = 1_024;

/// The maximum number of zeros added to an integer's digits. A number that needs more is written
/// with an exponent, so that its text is short regardless of its scale.
const ZEROS_LIMIT: usize = 64;

/// The exact number `unscaled` × 10^-`scale` in JSON's grammar (RFC 8259, section 6), allocated in
/// `arena`.
///
/// `unscaled` is a big-endian two's complement integer; empty bytes mean 0. The text has as many
/// decimals as the scale: `-12.50`, `0.00`. A negative scale adds zeros: `1200`. If more than 64
/// zeros would be added, the text is the integer with an exponent: `12e-80`.
///
/// `None` if the integer has more than 1,024 bytes, not counting sign extension, and for the scale
/// `i64::MIN`.
pub(crate) fn literal<'a>(unscaled: &[u8], scale: i64, arena: &'a Bump) -> Option<&'a str> {
    let unscaled = without_sign_bytes(unscaled);
    if unscaled.len() <= 16 {
        let mut digits = itoa::Buffer::new();
        return scaled(digits.format(small(unscaled)), scale, arena);
    }
    if unscaled.len() > BYTES_LIMIT {
        return None;
    }
    scaled(&BigInt::from_signed_bytes_be(unscaled).to_string(), scale, arena)
}

/// The same integer without sign extension.
fn without_sign_bytes(mut bytes: &[u8]) -> &[u8] {
    while let [sign @ (0 | 0xff), rest @ ..] = bytes {
        if rest.first().is_none_or(|next| (sign ^ next) & 0x80 != 0) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// An integer of at most 16 bytes.
fn small(bytes: &[u8]) -> i128 {
    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { u128::MAX } else { 0 };
    bytes.iter().fold(sign, |number, byte| number << 8 | u128::from(*byte)).cast_signed()
}

/// An integer's digits, with an optional minus, × 10^-`scale`.
fn scaled<'a>(integer: &str, scale: i64, arena: &'a Bump) -> Option<&'a str> {
    let (minus, digits) = match integer.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", integer),
    };
    match usize::try_from(scale) {
        Ok(0) => Some(arena.alloc_str(integer)),
        Ok(decimals) if decimals <= digits.len().saturating_add(ZEROS_LIMIT) => {
            with_point(minus, digits, decimals, arena)
        }
        _ => without_point(integer, scale, arena),
    }
}

/// The digits with a point before the last `decimals` digits; at least one.
fn with_point<'a>(minus: &str, digits: &str, decimals: usize, arena: &'a Bump) -> Option<&'a str> {
    let (whole, fraction) = digits.split_at_checked(digits.len().saturating_sub(decimals))?;
    let point = minus.len() + whole.len().max(1);
    let text = arena.alloc_slice_fill_copy(point + 1 + decimals, b'0');
    if let Some(first) = text.first_mut().filter(|_| !minus.is_empty()) {
        *first = b'-';
    }
    if !whole.is_empty() {
        text.get_mut(minus.len()..point)?.copy_from_slice(whole.as_bytes());
    }
    *text.get_mut(point)? = b'.';
    let from = point + 1 + decimals - fraction.len();
    text.get_mut(from..)?.copy_from_slice(fraction.as_bytes());
    std::str::from_utf8(text).ok()
}

/// The integer with zeros or with an exponent after it.
#[cold]
fn without_point<'a>(integer: &str, scale: i64, arena: &'a Bump) -> Option<&'a str> {
    let exponent = scale.checked_neg()?;
    let text = match usize::try_from(exponent) {
        // Zero stays a single digit.
        Ok(_) if integer == "0" => integer.to_owned(),
        Ok(zeros) if zeros <= ZEROS_LIMIT => format!("{integer}{}", "0".repeat(zeros)),
        _ => format!("{integer}e{exponent}"),
    };
    Some(arena.alloc_str(&text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn literal(unscaled: &[u8], scale: i64) -> Option<String> {
        super::literal(unscaled, scale, &Bump::new()).map(str::to_owned)
    }

    #[test]
    fn an_unscaled_integer_and_a_scale_are_a_number() {
        let zeros = "0".repeat(64);
        for (unscaled, scale, expected) in [
            (&[][..], 0, "0"),
            (&[], 2, "0.00"),
            (&[0], 0, "0"),
            (&[0], 2, "0.00"),
            (&[0], -3, "0"),
            (&[0], -65, "0"),
            (&[0], 66, "0e-66"),
            (&[1], 0, "1"),
            (&[0xff], 0, "-1"),
            (&[0xff], 2, "-0.01"),
            (&[0xff, 0xff, 0xff], 2, "-0.01"),
            (&[0, 0, 0, 1], 1, "0.1"),
            (&[0x80], 0, "-128"),
            (&[0x80], 2, "-1.28"),
            (&[0x80], 3, "-0.128"),
            (&[0x80], 5, "-0.00128"),
            (&[0, 0x80], 0, "128"),
            (&[0x00, 0xff], 4, "0.0255"),
            (&[4, 0xd2], 2, "12.34"),
            (&[0xfb, 0x2e], 2, "-12.34"),
            (&[4, 0xd2], 4, "0.1234"),
            (&[4, 0xd2], -2, "123400"),
            (&[0xfb, 0x2e], -2, "-123400"),
            (&[7], -64, &format!("7{zeros}")),
            (&[7], -65, "7e65"),
            (&[7], 65, &format!("0.{zeros}7")),
            (&[7], 66, "7e-66"),
            (&[0xff, 0xff, 0xff], i64::from(i32::MAX), "-1e-2147483647"),
            (&[7], i64::from(i32::MIN), "7e2147483648"),
            (&[7], i64::MAX, "7e-9223372036854775807"),
            (&[0x80, 0, 0, 0, 0, 0, 0, 0], 3, "-9223372036854775.808"),
            (&[0x7f; 16], 4, "16947396313317327396019049076013554.0607"),
            (&[1; 17], 0, "341616807575530379006368233343265341697"),
        ] {
            assert_eq!(literal(unscaled, scale).as_deref(), Some(expected), "{unscaled:?} {scale}");
        }
        assert_eq!(literal(&[7], i64::MIN), None);
    }

    #[test]
    fn integers_of_any_length_are_exact() {
        let mut largest = [0xff_u8; 16];
        largest[0] = 0x7f;
        assert_eq!(literal(&largest, 2).unwrap(), "1701411834604692317316873037158841057.27");
        let mut beyond = vec![0];
        beyond.extend([0xff; 16]);
        assert_eq!(literal(&beyond, 0).unwrap(), "340282366920938463463374607431768211455");
        let mut below = vec![0xff];
        below.extend([0; 16]);
        assert_eq!(literal(&below, 0).unwrap(), "-340282366920938463463374607431768211456");
        let least = [&[0x80][..], &[0; 15]].concat();
        assert_eq!(literal(&least, 0).unwrap(), i128::MIN.to_string());
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(literal(&[1; 1_024], 0).unwrap().len(), 2_464);
        assert_eq!(literal(&[1; 1_025], 0), None);
    }

    #[test]
    fn sign_extension_is_ignored() {
        for count in (1..40).chain([5_000]) {
            let mut padded = vec![0xff; count];
            padded.push(0x85);
            assert_eq!(literal(&padded, 1).unwrap(), "-12.3");
            padded.fill(0);
            assert_eq!(literal(&padded, 1).unwrap(), "0.0");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_the_number(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            scale in -150_i64..150,
        ) {
            let text = literal(&bytes, scale).unwrap();
            prop_assert!(serde_json::from_str::<serde_json::Number>(&text).is_ok(), "{}", text);
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            let digits: BigInt = format!("{whole}{fraction}").parse().unwrap();
            let shown = i64::try_from(fraction.len()).unwrap() - exponent.parse::<i64>().unwrap();
            // Both in units of 10^-150.
            let at = |scale: i64| BigInt::from(10).pow(u32::try_from(150 - scale).unwrap());
            prop_assert_eq!(digits * at(shown), BigInt::from_signed_bytes_be(&bytes) * at(scale));
            prop_assert!(text.len() <= 1 + 97 + 1 + 65);
        }
    }
}

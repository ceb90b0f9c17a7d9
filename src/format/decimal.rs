//! Decimal numbers as an unscaled integer of any length and a scale: Avro's decimal, Confluent's.

use num_bigint::BigInt;

/// How many bytes an unscaled integer may have; longer ones are far beyond every amount of money.
const BYTES_LIMIT: usize = 1_024;

/// Up to so many zeros are written out; beyond, the number has an exponent.
const ZEROS_LIMIT: usize = 64;

/// The exact number `unscaled` × 10^-`scale`, as JSON's grammar writes numbers (RFC 8259, section 6);
/// `unscaled` is a big-endian integer in two's complement, no bytes are 0. `None` where it has more
/// than 1,024 bytes.
pub(crate) fn literal(unscaled: &[u8], scale: i64) -> Option<String> {
    if unscaled.len() > BYTES_LIMIT {
        return None;
    }
    let integer = integer(unscaled);
    let (sign, digits) = match integer.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", &*integer),
    };
    if digits == "0" || scale == 0 {
        return Some(integer);
    }
    let size = usize::try_from(scale.unsigned_abs()).unwrap_or(usize::MAX);
    if scale < 0 || size > digits.len().saturating_add(ZEROS_LIMIT) {
        return Some(format!("{integer}e{}", scale.checked_neg()?));
    }
    let padded = format!("{digits:0>width$}", width = size + 1);
    let (whole, fraction) = padded.split_at_checked(padded.len() - size)?;
    Some(format!("{sign}{whole}.{fraction}"))
}

fn integer(bytes: &[u8]) -> String {
    let negative = bytes.first().is_some_and(|first| *first >= 0x80);
    let mut wide = if negative { [0xff; 16] } else { [0; 16] };
    let start = wide.len().checked_sub(bytes.len());
    match start.and_then(|start| wide.get_mut(start..)) {
        Some(end) => {
            end.copy_from_slice(bytes);
            i128::from_be_bytes(wide).to_string()
        }
        None => BigInt::from_signed_bytes_be(bytes).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unscaled_integer_and_a_scale_are_a_number() {
        for (unscaled, scale, expected) in [
            (&[][..], 0, "0"),
            (&[0], 5, "0"),
            (&[1], 0, "1"),
            (&[0x30, 0x39], 2, "123.45"),
            (&[0xff], 0, "-1"),
            (&[0xff], 2, "-0.01"),
            (&[0x85], 1, "-12.3"),
            (&[0x00, 0xff], 4, "0.0255"),
            (&[7], -2, "7e2"),
            (&[7], 65, "0.00000000000000000000000000000000000000000000000000000000000000007"),
            (&[7], 66, "7e-66"),
            (&[0xff, 0xff, 0xff], i64::from(i32::MAX), "-1e-2147483647"),
            (&[7], i64::MAX, "7e-9223372036854775807"),
            (&[0x80, 0, 0, 0, 0, 0, 0, 0], 3, "-9223372036854775.808"),
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
        assert_eq!(literal(&[1; 1_024], 0).unwrap().len(), 2_464);
        assert_eq!(literal(&[1; 1_025], 0), None);
    }

    #[test]
    fn the_sign_may_be_in_bytes_that_say_nothing_else() {
        for count in 1..40 {
            let mut padded = vec![0xff; count];
            padded.push(0x85);
            assert_eq!(literal(&padded, 1).unwrap(), "-12.3");
            padded.fill(0);
            assert_eq!(literal(&padded, 1).unwrap(), "0");
        }
    }
}

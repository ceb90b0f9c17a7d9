//! Decimals: integers of any length in two's complement, and where their point is.

use bumpalo::Bump;
use num_bigint::BigInt;

/// No integer of more bytes is read; exact money has 16.
const BYTES_LIMIT: usize = 1_024;

/// No scale is larger, so that a decimal's text stays short.
const SCALE_LIMIT: i64 = 10_000;

/// Decimals as JSON writes numbers.
pub(crate) struct Decimals;

impl Decimals {
    /// Such as `-12.50`, with as many decimals as the scale says, in `arena`; `None` beyond 1 KiB or a
    /// scale of ±10,000.
    pub(crate) fn literal<'a>(unscaled: &[u8], scale: i64, arena: &'a Bump) -> Option<&'a str> {
        if !(-SCALE_LIMIT..=SCALE_LIMIT).contains(&scale) {
            return None;
        }
        let unscaled = without_sign_bytes(unscaled);
        if unscaled.len() <= 16 {
            let mut digits = itoa::Buffer::new();
            return point(digits.format(small(unscaled)), scale, arena);
        }
        if unscaled.len() > BYTES_LIMIT {
            return None;
        }
        point(&BigInt::from_signed_bytes_be(unscaled).to_string(), scale, arena)
    }
}

/// The same integer without leading bytes that only repeat its sign.
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

/// Sets the point; `digits` may have a minus.
fn point<'a>(digits: &str, scale: i64, arena: &'a Bump) -> Option<&'a str> {
    let (minus, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let text = match usize::try_from(scale) {
        Ok(0) if minus.is_empty() => return Some(arena.alloc_str(digits)),
        // A zero has no more digits.
        Err(_) if digits == "0" => return Some("0"),
        Err(_) => {
            let zeros = usize::try_from(-scale).ok()?;
            let text = arena.alloc_slice_fill_copy(minus.len() + digits.len() + zeros, b'0');
            let (head, rest) = text.split_at_mut_checked(minus.len())?;
            head.copy_from_slice(minus.as_bytes());
            rest.get_mut(..digits.len())?.copy_from_slice(digits.as_bytes());
            text
        }
        Ok(0) => {
            let text = arena.alloc_slice_fill_copy(1 + digits.len(), b'-');
            text.get_mut(1..)?.copy_from_slice(digits.as_bytes());
            text
        }
        Ok(scale) => {
            let whole = digits.len().saturating_sub(scale);
            let (whole, fraction) = digits.split_at_checked(whole)?;
            let head = minus.len() + whole.len().max(1);
            let text = arena.alloc_slice_fill_copy(head + 1 + scale, b'0');
            if let Some(first) = text.first_mut().filter(|_| !minus.is_empty()) {
                *first = b'-';
            }
            if !whole.is_empty() {
                text.get_mut(minus.len()..head)?.copy_from_slice(whole.as_bytes());
            }
            *text.get_mut(head)? = b'.';
            let from = head + 1 + scale - fraction.len();
            text.get_mut(from..)?.copy_from_slice(fraction.as_bytes());
            text
        }
    };
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(unscaled: &[u8], scale: i64) -> Option<String> {
        Decimals::literal(unscaled, scale, &Bump::new()).map(str::to_owned)
    }

    #[test]
    fn the_point_is_where_the_scale_says() {
        let cases: [(&[u8], i64, &str); 20] = [
            (&[], 2, "0.00"),
            (&[0], 0, "0"),
            (&[0], 2, "0.00"),
            (&[0xff], 0, "-1"),
            (&[0xff], 2, "-0.01"),
            (&[0xff, 0xff, 0xff], 2, "-0.01"),
            (&[0, 0, 0, 1], 1, "0.1"),
            (&[0x80], 0, "-128"),
            (&[0x80], 2, "-1.28"),
            (&[0x80], 3, "-0.128"),
            (&[0x80], 5, "-0.00128"),
            (&[0, 0x80], 0, "128"),
            (&[4, 0xd2], 2, "12.34"),
            (&[0xfb, 0x2e], 2, "-12.34"),
            (&[4, 0xd2], 4, "0.1234"),
            (&[4, 0xd2], -2, "123400"),
            (&[0xfb, 0x2e], -2, "-123400"),
            (&[0], -3, "0"),
            (&[0x7f; 16], 4, "16947396313317327396019049076013554.0607"),
            (&[1; 17], 0, "341616807575530379006368233343265341697"),
        ];
        for (unscaled, scale, text) in cases {
            assert_eq!(literal(unscaled, scale).as_deref(), Some(text), "{unscaled:?} {scale}");
        }
        let least = [&[0x80][..], &[0; 15]].concat();
        assert_eq!(literal(&least, 0).unwrap(), i128::MIN.to_string());
    }

    #[test]
    fn lengths_and_scales_are_bounded() {
        assert_eq!(literal(&[1], 10_000).unwrap().len(), 10_002);
        assert_eq!(literal(&[1], 10_001), None);
        assert_eq!(literal(&[1], -10_001), None);
        assert!(literal(&[1; 1_024], 0).is_some());
        assert_eq!(literal(&[1; 1_025], 0), None);
        // Bytes that only repeat the sign don't count.
        assert_eq!(literal(&[0xff; 5_000], 1).as_deref(), Some("-0.1"));
    }
}

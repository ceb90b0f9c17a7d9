//! The digits of a number: split by JSON's grammar and cut at a decimal place, without floats.
//!
//! Everything here is linear in the literal's length, regardless of its exponent, and does not
//! allocate.

/// The parts of a JSON number: `-12.5e3`.
#[derive(Clone, Copy)]
pub(super) struct Literal<'l> {
    /// Whether it has a minus, including -0.
    pub(super) negative: bool,
    /// The digits before the point.
    pub(super) whole: &'l [u8],
    /// The digits after the point.
    pub(super) fraction: &'l [u8],
    /// The exponent after the `e`, saturating at the limits of `i64`.
    pub(super) exponent: i64,
}

impl<'l> Literal<'l> {
    /// The parts of `text`; `None` unless all of it is a number (RFC 8259, section 6).
    pub(super) fn split(text: &'l str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, rest) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, bytes),
        };
        let (whole, rest) = split_digits(rest);
        if !matches!(whole, [b'0'] | [b'1'..=b'9', ..]) {
            return None;
        }
        let (fraction, rest): (&[u8], _) = match rest {
            [b'.', rest @ ..] => match split_digits(rest) {
                ([], _) => return None,
                split => split,
            },
            _ => (&[], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => exponent(rest)?,
            _ => return None,
        };
        Some(Self { negative, whole, fraction, exponent })
    }

    /// The digits of `text`; `None` unless all of it is a number without point and exponent.
    pub(super) fn split_integer(text: &'l str) -> Option<Self> {
        let bytes = text.as_bytes();
        let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
        digits.iter().all(u8::is_ascii_digit).then(|| Self::split(text)).flatten()
    }

    /// The significant digits, without leading and trailing zeros; `None` for zero.
    pub(super) fn significant(&self) -> Option<Significant<'l>> {
        let head = trim_start(self.whole);
        let (tail, point) = if head.is_empty() {
            let tail = trim_start(self.fraction);
            (tail, -integer(self.fraction.len() - tail.len()))
        } else {
            (self.fraction, integer(head.len()))
        };
        let tail = trim_end(tail);
        let head = if tail.is_empty() { trim_end(head) } else { head };
        let point = point.saturating_add(self.exponent);
        (head.len() + tail.len() > 0).then_some(Significant { head, tail, point })
    }
}

/// A number above zero: 0.d₁d₂d₃… × 10^`point`, where neither the first nor the last digit is 0.
#[derive(Clone, Copy)]
pub(super) struct Significant<'l> {
    head: &'l [u8],
    tail: &'l [u8],
    /// The number of digits before the point; negative if zeros follow the point.
    pub(super) point: i64,
}

/// A number cut at a decimal place.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// The number of units of that place.
    pub(super) units: i128,
    /// The first digit that was cut off.
    pub(super) tenths: u8,
    /// The second digit that was cut off.
    pub(super) hundredths: u8,
    /// The number of digits cut off, up to the last nonzero one; 0 or less if there were none.
    pub(super) length: i64,
}

impl Significant<'_> {
    /// The number of decimals; 0 or less for a whole number.
    pub(super) fn decimals(&self) -> i64 {
        integer(self.head.len() + self.tail.len()).saturating_sub(self.point)
    }

    /// Cuts it after `decimals` decimals; negative ones cut before the point.
    ///
    /// `point` + `decimals` must be at most 38, so that the units fit.
    pub(super) fn cut(&self, decimals: i64) -> Cut {
        // The number of digits for whole units; 0 or less if there are none.
        let kept = self.point.saturating_add(decimals);
        let mut cut = Cut {
            units: 0,
            tenths: 0,
            hundredths: 0,
            length: self.decimals().saturating_sub(decimals),
        };
        let mut place = 0;
        for digit in self.head.iter().chain(self.tail).map(|digit| digit - b'0') {
            match place - kept.max(-2) {
                ..0 => cut.units = cut.units * 10 + i128::from(digit),
                0 => cut.tenths = digit,
                1 => cut.hundredths = digit,
                _ => break,
            }
            place += 1;
        }
        for _ in place..kept {
            cut.units *= 10;
        }
        cut
    }
}

/// The leading digits of `bytes`, and the rest.
pub(super) fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// Parses the exponent after the `e`; far beyond every bound all exponents are equivalent.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let (sign, digits) = match bytes {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0_i64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })?;
    Some(sign * number)
}

fn trim_start(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

fn trim_end(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    &digits[..digits.len() - zeros]
}

/// The length of a text in memory always fits.
fn integer(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

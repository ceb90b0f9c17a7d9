//! Checks that bytes are safe to parse as text: UTF-8, no byte order mark, not nested too deeply.

use simdutf8::compat::from_utf8;

use super::{Reason, Rejection};

/// The maximum nesting depth of lists and objects, including the order's object.
const DEPTH_LIMIT: usize = 128;

/// The payload as text.
pub(super) fn of(bytes: &[u8]) -> Result<&str, Rejection> {
    let text = from_utf8(bytes).map_err(|error| {
        let valid = error.valid_up_to();
        Rejection::new(
            Reason::NotUtf8,
            format!("the bytes are not valid UTF-8 from byte {valid} on"),
        )
    })?;
    if text.starts_with('\u{feff}') {
        let detail = "the text must not begin with a byte order mark";
        return Err(Rejection::new(Reason::ByteOrderMark, detail));
    }
    if is_too_deep(text) {
        let detail = format!("lists and objects must be nested at most {DEPTH_LIMIT} levels deep");
        return Err(Rejection::new(Reason::TooDeep, detail));
    }
    Ok(text)
}

/// serde_json limits the depth of visited values but not of skipped ones; this check covers both.
/// It counts brackets outside strings, whether or not the text is valid JSON.
pub(super) fn is_too_deep(text: &str) -> bool {
    // Few orders have that many brackets at all, and counting them is much faster. Chunks whose
    // count fits a byte let the compiler vectorize it.
    let brackets = |chunk: &[u8]| {
        let count = |sum: u8, byte: &u8| sum.wrapping_add(u8::from(matches!(byte, b'[' | b'{')));
        usize::from(chunk.iter().fold(0, count))
    };
    text.len() > DEPTH_LIMIT
        && text.as_bytes().chunks(255).map(brackets).sum::<usize>() > DEPTH_LIMIT
        && nests_too_deep(text)
}

fn nests_too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > DEPTH_LIMIT {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn depth_128_passes_and_129_does_not() {
        assert!(!is_too_deep(&nested(128)));
        assert!(!is_too_deep(&nested(128).repeat(2)));
        assert!(is_too_deep(&nested(129)));
        assert!(is_too_deep(&"{".repeat(129)));
    }

    #[test]
    fn only_open_brackets_outside_of_strings_count() {
        assert!(!is_too_deep(&"[],".repeat(1_000)));
        assert!(!is_too_deep(&format!("[\"{}\"]", "[".repeat(1_000))));
        assert!(!is_too_deep(&format!(r#"["\"{}"]"#, "{".repeat(1_000))));
        assert!(is_too_deep(&format!(r#"["\\",{}"#, nested(128))));
    }
}

//! Splits a file into orders: the lines of NDJSON, or the elements of one JSON array.

use std::fmt;

use serde_json::value::RawValue;

/// Why a file is invalid, and where: lines and columns (in bytes) count from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    line: usize,
    column: usize,
    cause: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.cause)
    }
}

/// The elements of an array if `bytes` begin with `[`, else the lines. Blank lines and a leading byte
/// order mark are skipped.
pub(super) fn of(bytes: &[u8]) -> Result<Vec<&str>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|e| fault(&e, 0))?;
        return Ok(elements.into_iter().map(RawValue::get).collect());
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let elements = lines.map(|(above, line)| {
        serde_json::from_str::<&RawValue>(line).map(RawValue::get).map_err(|e| fault(&e, above))
    });
    elements.collect()
}

/// Converts serde_json's error in a text that begins after `above` lines.
fn fault(error: &serde_json::Error, above: usize) -> Fault {
    let text = error.to_string();
    let cause = text.rsplit_once(" at line ").map_or(text.as_str(), |(cause, _)| cause).to_owned();
    Fault { line: above + error.line(), column: error.column(), cause }
}

fn not_utf8(bytes: &[u8], valid: usize) -> Fault {
    let before = bytes.get(..valid).unwrap_or_default();
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Fault {
        line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
        column: valid - line_start + 1,
        cause: "the bytes are not UTF-8".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    fn fault(bytes: &[u8]) -> String {
        of(bytes).unwrap_err().to_string()
    }

    #[test]
    fn lines_and_arrays_return_each_element_unchanged() {
        let elements = [r#"{"a": 1.50}"#, r#"{ "b":"é [" }"#, "17"];
        let lines = elements.join("\r\n\n  ");
        assert_eq!(of(lines.as_bytes()).unwrap(), elements);
        let array = format!("\u{feff}\n [{} ]\n", elements.join(" ,\n"));
        assert_eq!(of(array.as_bytes()).unwrap(), elements);
        assert!(of(b" \n\n").unwrap().is_empty());
        assert!(of(b"[]").unwrap().is_empty());
    }

    #[test]
    fn a_fault_has_line_and_column() {
        assert!(fault(b"{}\n\n{\"a\": 1,}\n").starts_with("line 3, column 9: "));
        assert!(fault(b"{}\n{} {}").starts_with("line 2, column 4: trailing characters"));
        assert!(fault(b"[{},\n {]").starts_with("line 2, column 3: "));
        assert!(fault(b"[{}]\n{}").starts_with("line 2, column 1: trailing characters"));
        assert!(fault(b"[{}").starts_with("line 1, column 3: EOF"));
        assert_eq!(fault(b"{}\n {\"a\": \"\xe9\"}"), "line 2, column 9: the bytes are not UTF-8");
    }
}

//! Server-sent events as text: written once and sent to all viewers.

use bytes::Bytes;
use serde::Serialize;

/// An event of this name with `data` as JSON; `None` if it cannot be serialized.
pub(super) fn event(name: &str, data: &impl Serialize) -> Option<Bytes> {
    let json = serde_json::to_string(data).ok()?;
    // JSON without white space has no newline, which would end the data.
    Some(format!("event: {name}\ndata: {json}\n\n").into())
}

#[cfg(test)]
mod tests {
    use super::event;

    #[test]
    fn no_name_ends_an_event() {
        let written = event("sales", &["a\n\nevent: b\r\n\u{2028}"]).unwrap();
        let written = String::from_utf8(written.to_vec()).unwrap();
        assert_eq!(written.lines().count(), 3, "{written:?}");
        assert!(written.starts_with("event: sales\ndata: [\"") && written.ends_with("\"]\n\n"));
    }
}

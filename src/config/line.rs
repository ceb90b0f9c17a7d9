//! The line of a key in a TOML file.

use toml_edit::{ImDocument, TableLike};

/// The line, counted from 1, in which `text` sets `key` (names joined with dots); `None` if it does
/// not, or is not valid TOML.
pub(super) fn of(text: &str, key: &str) -> Option<usize> {
    let document = ImDocument::parse(text).ok()?;
    let at = start(document.as_table(), key)?;
    Some(text.get(..at)?.matches('\n').count() + 1)
}

/// The byte offset of the key. A name may itself contain dots.
fn start(table: &dyn TableLike, key: &str) -> Option<usize> {
    table.iter().find_map(|(name, value)| {
        let rest = key.strip_prefix(name)?;
        if rest.is_empty() {
            let (key, value) = table.get_key_value(name)?;
            return Some(key.span().or_else(|| value.span())?.start);
        }
        start(value.as_table_like()?, rest.strip_prefix('.')?)
    })
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_key_is_found_in_tables_of_all_forms() {
        let text = "\
# comment
[mapping]
order_id = 'x'
only = { at = '$.type', is = ['a'] }
[topics.'a.b'.mapping]
total = 1
";
        for (key, line) in [
            ("mapping.order_id", Some(3)),
            ("mapping.only", Some(4)),
            ("mapping.only.at", Some(4)),
            ("topics.a.b.mapping.total", Some(6)),
            ("mapping.order", None),
            ("topics.a.mapping.total", None),
        ] {
            assert_eq!(of(text, key), line, "{key}");
        }
    }
}

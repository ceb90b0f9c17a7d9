//! A selection of topics by name and by pattern.

use std::{fmt, sync::Arc};

use regex_lite::Regex;

/// The prefix that distinguishes patterns from names.
const PREFIX: &str = "re:";

/// The maximum length of a topic name in bytes (org.apache.kafka.common.internals.Topic).
const MAX_NAME_BYTES: usize = 249;

/// Topics by name and by pattern. Topics that match a pattern can be created at any time.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    names: Vec<Arc<str>>,
    patterns: Vec<Pattern>,
}

/// Matches whole names, as in Java's `subscribe(Pattern)` and in KIP-848.
#[derive(Clone, Debug)]
struct Pattern {
    /// As it was written, including `re:`.
    text: Arc<str>,
    regex: Regex,
}

/// An entry of a [`Selection`].
#[derive(Clone, Debug)]
pub struct Selected(Entry);

#[derive(Clone, Debug)]
enum Entry {
    Name(Arc<str>),
    Pattern(Pattern),
}

impl Selected {
    /// Parses `orders`, or `re:` and a regular expression (in the syntax of the crate regex-lite)
    /// that matches whole names. `None` if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(expression) = text.strip_prefix(PREFIX) {
            let regex = Regex::new(&format!("^(?:{expression})$")).ok()?;
            return Some(Self(Entry::Pattern(Pattern { text: text.into(), regex })));
        }
        let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_name = (1..=MAX_NAME_BYTES).contains(&text.len())
            && text.chars().all(is_legal)
            && !matches!(text, "." | "..");
        is_name.then(|| Self(Entry::Name(text.into())))
    }
}

impl FromIterator<Selected> for Selection {
    fn from_iter<I: IntoIterator<Item = Selected>>(entries: I) -> Self {
        let mut selection = Self::default();
        for Selected(entry) in entries {
            match entry {
                Entry::Name(name) => selection.names.push(name),
                Entry::Pattern(pattern) => selection.patterns.push(pattern),
            }
        }
        selection.names.sort();
        selection.names.dedup();
        selection.patterns.sort_by(|a, b| a.text.cmp(&b.text));
        selection.patterns.dedup_by(|a, b| a.text == b.text);
        selection
    }
}

impl Selection {
    /// The topics by name, sorted.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Whether it has patterns.
    #[must_use]
    pub const fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Its single topic, if it has one name and no patterns.
    #[must_use]
    pub fn only(&self) -> Option<&Arc<str>> {
        match self.names.as_slice() {
            [only] if !self.has_patterns() => Some(only),
            _ => None,
        }
    }

    /// Whether it contains a topic `name`.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|named| &**named == name) || self.matches(name)
    }

    /// Whether a pattern matches `name`.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.regex.is_match(name))
    }

    /// The patterns, as they were written, that match none of `names`.
    pub(super) fn unmatched<'a>(
        &self,
        names: impl Iterator<Item = &'a Arc<str>> + Clone,
    ) -> impl Iterator<Item = Arc<str>> {
        let is_unmatched =
            move |pattern: &&Pattern| !names.clone().any(|name| pattern.regex.is_match(name));
        self.patterns.iter().filter(is_unmatched).map(|pattern| Arc::clone(&pattern.text))
    }
}

/// The entries, separated by commas.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.patterns.iter().map(|pattern| &pattern.text);
        for (index, entry) in self.names.iter().chain(patterns).enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(entry)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(entries: &[&str]) -> Selection {
        entries.iter().map(|entry| Selected::parse(entry).unwrap()).collect()
    }

    #[test]
    fn patterns_match_whole_names() {
        let orders = selection(&[r"re:orders\.[a-z]+", "sales", "sales"]);
        for (name, belongs) in [
            ("orders.north", true),
            ("sales", true),
            ("orders.north.1", false),
            ("old-orders.north", false),
            ("orders.", false),
            ("sales2", false),
        ] {
            assert_eq!(orders.contains(name), belongs, "{name}");
        }
        assert_eq!(orders.to_string(), r"sales,re:orders\.[a-z]+");
        assert!(selection(&["re:a|b"]).contains("b"));
        assert!(!selection(&["re:a|b"]).contains("ab"));
        assert!(selection(&[r"re:^orders\..+"]).contains("orders.x"));
    }

    #[test]
    fn entries_that_are_neither_names_nor_patterns_are_refused() {
        let long = "a".repeat(250);
        for text in ["", ".", "..", "a b", "ä", "re:(", "re:[z-a]", &long] {
            assert!(Selected::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_only_topic_excludes_other_names_and_patterns() {
        assert_eq!(selection(&["sales"]).only().map(|name| &**name), Some("sales"));
        assert_eq!(selection(&["sales", "re:b"]).only(), None);
        assert_eq!(selection(&["sales", "orders"]).only(), None);
    }
}

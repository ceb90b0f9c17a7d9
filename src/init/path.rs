//! Where a value is found in a record.

use std::fmt;

use super::json::Json;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    /// Into the field with this name.
    Name(String),
    /// Into each element of a list.
    Each,
    /// Into the JSON contained in a text.
    Text,
}

/// The steps from the order (or the item, or the record) to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Path(pub(crate) Vec<Step>);

impl Path {
    /// The path extended by one step.
    pub(crate) fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The names on the path, from first to last.
    pub(crate) fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Name(name) => Some(name.as_str()),
            Step::Each | Step::Text => None,
        })
    }

    /// The name, if the path is a bare field name.
    pub(crate) fn bare(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Step::Name(name)] => Some(name),
            _ => None,
        }
    }

    /// Whether the first name is `name`.
    pub(crate) fn is_below(&self, name: &str) -> bool {
        self.0.len() > 1 && self.names().next() == Some(name)
    }

    /// The value at the path; in lists, the first one. `None` for null.
    pub(crate) fn find<'j>(&self, json: &'j Json) -> Option<&'j Json> {
        let mut at = json;
        for step in &self.0 {
            at = match (step, at) {
                (Step::Name(name), at) => at.field(name)?,
                (Step::Each, Json::List(elements)) => elements.first()?,
                (Step::Text, Json::Embedded(inner)) => inner,
                (Step::Each | Step::Text, _) => return None,
            };
        }
        Some(at).filter(|at| **at != Json::Null)
    }

    /// The path as written in `mapping`, without quotes: `qty` for a direct field of the order or
    /// item, otherwise `$.a['odd name'].b~[*]`.
    pub(crate) fn place(&self) -> String {
        match self.bare() {
            Some(name)
                if !matches!(name, "key" | "timestamp" | "coordinates")
                    && !name.contains([':', '$', '~', '[', '\'']) =>
            {
                name.to_owned()
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Name(name) if is_plain(name) => write!(f, ".{name}")?,
                Step::Name(name) => {
                    write!(f, "['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))?;
                }
                Step::Each => f.write_str("[*]")?,
                Step::Text => f.write_str("~")?,
            }
        }
        Ok(())
    }
}

/// Whether RFC 9535 allows the name after a dot.
fn is_plain(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    name.chars().next().is_some_and(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &[&str]) -> Path {
        Path(names.iter().map(|name| Step::Name((*name).to_owned())).collect())
    }

    #[test]
    fn places_are_written_as_the_mapping_takes_them() {
        assert_eq!(path(&["qty"]).place(), "qty");
        assert_eq!(path(&["nº pedido"]).place(), "nº pedido");
        assert_eq!(path(&["timestamp"]).place(), "$.timestamp");
        assert_eq!(path(&["a", "odd name", "b"]).place(), "$.a['odd name'].b");
        let text = path(&["data"]).then(Step::Text).then(Step::Name("id".to_owned()));
        assert_eq!(text.place(), "$.data~.id");
        assert_eq!(path(&["lines"]).then(Step::Each).to_string(), "$.lines[*]");
    }

    #[test]
    fn a_path_finds_what_it_leads_to() {
        let json = Json::parse(r#"{"a": "{\"b\": [{\"c\": 1}]}", "n": null}"#).unwrap();
        let b = path(&["a"]).then(Step::Text).then(Step::Name("b".to_owned())).then(Step::Each);
        let found = b.then(Step::Name("c".to_owned()));
        assert_eq!(found.find(&json), Some(&Json::Number("1".to_owned())));
        assert_eq!(path(&["n"]).find(&json), None);
        assert_eq!(path(&["x"]).find(&json), None);
    }
}

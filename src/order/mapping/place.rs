//! The place of a role in a record: a field name, a path, or something outside the value.

use std::fmt;

/// How many steps a path may have.
const STEPS_LIMIT: usize = 16;

/// One place of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A field, relative to the order (to the item for an item's roles) or to the whole record.
    Field {
        /// Whether the path is relative to the whole record, for records with several orders.
        from_record: bool,
        /// The path.
        steps: Vec<Step>,
    },
    /// The record's key as text, or a field of a key that is JSON.
    Key(Option<Vec<Step>>),
    /// The value of the record's last header of this name, as text.
    Header(String),
    /// The record's timestamp.
    Timestamp,
    /// Topic, topic id, partition and offset of the record, unique among all records.
    Coordinates,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The field of this name, of an object.
    Name(String),
    /// Each element of a list.
    Each,
    /// The JSON in a text.
    Text,
}

impl Place {
    /// Parses a place in the notation of the configuration: a bare name, `$.a.b`, `$['a b'][*]`,
    /// `$.a~.b`, `record:$.a`, `key`, `key:$.a`, `header:NAME`, `timestamp` or `coordinates`.
    ///
    /// # Errors
    /// What the text must be, as the rest of a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "key" => return Ok(Self::Key(None)),
            "timestamp" => return Ok(Self::Timestamp),
            "coordinates" => return Ok(Self::Coordinates),
            _ => {}
        }
        if let Some(path) = text.strip_prefix("key:") {
            return Ok(Self::Key(Some(steps(path)?)));
        }
        if let Some(path) = text.strip_prefix("record:") {
            return Ok(Self::Field { from_record: true, steps: steps(path)? });
        }
        if let Some(name) = text.strip_prefix("header:") {
            if name.is_empty() {
                return Err("must name a header, such as \"header:event-type\"".to_owned());
            }
            return Ok(Self::Header(name.to_owned()));
        }
        if text.starts_with('$') {
            return Ok(Self::Field { from_record: false, steps: steps(text)? });
        }
        if text.trim().is_empty() {
            return Err("must not be an empty name".to_owned());
        }
        Ok(Self::Field { from_record: false, steps: vec![Step::Name(text.to_owned())] })
    }

    /// The steps of a field's path.
    pub(super) fn steps(&self) -> Option<&[Step]> {
        match self {
            Self::Field { steps, .. } => Some(steps),
            _ => None,
        }
    }

    /// Whether each order of a record has its own value.
    pub(super) const fn is_of_order(&self) -> bool {
        matches!(self, Self::Field { from_record: false, .. })
    }

    /// Whether the place is outside the record's value, and so exists without one.
    #[must_use]
    pub const fn is_outside_value(&self) -> bool {
        !matches!(self, Self::Field { .. })
    }
}

/// The form in messages: `qty` for a name and `payload.order.id` for a path.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { steps, .. } => write_steps(steps, f),
            Self::Key(None) => f.write_str("the record's key"),
            Self::Key(Some(steps)) => {
                write_steps(steps, f)?;
                f.write_str(" of the record's key")
            }
            Self::Header(name) => write!(f, "the header {name}"),
            Self::Timestamp => f.write_str("the record's timestamp"),
            Self::Coordinates => f.write_str("the record's coordinates"),
        }
    }
}

fn write_steps(steps: &[Step], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if steps.is_empty() {
        return f.write_str("the value");
    }
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Name(name) if index == 0 => f.write_str(name)?,
            Step::Name(name) => write!(f, ".{name}")?,
            Step::Each => f.write_str("[*]")?,
            Step::Text => f.write_str("~")?,
        }
    }
    Ok(())
}

/// Parses the steps of a path: the subset of JSONPath (RFC 9535) that can be followed while reading
/// a record, and `~` for the JSON in a text.
fn steps(path: &str) -> Result<Vec<Step>, String> {
    const FORM: &str =
        "must be a path of names, such as \"$.order.id\" or \"$['order id'].items[*]\"";
    let mut rest = path.strip_prefix('$').ok_or(FORM)?;
    let mut steps = Vec::new();
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            '.' => {
                let end = after.find(['.', '[', '~']).unwrap_or(after.len());
                let (name, next) = after.split_at(end);
                if name.is_empty() || name == "*" {
                    return Err(FORM.to_owned());
                }
                steps.push(Step::Name(name.to_owned()));
                next
            }
            '~' => {
                steps.push(Step::Text);
                after
            }
            '[' => {
                if let Some(next) = after.strip_prefix("*]") {
                    steps.push(Step::Each);
                    next
                } else {
                    let (name, next) = quoted(after).ok_or(FORM)?;
                    steps.push(Step::Name(name));
                    next
                }
            }
            _ => return Err(FORM.to_owned()),
        };
    }
    if steps.len() > STEPS_LIMIT {
        return Err(format!("must have at most {STEPS_LIMIT} steps"));
    }
    if steps.iter().filter(|step| **step == Step::Each).count() > 1 {
        return Err("must have at most one [*]".to_owned());
    }
    Ok(steps)
}

/// Parses a quoted name, in which `\` escapes a quote or itself. Returns it and the rest after the
/// bracket.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.char_indices();
    let (_, quote @ ('\'' | '"')) = chars.next()? else { return None };
    let mut name = String::new();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => name.push(chars.next()?.1),
            _ if char == quote => return Some((name, text.get(at + 1..)?.strip_prefix(']')?)),
            _ => name.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Step {
        Step::Name(name.to_owned())
    }

    fn field(steps: Vec<Step>) -> Place {
        Place::Field { from_record: false, steps }
    }

    #[test]
    fn a_place_is_a_name_a_path_or_outside_the_value() {
        for (text, place) in [
            ("qty", field(vec![name("qty")])),
            ("a.b", field(vec![name("a.b")])),
            ("$", field(vec![])),
            ("$.a.b", field(vec![name("a"), name("b")])),
            ("$['a.b'][\"it's\"]", field(vec![name("a.b"), name("it's")])),
            (r"$['it\'s']", field(vec![name("it's")])),
            ("$.lines[*]", field(vec![name("lines"), Step::Each])),
            ("$.data~.id", field(vec![name("data"), Step::Text, name("id")])),
            ("$~", field(vec![Step::Text])),
            ("record:$.at", Place::Field { from_record: true, steps: vec![name("at")] }),
            ("key", Place::Key(None)),
            ("key:$.id", Place::Key(Some(vec![name("id")]))),
            ("header:type", Place::Header("type".to_owned())),
            ("timestamp", Place::Timestamp),
            ("coordinates", Place::Coordinates),
        ] {
            assert_eq!(Place::parse(text), Ok(place), "{text}");
        }
    }

    #[test]
    fn invalid_places_are_rejected() {
        let deep = format!("${}", ".a".repeat(STEPS_LIMIT + 1));
        for text in [
            "",
            " ",
            "$a",
            "$.",
            "$..a",
            "$.a.",
            "$.*",
            "$[0]",
            "$[a]",
            "$['a",
            "$['a'",
            "$['a'x",
            "$.a[?(@.b)]",
            "$.a[*].b[*]",
            "key:",
            "key:id",
            "record:at",
            "header:",
            &deep,
        ] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }
}

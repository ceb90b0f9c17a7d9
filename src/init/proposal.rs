//! A proposal: certain settings, doubts with their possible answers, and unmapped fields.

/// The table of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    /// `[mapping]`, or the mapping of a topic.
    Mapping,
    /// `[orders]`
    Orders,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// An integer.
    Number(u32),
    /// A text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// Places, each consisting of one or several fields.
    Places(Vec<Vec<String>>),
    /// Selects the records with one of the texts at the place.
    Only {
        /// The place.
        at: String,
        /// The texts.
        is: Vec<String>,
    },
    /// Fields to keep, by name and place.
    Keep(Vec<(String, String)>),
}

impl Value {
    /// A list of these texts.
    pub(crate) fn texts(texts: &[&str]) -> Self {
        Self::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    /// The value in TOML.
    pub(crate) fn toml(&self) -> String {
        let list = |texts: &[String]| {
            format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
        };
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => quoted(text),
            Self::Texts(texts) => list(texts),
            Self::Places(places) => match places.as_slice() {
                [one] => match one.as_slice() {
                    [place] => quoted(place),
                    several => format!("[{}]", list(several)),
                },
                several => {
                    let each = several.iter().map(|place| match place.as_slice() {
                        [place] => quoted(place),
                        fields => list(fields),
                    });
                    format!("[{}]", each.collect::<Vec<_>>().join(", "))
                }
            },
            Self::Only { at, is } => format!("{{ at = {}, is = {} }}", quoted(at), list(is)),
            Self::Keep(fields) => {
                let fields =
                    fields.iter().map(|(name, place)| format!("{name} = {}", quoted(place)));
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A basic TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A proposed setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) table: Table,
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    /// A short reason; empty if the key is self-explanatory.
    pub(crate) because: String,
}

impl Setting {
    pub(crate) const fn new(key: &'static str, value: Value) -> Self {
        Self { table: Table::Mapping, key, value, because: String::new() }
    }

    /// The setting that a role is at this place.
    pub(crate) fn at(role: &'static str, place: impl Into<String>) -> Self {
        Self::new(role, Value::Places(vec![vec![place.into()]]))
    }

    pub(crate) fn because(mut self, because: impl Into<String>) -> Self {
        self.because = because.into();
        self
    }

    /// The line in the file: `key = value`.
    pub(crate) fn line(&self) -> String {
        format!("{} = {}", self.key, self.value.toml())
    }
}

/// A question that the records do not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// The question, including the place.
    pub(crate) question: String,
    /// The possible answers.
    pub(crate) answers: Vec<Answer>,
    /// The index of the most likely answer.
    pub(crate) likeliest: usize,
}

/// An answer and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    /// Empty if the answer requires no setting.
    pub(crate) settings: Vec<Setting>,
}

impl Answer {
    pub(crate) fn new(text: impl Into<String>, settings: Vec<Setting>) -> Self {
        Self { text: text.into(), settings }
    }
}

/// A role and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) role: &'static str,
    pub(crate) place: String,
    /// The number of orders (or lines, for roles of an item) that have it.
    pub(crate) found: usize,
    /// The number of all orders (or lines).
    pub(crate) of: usize,
}

/// A field that no role reads and that may be relevant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leftover {
    pub(crate) place: String,
    pub(crate) found: usize,
    /// Its possible meaning.
    pub(crate) may_be: &'static str,
}

/// The proposal for the records of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) roles: Vec<Role>,
    /// The certain settings.
    pub(crate) settings: Vec<Setting>,
    pub(crate) doubts: Vec<Doubt>,
    /// Further remarks.
    pub(crate) notes: Vec<String>,
    pub(crate) leftovers: Vec<Leftover>,
}

impl Proposal {
    /// The settings combined with the answers, given by index; an unanswered doubt adds no
    /// settings.
    pub(crate) fn with(&self, answers: &[Option<usize>]) -> Vec<Setting> {
        let mut settings = self.settings.clone();
        for (doubt, answer) in self.doubts.iter().zip(answers) {
            let answer = answer.and_then(|answer| doubt.answers.get(answer));
            for setting in answer.into_iter().flat_map(|answer| &answer.settings) {
                let same =
                    |known: &Setting| known.key == setting.key && known.table == setting.table;
                match settings.iter_mut().find(|known| same(known)) {
                    Some(known) => merge(known, setting),
                    None => settings.push(setting.clone()),
                }
            }
        }
        settings
    }
}

/// The later setting overrides, but lists of texts are merged.
fn merge(known: &mut Setting, setting: &Setting) {
    match (&mut known.value, &setting.value) {
        (Value::Texts(texts), Value::Texts(more)) => {
            for text in more {
                if !texts.contains(text) {
                    texts.push(text.clone());
                }
            }
        }
        (value, later) => *value = later.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_toml_reads_them() {
        let places = |places: &[&[&str]]| {
            let each = |fields: &&[&str]| fields.iter().map(|field| (*field).to_owned()).collect();
            Value::Places(places.iter().map(each).collect()).toml()
        };
        assert_eq!(places(&[&["qty"]]), r#""qty""#);
        assert_eq!(places(&[&["a"], &["$['b \"c']"]]), r#"["a", "$['b \"c']"]"#);
        assert_eq!(places(&[&["id", "line"]]), r#"[["id", "line"]]"#);
        let only = Value::Only { at: "$.t".to_owned(), is: vec!["a\n".to_owned()] };
        assert_eq!(only.toml(), r#"{ at = "$.t", is = ["a\u000A"] }"#);
        let keep = Value::Keep(vec![("currency".to_owned(), "cur".to_owned())]);
        assert_eq!(keep.toml(), r#"{ currency = "cur" }"#);
    }

    #[test]
    fn answers_override_settings_and_statuses_add_up() {
        let texts =
            |texts: &[&str]| Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect());
        let proposal = Proposal {
            settings: vec![Setting::new("cancelled", texts(&["d"]))],
            doubts: vec![Doubt {
                question: String::new(),
                answers: vec![
                    Answer::new("no", Vec::new()),
                    Answer::new("yes", vec![Setting::new("cancelled", texts(&["x", "d"]))]),
                ],
                likeliest: 1,
            }],
            ..Proposal::default()
        };
        assert_eq!(proposal.with(&[None])[0].value, texts(&["d"]));
        assert_eq!(proposal.with(&[Some(1)])[0].value, texts(&["d", "x"]));
    }
}

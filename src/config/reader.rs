//! Reads settings from their sources: which keys are set, the source of each value, and all problems
//! with their places. `values` reads the keys.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use figment::{
    Figment, Metadata, Provider, Source,
    providers::{Format, Toml},
    value::{Dict, Tag, Value},
};

use super::{
    connection, line,
    source::{ENVIRONMENT, FLAGS, Flag, LIBPQ, Sources, Texts, URL, key_parts, variable},
};

mod libpq;
mod values;

/// The maximum of all timeouts.
pub(super) const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// A problem with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, the variable or the flag; `None` for a default.
    pub origin: Option<String>,
    /// The key, its value, and the allowed values.
    pub text: String,
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Reads keys and remembers them, so that [`Self::finish`] can report unknown ones.
pub(super) struct Reader {
    figment: Figment,
    /// The content of the file.
    file: Option<String>,
    flags: Vec<Flag>,
    /// The settings from libpq variables.
    libpq: Vec<(&'static str, String)>,
    known: Vec<String>,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(sources: &Sources) -> Self {
        let mut problems = Vec::new();
        let (mut figment, mut file) = (Figment::new(), None);
        if let Some(path) = &sources.file {
            let origin = path.display().to_string();
            match std::fs::read_to_string(path) {
                Err(error) => problems.push(Problem {
                    origin: Some(origin),
                    text: format!("cannot be read: {error}"),
                }),
                Ok(text) => {
                    let toml = Toml::file_exact(path);
                    file = Some(text);
                    match toml.data() {
                        Ok(_) => figment = figment.merge(toml),
                        Err(error) => {
                            problems.push(Problem { origin: Some(origin), text: unquoted(&error) });
                        }
                    }
                }
            }
        }
        if let Some(text) = &sources.text {
            let toml = Toml::string(text);
            match toml.data() {
                Ok(_) => figment = figment.merge(toml),
                Err(error) => problems.push(Problem { origin: None, text: unquoted(&error) }),
            }
        }
        let figment = figment
            .merge(Texts::of_environment(&sources.environment))
            .merge(Texts::of_flags(&sources.flags));
        let (flags, known) = (sources.flags.clone(), Vec::new());
        let libpq = connection::of_variables(&sources.environment);
        Self { figment, file, flags, libpq, known, problems }
    }

    /// The keys that were read so far.
    pub(super) fn known(&self) -> &[String] {
        &self.known
    }

    /// All problems, including unknown keys.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let mut leaves = Vec::new();
        if let Ok(data) = self.figment.data() {
            for dict in data.values() {
                collect_leaves(dict, "", &mut leaves);
            }
        }
        for (key, tag) in leaves {
            if !self.known.contains(&key) {
                let nearest = self.nearest(&key);
                let text = match nearest {
                    Some(nearest) => format!("unknown key {key}: did you mean {nearest}?"),
                    None => format!("unknown key {key}: remove it"),
                };
                let origin = self.origin(&key, tag);
                self.problems.push(Problem { origin, text });
            }
        }
        self.problems
    }

    /// Whether any source sets `key`.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.figment.find_value(key).is_ok()
    }

    /// Whether a flag sets `key`.
    pub(super) fn is_flag(&self, key: &str) -> bool {
        self.figment.find_value(key).is_ok_and(|value| self.came_from(&value, FLAGS))
    }

    /// Reports a problem with the value of `key`, or its default: `text` is the predicate.
    pub(super) fn problem(&mut self, key: &str, text: &str) {
        let origin =
            self.figment.find_value(key).ok().and_then(|value| self.origin(key, value.tag()));
        self.problems.push(Problem { origin, text: format!("{key} {text}") });
    }

    /// Reports a problem with `value`, the value of `key`: `text` is the predicate.
    pub(super) fn problem_of(&mut self, key: &str, value: &Value, text: &str) {
        let origin = self.origin(key, value.tag());
        self.problems.push(Problem { origin, text: format!("{key} {text}") });
    }

    /// Reports that `value`, the value of `key`, is not as `expected`.
    pub(super) fn wrong_value(&mut self, key: &str, value: &Value, expected: &str) {
        self.problem_of(key, value, &format!("is {}, must be {expected}", shown(value)));
    }

    /// Registers a key.
    pub(super) fn register(&mut self, key: &str) {
        self.known.push(key.to_owned());
    }

    /// The table at this path; empty if there is none.
    pub(super) fn table(&self, path: &[&str]) -> Dict {
        let mut names = path.iter();
        let first = names.next().and_then(|name| self.figment.find_value(name).ok());
        let found = names.try_fold(first, |value, name| match value? {
            Value::Dict(_, mut dict) => Some(dict.remove(*name)),
            _ => None,
        });
        match found.flatten() {
            Some(Value::Dict(_, dict)) => dict,
            _ => Dict::new(),
        }
    }

    /// The names in the table at this path.
    pub(super) fn names(&self, path: &[&str]) -> Vec<String> {
        self.table(path).into_keys().collect()
    }

    /// Whether the value is from a source without types.
    pub(super) fn is_text_only(&self, value: &Value) -> bool {
        [ENVIRONMENT, FLAGS, URL, LIBPQ].iter().any(|source| self.came_from(value, source))
    }

    fn came_from(&self, value: &Value, source: &str) -> bool {
        self.figment.get_metadata(value.tag()).is_some_and(|metadata| metadata.name == source)
    }

    fn origin(&self, key: &str, tag: Tag) -> Option<String> {
        let metadata: &Metadata = self.figment.get_metadata(tag)?;
        if metadata.name == ENVIRONMENT {
            return Some(variable(key));
        }
        if metadata.name == LIBPQ {
            return connection::variable(key).map(str::to_owned);
        }
        if metadata.name == URL {
            let url = self.figment.find_value("database.url").ok()?;
            let origin = self.origin("database.url", url.tag());
            return Some(
                origin.map_or("database.url".to_owned(), |at| format!("{at}: database.url")),
            );
        }
        if metadata.name == FLAGS {
            let is_it = |flag: &&Flag| key_parts(&flag.key).is_some_and(|it| it.join(".") == key);
            return self.flags.iter().find(is_it).map(|flag| flag.name.clone());
        }
        match metadata.source.as_ref()? {
            // The path as it was given, not relative to the working directory.
            Source::File(path) => {
                let line = self.file.as_ref().and_then(|text| line::of(text, key));
                let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                Some(format!("{}{line}", path.display()))
            }
            other => Some(other.to_string()),
        }
    }

    fn nearest(&self, key: &str) -> Option<&str> {
        let distance = |known: &String| strsim::damerau_levenshtein(known, key);
        let nearest = self.known.iter().min_by_key(|known| distance(known))?;
        (distance(nearest) <= key.len() / 2).then_some(nearest)
    }
}

/// A value as it is shown in messages.
fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Num(_, number) => number
            .to_i128()
            .map(|number| number.to_string())
            .or_else(|| number.to_u128().map(|number| number.to_string()))
            .unwrap_or_else(|| "a floating-point number".to_owned()),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Array(..) => "a list".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Char(_, character) => format!("\"{character}\""),
        Value::Empty(..) => "nothing".to_owned(),
    }
}

/// A parser's message without the line that it quotes, which may contain a password.
fn unquoted(error: &figment::Error) -> String {
    let text = error.kind.to_string();
    let quotes = |line: &&str| {
        line.trim_start()
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .trim_start()
            .starts_with('|')
    };
    text.lines().filter(|line| !quotes(line)).collect::<Vec<_>>().join(": ")
}

fn collect_leaves(dict: &Dict, prefix: &str, leaves: &mut Vec<(String, Tag)>) {
    for (name, value) in dict {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Dict(_, inner) if !inner.is_empty() => collect_leaves(inner, &key, leaves),
            // An empty table sets nothing.
            Value::Dict(..) => {}
            _ => leaves.push((key, value.tag())),
        }
    }
}

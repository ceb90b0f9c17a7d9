//! Reads settings in libpq's forms.

use figment::value::Value;

use super::Reader;
use crate::config::{
    connection,
    source::{FLAGS, LIBPQ, Texts, URL, variable},
};

impl Reader {
    /// Adds the settings from `database.url`, and with lower precedence those from libpq variables. A
    /// setting in the URL must not be set elsewhere.
    pub(in crate::config) fn expand_url(&mut self) {
        const KEY: &str = "database.url";
        const PASSWORD: &str = "database.password";
        let settings = match self.take(KEY) {
            None => Vec::new(),
            Some(value) => match connection::of_string(value.as_str().unwrap_or_default()) {
                Ok(settings) => {
                    let has_password = settings.iter().any(|(key, _)| *key == PASSWORD);
                    if has_password && self.came_from(&value, FLAGS) {
                        let text = format!(
                            "must not contain a password on the command line, which other users of \
                             this machine can see: use {PASSWORD}_file or {}",
                            variable(KEY)
                        );
                        self.problem(KEY, &text);
                    }
                    settings
                }
                Err(text) => {
                    self.problem(KEY, &text);
                    Vec::new()
                }
            },
        };
        for (key, _) in &settings {
            let other = if *key == PASSWORD { "database.password_file" } else { key };
            for key in [*key, other] {
                if self.is_set(key) {
                    self.problem(
                        key,
                        "conflicts with the value in database.url: remove one of them",
                    );
                    break;
                }
            }
        }
        let figment = std::mem::take(&mut self.figment);
        let figment = figment.join(Texts::of_pairs(URL, settings));
        let has_password = figment.find_value("database.password_file").is_ok();
        let libpq = std::mem::take(&mut self.libpq);
        let libpq = libpq.into_iter().filter(|(key, _)| !(has_password && *key == PASSWORD));
        self.figment = figment.join(Texts::of_pairs(LIBPQ, libpq.collect()));
    }

    /// A list: a TOML array of strings and integers, a string with commas, or a number.
    pub(in crate::config) fn texts(&mut self, key: &str, default: &str) -> Option<Vec<String>> {
        let text = |value: &Value| match value {
            Value::String(_, text) => Some(text.trim().to_owned()),
            Value::Num(_, number) => number.to_i128().map(|number| number.to_string()),
            _ => None,
        };
        let Some(value) = self.take(key) else {
            return Some(vec![default.to_owned()]);
        };
        let texts: Option<Vec<String>> = match &value {
            Value::Array(_, values) => values.iter().map(text).collect(),
            value => {
                text(value).map(|text| text.split(',').map(|part| part.trim().to_owned()).collect())
            }
        };
        match texts {
            Some(texts) if !texts.is_empty() => Some(texts),
            _ => {
                self.wrong_value(key, &value, "a string, or a list of strings");
                None
            }
        }
    }

    /// Reports that the value of `key` is not as `expected`.
    pub(in crate::config) fn wrong(&mut self, key: &str, expected: &str) {
        if let Ok(value) = self.figment.find_value(key) {
            self.wrong_value(key, &value, expected);
        }
    }
}

//! The values of keys, checked for type and range. An invalid value is reported as a problem; the
//! result is then `None`, unless a method says otherwise.

use std::{ops::RangeInclusive, time::Duration};

use figment::value::Value;
use jiff::SignedDuration;
use secrecy::SecretString;

use super::Reader;
use crate::config::source::{FLAGS, variable};

impl Reader {
    pub(in crate::config) fn text(&mut self, key: &str, default: &str) -> Option<String> {
        match self.take(key) {
            None => Some(default.to_owned()),
            Some(Value::String(_, text)) if !text.is_empty() => Some(text),
            Some(other) => self.refuse(key, &other, "a non-empty string"),
        }
    }

    /// `None` also if it is not set.
    pub(in crate::config) fn optional_text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(_, text) if !text.is_empty() => Some(text),
            other => self.refuse(key, &other, "a non-empty string"),
        }
    }

    /// A string that no message quotes. It may be empty. `None` also if it is neither set nor has a
    /// default.
    pub(in crate::config) fn secret(
        &mut self,
        key: &str,
        default: Option<&str>,
    ) -> Option<SecretString> {
        match self.take(key) {
            None => default.map(|default| default.to_owned().into()),
            Some(value) if self.came_from(&value, FLAGS) => {
                let text = format!(
                    "must not be set on the command line, which other users of this machine can \
                     see: use {key}_file or {}",
                    variable(key)
                );
                self.problem(key, &text);
                None
            }
            Some(Value::String(_, text)) => Some(text.into()),
            Some(_) => {
                self.problem(key, "must be a string: put it in quotes");
                None
            }
        }
    }

    pub(in crate::config) fn integer<T: TryFrom<i64>>(
        &mut self,
        key: &str,
        default: i64,
        range: RangeInclusive<i64>,
    ) -> Option<T> {
        let value = self.take(key);
        let number = match &value {
            None => Some(default),
            Some(Value::Num(_, number)) => number
                .to_i128()
                .or_else(|| number.to_u128()?.try_into().ok())
                .and_then(|number| i64::try_from(number).ok()),
            Some(Value::String(_, text)) if self.is_untyped(&value) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let in_range = number.filter(|number| range.contains(number));
        let converted = in_range.and_then(|number| T::try_from(number).ok());
        if let (None, Some(value)) = (&converted, &value) {
            let expected = format!("an integer from {} to {}", range.start(), range.end());
            return self.refuse(key, value, &expected);
        }
        converted
    }

    pub(in crate::config) fn flag(&mut self, key: &str, default: bool) -> Option<bool> {
        let value = self.take(key);
        match &value {
            None => Some(default),
            Some(Value::Bool(_, flag)) => Some(*flag),
            Some(Value::String(_, text)) if self.is_untyped(&value) && text == "true" => Some(true),
            Some(Value::String(_, text)) if self.is_untyped(&value) && text == "false" => {
                Some(false)
            }
            Some(value) => self.refuse(key, value, "true or false"),
        }
    }

    /// The first of `choices` is the default.
    pub(in crate::config) fn choice<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let default = choices.first().map(|(_, choice)| *choice);
        self.optional_choice(key, choices)?.or(default)
    }

    /// `Some(None)` if it is not set.
    pub(in crate::config) fn optional_choice<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<Option<T>> {
        match self.take(key) {
            None => Some(None),
            Some(value) => {
                let named =
                    value.as_str().and_then(|text| choices.iter().find(|(name, _)| *name == text));
                match named {
                    Some((_, choice)) => Some(Some(*choice)),
                    None => {
                        let names: Vec<String> =
                            choices.iter().map(|(name, _)| format!("{name:?}")).collect();
                        self.refuse(key, &value, &names.join(" or "))
                    }
                }
            }
        }
    }

    pub(in crate::config) fn duration(
        &mut self,
        key: &str,
        default: &str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let value = self.take(key);
        let text = match &value {
            None => default,
            Some(value) => value.as_str().unwrap_or_default(),
        };
        let duration = text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .filter(|duration| range.contains(duration));
        match (duration, value) {
            (None, Some(value)) => {
                let expected = format!(
                    "a duration such as \"500ms\" or \"30s\", from {:?} to {:?}",
                    range.start(),
                    range.end()
                );
                self.refuse(key, &value, &expected)
            }
            (duration, _) => duration,
        }
    }

    /// A TOML array of strings, or, from the environment and flags, a string with commas.
    pub(in crate::config) fn list<T>(
        &mut self,
        key: &str,
        default: &[&str],
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.take(key);
        let texts: Option<Vec<String>> = match &value {
            None => Some(default.iter().map(|&text| text.to_owned()).collect()),
            Some(Value::Array(_, values)) => {
                values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
            }
            Some(Value::String(_, text)) if self.is_untyped(&value) => {
                Some(text.split(',').map(|part| part.trim().to_owned()).collect())
            }
            Some(_) => None,
        };
        let parsed: Option<Vec<T>> =
            texts.and_then(|texts| texts.iter().map(|text| parse(text)).collect());
        let is_default_empty = default.is_empty();
        match (parsed, value) {
            (Some(parsed), _) if is_default_empty || !parsed.is_empty() => Some(parsed),
            (_, Some(value)) => {
                let expected = format!("a list in which each element is {expected}");
                self.refuse(key, &value, &expected)
            }
            (parsed, None) => parsed,
        }
    }

    /// A TOML array of strings, or a string with commas, which no message quotes. The inner `None`
    /// means that it is something else, the outer one that it is not set.
    #[expect(clippy::option_option, reason = "not set is no problem")]
    pub(in crate::config) fn unrepeated_list(&mut self, key: &str) -> Option<Option<Vec<String>>> {
        Some(match self.take(key)? {
            Value::Array(_, values) => {
                values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
            }
            Value::String(_, text) => {
                Some(text.split(',').map(|part| part.trim().to_owned()).collect())
            }
            _ => None,
        })
    }

    pub(in crate::config) fn take(&mut self, key: &str) -> Option<Value> {
        self.known.push(key.to_owned());
        self.figment.find_value(key).ok()
    }

    fn refuse<T>(&mut self, key: &str, value: &Value, expected: &str) -> Option<T> {
        self.wrong_value(key, value, expected);
        None
    }

    /// Whether there is a value from a source without types.
    fn is_untyped(&self, value: &Option<Value>) -> bool {
        value.as_ref().is_some_and(|value| self.is_text_only(value))
    }
}

//! Global flags, each of which is a setting.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use crate::config::{FILE_VARIABLE, Flag, PREFIX, Problem, Problems, Sources, key_parts};

/// The file that is read if it exists and no other is named.
const DEFAULT_FILE: &str = "vendas.toml";

#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct Settings {
    /// The configuration file; by default $VENDAS_CONFIG, or vendas.toml if it exists.
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets kafka.brokers, separated by commas.
    #[arg(long, global = true, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// Sets kafka.topics, separated by commas.
    #[arg(long, global = true, value_name = "NAME,…")]
    topics: Option<String>,
    /// Sets log.format: text or json.
    #[arg(long, global = true, value_name = "text|json")]
    log_format: Option<String>,
    /// Sets any setting by its key, such as database.host=db.example. Not for passwords: other
    /// users of the machine can see the arguments of processes.
    #[arg(short, long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

/// The sources of settings; flags have the highest precedence.
pub(super) fn sources(
    settings: Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Sources, Problems> {
    let environment = texts(environment)?;
    let named = environment
        .iter()
        .find(|(name, value)| name == FILE_VARIABLE && !value.is_empty())
        .map(|(_, value)| PathBuf::from(value));
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
    let file = settings.config.or(named).or_else(default);

    let mut flags = Vec::new();
    for (name, key, value) in [
        ("--brokers", "kafka.brokers", settings.brokers),
        ("--topics", "kafka.topics", settings.topics),
        ("--log-format", "log.format", settings.log_format),
    ] {
        flags.extend(value.map(|value| flag(name, key, value)));
    }
    flags.extend(settings.set.into_iter().map(|(key, value)| Flag {
        name: format!("--set {key}"),
        key,
        value,
    }));
    Ok(Sources { file, text: None, environment, flags })
}

pub(super) fn flag(name: &str, key: &str, value: String) -> Flag {
    Flag { name: name.to_owned(), key: key.to_owned(), value }
}

/// All variables as text. A variable with the prefix of vendas that is not UTF-8 is a problem.
fn texts(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, Problems> {
    let (mut texts, mut problems) = (Vec::new(), Vec::new());
    for (name, value) in environment {
        let name = name.to_string_lossy().into_owned();
        match value.into_string() {
            Ok(value) => texts.push((name, value)),
            Err(_) if name.starts_with(PREFIX) => {
                problems
                    .push(Problem { origin: Some(name), text: "is not valid UTF-8".to_owned() });
            }
            Err(_) => {}
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(Problems(problems)) }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or("must be KEY=VALUE, such as database.port=5433")?;
    if key_parts(key).is_none() {
        return Err(format!(
            "{key:?} is not a key such as database.port; a topic name that contains dots is \
             quoted: topics.\"orders.avro\".mapping.total"
        ));
    }
    Ok((key.to_owned(), value.to_owned()))
}

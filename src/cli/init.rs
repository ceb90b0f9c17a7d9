//! `vendas init`: proposes a mapping for the records of the configured topics.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use super::{CliError, print, produce, sampling, schemas};
use crate::{
    config::Config,
    format::{Format, Schemas},
    init::{
        outcome::outcome,
        proposal::{Doubt, Proposal, Setting, Value},
        propose::{Input, propose},
        render,
        rules::rules,
        sample::{self, Sample},
    },
    order::{MappingSettings, Rules},
    registry::Registry,
};

/// Records read of each topic.
const RECORDS: usize = 200;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Read the records of a file instead of those of Kafka: one a line, or one JSON array.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Do not ask: accept what is certain, and print the open questions.
    #[arg(long)]
    yes: bool,
    /// Write the proposal to a file, by default vendas.toml.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "vendas.toml")]
    write: Option<PathBuf>,
    /// Overwrite the file if it exists.
    #[arg(long, requires = "write")]
    force: bool,
}

pub(super) async fn init(config: &Config, arguments: Arguments) -> Result<(), CliError> {
    let Arguments { file, yes, write, force } = arguments;
    if let Some(path) = write.as_deref().filter(|path| !force && path.exists()) {
        return Err(exists(path));
    }
    let samples = match file {
        Some(file) => vec![of_file(config, &file)?],
        None => sampling::read(config, RECORDS).await?,
    };
    let asks = !yes && io::stdin().is_terminal() && io::stderr().is_terminal();
    let several = samples.len() > 1;
    let mut mappings = Vec::new();
    let registry = config.registry.as_ref().map(Registry::new);
    for sample in &samples {
        let schemas = schemas::of(&config.rules, registry.as_ref(), &sample.records).await?;
        mappings.push((&*sample.topic, settle(config, sample, &schemas, (asks, several))?));
    }
    if samples.iter().all(|sample| sample.records.is_empty()) {
        return Err(CliError::Failed(
            "the topics contain no records: send some, or name a file with --file".to_owned(),
        ));
    }
    let Some(path) = write else {
        return print("nothing was written: use --write to write vendas.toml\n");
    };
    let text = render::file(&config.kafka.brokers, &registry_urls(config), &mappings);
    save(&path, &text, force)?;
    print(&format!("written to {}: next, run `vendas check`, then `vendas run`\n", path.display()))
}

fn registry_urls(config: &Config) -> Vec<String> {
    let settings = config.registry.iter();
    settings.flat_map(|it| &it.addresses).map(ToString::to_string).collect()
}

fn exists(path: &Path) -> CliError {
    CliError::Failed(format!(
        "{} already exists: use --write OTHER to write another file, or --force to overwrite it, which \
         discards all its settings",
        path.display()
    ))
}

fn of_file(config: &Config, file: &Path) -> Result<Sample, CliError> {
    let mut lines = produce::elements_of(file).map_err(CliError::Failed)?;
    lines.truncate(RECORDS);
    let topic = config.topics.names().first().map_or_else(|| Arc::from("sales"), Arc::clone);
    Ok(sample::of_lines(&topic, lines))
}

/// Prints the proposal for a topic, asks about doubts, and prints the result of processing the
/// sample.
fn settle(
    config: &Config,
    sample: &Sample,
    schemas: &Schemas,
    (asks, several): (bool, bool),
) -> Result<Vec<Setting>, CliError> {
    let Sample { topic, records, from } = sample;
    let current = config.rules.of(topic);
    print(&format!("topic {topic}: {}, {from}\n", render::count(records.len(), "record")))?;
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let viewed = sample.as_json(current.format(), schemas);
    let proposal = propose(Input { sample: &viewed, shop_timezone: current.shop_timezone() });
    print(&render::proposal(&proposal))?;
    let answers = if asks { ask(&proposal)? } else { unanswered(&proposal)? };
    let proposed = proposal.with(&answers);
    let mut settings = format_of(current.mapping().settings());
    settings.extend(proposed.iter().cloned());
    let zone = current.shop_timezone().iana_name().unwrap_or("UTC");
    let proposed = rules(&proposed, zone, current.currency().code())?;
    let proposed = Rules::clone(&proposed).reading(current.format().clone());
    let outcome = outcome(records, &proposed, schemas);
    let trouble = render::trouble(&outcome);
    let heading = match (settings.is_empty(), answers.iter().any(Option::is_none)) {
        (true, _) if trouble.is_some() => "no mapping was found for these records\n".to_owned(),
        (true, false) => "no mapping is needed: the default field names match\n".to_owned(),
        (true, true) => "apart from these questions, no mapping is needed\n".to_owned(),
        (false, _) => format!("\n{}", render::toml(&settings, several.then_some(&**topic))),
    };
    print(&heading)?;
    print(&format!("\nresult: {}\n", render::outcome(&outcome)))?;
    if let Some(trouble) = trouble {
        print(&format!("{trouble}\n\n"))?;
    }
    Ok(settings)
}

/// The configured format of the records, which the proposal keeps.
fn format_of(settings: &MappingSettings) -> Vec<Setting> {
    let MappingSettings { format, schema_file, message, .. } = settings;
    let text = |key, text: &str| Setting::new(key, Value::Text(text.to_owned()));
    let format = (*format != Format::Auto).then(|| text("format", format.name()));
    let file = schema_file.as_deref().map(|file| text("schema_file", file));
    let message = message.as_deref().map(|message| text("message", message));
    [format, file, message].into_iter().flatten().collect()
}

/// Prints the doubts without deciding any.
fn unanswered(proposal: &Proposal) -> Result<Vec<Option<usize>>, CliError> {
    for doubt in &proposal.doubts {
        print(&render::doubt(doubt))?;
    }
    Ok(vec![None; proposal.doubts.len()])
}

/// Asks about each doubt in turn; the end of the input leaves the rest undecided.
fn ask(proposal: &Proposal) -> Result<Vec<Option<usize>>, CliError> {
    let mut answers = Vec::new();
    let mut stdin = io::stdin().lock();
    for doubt in &proposal.doubts {
        answers.push(ask_one(doubt, &mut stdin)?);
    }
    Ok(answers)
}

fn ask_one(doubt: &Doubt, input: &mut impl BufRead) -> Result<Option<usize>, CliError> {
    let mut question = format!("\n{}\n", doubt.question);
    for (at, answer) in doubt.answers.iter().enumerate() {
        question.push_str(&format!("  {} {}\n", at + 1, answer.text));
    }
    loop {
        let prompt =
            format!("{question}[1-{}, Enter: {}] ", doubt.answers.len(), doubt.likeliest + 1);
        io::stderr().lock().write_all(prompt.as_bytes())?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let answer = match line.trim() {
            "" => Some(doubt.likeliest),
            number => number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)),
        };
        if let Some(answer) = answer.filter(|answer| *answer < doubt.answers.len()) {
            return Ok(Some(answer));
        }
    }
}

/// Writes the file, and overwrites an existing one only with `force`.
fn save(path: &Path, text: &str, force: bool) -> Result<(), CliError> {
    let opened = if force {
        File::create(path)
    } else {
        OpenOptions::new().write(true).create_new(true).open(path)
    };
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => CliError::Failed(format!("{}: {error}", path.display())),
    })
}

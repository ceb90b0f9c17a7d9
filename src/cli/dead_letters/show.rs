//! `vendas dead-letters show`.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal, Write},
};

use super::{CliError, none_of_that_id, print, store};
use crate::{
    config::Config,
    format::{Encoded, Schemas, Unreadable},
    registry::Registry,
    report,
    store::{DeadLetter, DeadLetterBytes},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The id of the dead letter, as listed by `vendas dead-letters list`.
    #[arg(value_name = "ID")]
    id: i64,
    /// Write only the record's value, unchanged, to a file or another program.
    #[arg(long)]
    raw: bool,
}

pub(super) async fn show(config: &Config, arguments: &Arguments) -> Result<(), CliError> {
    let Arguments { id, raw } = *arguments;
    if raw && io::stdout().is_terminal() {
        return Err(CliError::Failed(
            "--raw writes untrusted bytes, which can control this terminal: redirect it to \
             a file or another program"
                .to_owned(),
        ));
    }
    let Some((letter, bytes)) = store(config).dead_letter(id).await? else {
        return Err(none_of_that_id(id));
    };
    if !raw {
        let decoded = decoded(config, &letter, &bytes).await;
        return print(&(text(&letter, &bytes) + &decoded));
    }
    let Some(payload) = bytes.payload else {
        return Err(CliError::Failed(format!("the record of dead letter {id} has no value")));
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(&payload)?;
    Ok(stdout.flush()?)
}

/// The decoded value, if it is in a binary format; otherwise nothing.
async fn decoded(config: &Config, letter: &DeadLetter, bytes: &DeadLetterBytes) -> String {
    let Some(payload) = &bytes.payload else { return String::new() };
    let reading = config.rules.of(&letter.topic).format();
    let id = reading.schema_id(payload, false);
    let by = id.map_or_else(|| "mapping.schema_file".to_owned(), |id| format!("schema {id}"));
    let schemas = match (&config.registry, id) {
        (Some(settings), Some(id)) => Registry::new(settings).schemas(&BTreeSet::from([id])).await,
        _ => Ok(Schemas::default()),
    };
    let schemas = match schemas {
        Ok(schemas) => schemas,
        Err(error) => return format!("{by}    cannot be shown: {error}\n"),
    };
    match reading.value(payload, &schemas) {
        Ok(Encoded::Json(_)) if id.is_none() => String::new(),
        Ok(Encoded::Json(json)) => format!("{by}    JSON, {}", report::shown(Some(json))),
        Ok(encoded @ (Encoded::Avro(..) | Encoded::Protobuf(..))) => {
            let kind = if matches!(encoded, Encoded::Avro(..)) { "Avro" } else { "Protobuf" };
            match encoded.as_json() {
                Some(json) => {
                    format!(
                        "{by}    {kind}, decoded as JSON: {}",
                        report::shown(Some(json.as_bytes()))
                    )
                }
                None => format!("{by}    {kind}, but the bytes do not match the schema\n"),
            }
        }
        Err(Unreadable::UnknownSchema(_)) => format!("{by}    is not in the registry\n"),
        Err(Unreadable::BrokenSchema(_, why)) => {
            format!("{by}    cannot be used: {}\n", report::visible(&why))
        }
        Err(Unreadable::NoSuchMessage(_)) => format!("{by}    has no such message\n"),
        Err(Unreadable::NotFramed | Unreadable::NoRegistry) => String::new(),
    }
}

fn text(letter: &DeadLetter, bytes: &DeadLetterBytes) -> String {
    let DeadLetter { id, topic, partition, offset, reason, detail, failed_at, state } = letter;
    format!(
        "dead letter {id}\n\
         topic       {}\n\
         partition   {partition}\n\
         offset      {offset}\n\
         failed at   {}\n\
         reason      {}\n\
         detail      {}\n\
         status      {}\n\
         key         {}\
         value       {}",
        report::visible(topic),
        report::local(*failed_at),
        report::visible(reason),
        report::visible(detail),
        report::state(state),
        report::shown(bytes.key.as_deref()),
        report::shown(bytes.payload.as_deref()),
    )
}

//! `vendas dead-letters show`.

use std::io::{self, IsTerminal, Write};

use super::{CliError, none_of_that_id, print, store};
use crate::{
    config::Config,
    report,
    store::{DeadLetter, LetterBytes},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The letter, as `list` calls it.
    #[arg(value_name = "ID")]
    id: i64,
    /// Write the record's value and nothing else, byte for byte, to a file or another program.
    #[arg(long)]
    raw: bool,
}

pub(super) async fn show(config: &Config, arguments: &Arguments) -> Result<(), CliError> {
    let Arguments { id, raw } = *arguments;
    if raw && io::stdout().is_terminal() {
        return Err(CliError::Failed(
            "--raw writes whatever a stranger has sent, which can act on this terminal: send it to \
             a file or another program"
                .to_owned(),
        ));
    }
    let Some((letter, bytes)) = store(config).dead_letter(id).await? else {
        return Err(none_of_that_id(id));
    };
    if !raw {
        return print(&text(&letter, &bytes));
    }
    let Some(payload) = bytes.payload else {
        return Err(CliError::Failed(format!("the record of dead letter {id} has no value")));
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(&payload)?;
    Ok(stdout.flush()?)
}

fn text(letter: &DeadLetter, bytes: &LetterBytes) -> String {
    let DeadLetter { id, topic, partition, offset, reason, detail, failed_at, fate } = letter;
    format!(
        "dead letter {id}\n\
         topic       {}\n\
         partition   {partition}\n\
         offset      {offset}\n\
         failed at   {}\n\
         reason      {}\n\
         detail      {}\n\
         fate        {}\n\
         key         {}\
         value       {}",
        report::visible(topic),
        report::local(*failed_at),
        report::visible(reason),
        report::visible(detail),
        report::fate(fate),
        report::shown(bytes.key.as_deref()),
        report::shown(bytes.payload.as_deref()),
    )
}

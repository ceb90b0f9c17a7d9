//! `vendas dead-letters list`.

use std::io::{self, IsTerminal};

use clap::ValueEnum;

use super::{CliError, Which, print, store};
use crate::{config::Config, report};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Include replayed and discarded ones.
    #[arg(long)]
    all: bool,
    /// Show the number of each reason instead of single dead letters.
    #[arg(long, conflicts_with = "limit")]
    counts: bool,
    /// The maximum number of lines.
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for reading. Control characters are escaped: \n, \u{1b}.
    Table,
    /// A JSON array of objects.
    Json,
    /// CSV with a header. A text that a spreadsheet could interpret as a formula is prefixed with '.
    Csv,
}

pub(super) async fn list(config: &Config, arguments: Arguments) -> Result<(), CliError> {
    let Arguments { which, all, counts, limit, format } = arguments;
    let (store, filter) = (store(config), which.filter(Vec::new()));
    let on_terminal = io::stdout().is_terminal();
    let columns = on_terminal.then(report::size).flatten();
    let columns = columns.and_then(|(columns, _)| u16::try_from(columns).ok());
    let failed = |error: serde_json::Error| CliError::Failed(error.to_string());
    if counts {
        let counts = store.dead_letter_counts(&filter, all).await?;
        return print(&match format {
            Format::Table => report::counts_table(&counts, columns),
            Format::Json => report::counts_json(&counts).map_err(failed)?,
            Format::Csv => report::csv_text(&report::counts_csv(&counts)?, on_terminal),
        });
    }
    // One more than shown is read, to know whether there are more.
    let mut letters = store.dead_letters(&filter, all, i64::from(limit) + 1).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = letters.len() > limit;
    letters.truncate(limit);
    print(&match format {
        Format::Table => {
            let table = report::dead_letters_table(&letters, all, columns);
            let end = if more { "there are more: use --limit N or --counts\n" } else { "" };
            table + end
        }
        Format::Json => report::dead_letters_json(&letters).map_err(failed)?,
        Format::Csv => report::csv_text(&report::dead_letters_csv(&letters)?, on_terminal),
    })
}

//! `vendas dead-letters`: rejected records, and how to resolve them.

mod list;
mod purge;
mod settle;
mod show;
mod time;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use jiff::Timestamp;

use super::{CliError, examples, print, store};
use crate::{config::Config, order::Reason, store::DeadLetterFilter};

#[derive(Debug, Subcommand)]
pub(super) enum DeadLettersCommand {
    /// List open dead letters, newest first.
    #[command(after_help = examples::LIST)]
    List(list::Arguments),
    /// Show one dead letter and the bytes of its record, with control characters
    /// escaped.
    #[command(after_help = examples::SHOW)]
    Show(show::Arguments),
    /// Process dead letters again with the current settings, and write their orders: exit code 1
    /// if one of them is still rejected, was superseded, or was discarded and is named without
    /// --force.
    #[command(after_help = examples::REPLAY)]
    Replay(settle::ReplayArguments),
    /// Mark dead letters as not to be replayed. They are kept, with the reason.
    #[command(after_help = examples::DISCARD)]
    Discard(settle::DiscardArguments),
    /// Delete old dead letters, including open ones, and the personal data in them. Needs
    /// the DELETE privilege, which `vendas run` does not need.
    #[command(after_help = examples::PURGE)]
    Purge(purge::Arguments),
}

/// Filters for dead letters; several of them are combined with AND.
#[derive(Debug, Args)]
struct Which {
    /// Only dead letters of this topic.
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Only dead letters with this reason.
    #[arg(long, value_name = "CODE", hide_possible_values = true, value_parser = reasons())]
    reason: Option<String>,
    /// Only dead letters that failed at this time or later: 2026-11-22, "2026-11-22 10:00" or
    /// 2026-11-22T10:00:00Z, in the local time zone if none is given; or an age, such as 2h or 7d.
    #[arg(long, value_name = "TIME", value_parser = time::moment)]
    since: Option<Timestamp>,
    /// Only dead letters that failed before this time.
    #[arg(long, value_name = "TIME", value_parser = time::moment)]
    until: Option<Timestamp>,
}

fn reasons() -> PossibleValuesParser {
    PossibleValuesParser::new(Reason::ALL.iter().map(|reason| reason.code()))
}

impl Which {
    fn filter(self, ids: Vec<i64>) -> DeadLetterFilter {
        DeadLetterFilter {
            ids: Some(ids).filter(|ids| !ids.is_empty()),
            topic: self.topic,
            reason: self.reason,
            since: self.since,
            until: self.until,
        }
    }
}

pub(super) async fn dead_letters(
    config: &Config,
    command: DeadLettersCommand,
) -> Result<(), CliError> {
    match command {
        DeadLettersCommand::List(arguments) => list::list(config, arguments).await,
        DeadLettersCommand::Show(arguments) => show::show(config, &arguments).await,
        DeadLettersCommand::Replay(arguments) => settle::replay(config, arguments).await,
        DeadLettersCommand::Discard(arguments) => settle::discard(config, arguments).await,
        DeadLettersCommand::Purge(arguments) => purge::purge(config, &arguments).await,
    }
}

fn count(letters: u64) -> String {
    if letters == 1 { "1 dead letter".to_owned() } else { format!("{letters} dead letters") }
}

fn none_of_that_id(id: i64) -> CliError {
    CliError::Failed(format!(
        "there is no dead letter {id}: `vendas dead-letters list --all` lists all"
    ))
}

//! `vendas dead-letters`: what became no order, and what is to become of it.

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
    /// List the open ones, the newest first.
    #[command(after_help = examples::LIST)]
    List(list::Arguments),
    /// Show one of them and the bytes of its record, with all that would act on a terminal spelt
    /// out.
    #[command(after_help = examples::SHOW)]
    Show(show::Arguments),
    /// Understand them anew, with the vocabulary as it is now, and write the orders that they are:
    /// exit code 1 if one of them is still none, or was superseded.
    #[command(after_help = examples::REPLAY)]
    Replay(settle::ReplayArguments),
    /// Decide that they are not to become orders. They are kept, with the reason.
    #[command(after_help = examples::DISCARD)]
    Discard(settle::DiscardArguments),
    /// Delete all that failed long ago, open ones too, and the personal data in them. Needs the
    /// privilege DELETE, which `run` does without.
    #[command(after_help = examples::PURGE)]
    Purge(purge::Arguments),
}

/// Which letters are meant; several of these narrow it down.
#[derive(Debug, Args)]
struct Which {
    /// Those of this topic.
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Those of this reason.
    #[arg(long, value_name = "CODE", hide_possible_values = true, value_parser = reasons())]
    reason: Option<String>,
    /// Those that failed at this time or later: 2026-11-22, "2026-11-22 10:00" or
    /// 2026-11-22T10:00:00Z, without an offset by the clock of this machine; or 2h, 7d for so long
    /// ago.
    #[arg(long, value_name = "TIME", value_parser = time::moment)]
    since: Option<Timestamp>,
    /// Those that failed before this time.
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
        "there is no dead letter {id}: `vendas dead-letters list --all` shows which there are"
    ))
}

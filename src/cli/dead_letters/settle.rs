//! `vendas dead-letters replay` and `discard`.

use std::sync::Arc;

use super::{CliError, Which, count, none_of_that_id, print, store};
use crate::cli::progress::Progress;
use crate::{
    config::Config,
    order::Reason,
    registry::Registry,
    replay::{self, Outcome},
    report,
    store::{DeadLetter, DeadLetterFilter, DeadLetterState, ReplayableDeadLetter, Store},
};

/// At most so many dead letters that stay open are listed; `list` shows all of them.
const MAX_LISTED: usize = 100;

/// Dead letters by id or by filter; at least one is required, so that none are chosen by mistake.
#[derive(Debug, clap::Args)]
#[group(id = "chosen", required = true, multiple = true,
        args = ["ids", "topic", "reason", "since", "until", "all"])]
struct Chosen {
    /// The ids of dead letters, as listed by `vendas dead-letters list`.
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    #[command(flatten)]
    which: Which,
    /// All open ones.
    #[arg(long, conflicts_with_all = ["ids", "topic", "reason", "since", "until"])]
    all: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ReplayArguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Also replay superseded dead letters, which overwrites the later version of their orders, and
    /// discarded dead letters that are named by ID.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DiscardArguments {
    #[command(flatten)]
    chosen: Chosen,
    /// The reason, stored with the dead letter.
    #[arg(long, value_name = "TEXT",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    because: String,
}

pub(super) async fn replay(config: &Config, arguments: ReplayArguments) -> Result<(), CliError> {
    let ReplayArguments { chosen, force } = arguments;
    let store = store(config);
    let mut filter = chosen.which.filter(chosen.ids);
    let mut tally = Tally::default();
    for letter in settled(&store, &filter).await? {
        match letter.state {
            DeadLetterState::Discarded { .. } if force => {}
            DeadLetterState::Discarded { .. } => {
                tally.refused += 1;
                tally.name(
                    letter.id,
                    &format!("{}: --force replays it", report::state(&letter.state)),
                );
            }
            DeadLetterState::Open | DeadLetterState::Replayed { .. } => {
                tally.name(letter.id, &format!("already {}", report::state(&letter.state)));
            }
        }
    }
    let now = store.clock().await?;
    filter.until = Some(filter.until.map_or(now, |until| until.min(now)));
    let (mut progress, mut replayed) = (Progress::new("dead letters"), 0);
    let note = |letter: &ReplayableDeadLetter, outcome: Outcome<'_>| {
        tally.note(letter, outcome);
        replayed += 1;
        progress.show(Some(replayed), None);
    };
    let rules = Arc::new(config.rules.within(store.sales_bounds().await?));
    let registry = config.registry.as_ref().map(Registry::new);
    let ended = replay::replay((&store, registry.as_ref()), &rules, &filter, force, note).await;
    drop(progress);
    // Also if it ended early: the dead letters replayed so far are committed.
    print(&tally.text())?;
    ended?;
    if tally.superseded + tally.still_dead + tally.refused > 0 {
        return Err(CliError::Reported("not all dead letters were replayed"));
    }
    Ok(())
}

pub(super) async fn discard(config: &Config, arguments: DiscardArguments) -> Result<(), CliError> {
    let DiscardArguments { chosen, because } = arguments;
    let store = store(config);
    let filter = chosen.which.filter(chosen.ids);
    for DeadLetter { id, state, .. } in settled(&store, &filter).await? {
        print(&format!("dead letter {id}: already {}\n", report::state(&state)))?;
    }
    let discarded = store.discard_dead_letters(&filter, &because).await?;
    print(&format!("{} discarded\n", count(discarded)))
}

/// The named dead letters that are no longer open.
async fn settled(store: &Store, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, CliError> {
    let Some(ids) = &filter.ids else { return Ok(Vec::new()) };
    let named = DeadLetterFilter { ids: Some(ids.clone()), ..DeadLetterFilter::default() };
    let mut letters = store.dead_letters(&named, true, i64::MAX).await?;
    if let Some(id) = ids.iter().find(|id| letters.iter().all(|letter| letter.id != **id)) {
        return Err(none_of_that_id(*id));
    }
    letters.retain(|letter| letter.state != DeadLetterState::Open);
    Ok(letters)
}

/// The results, counted.
#[derive(Debug, Default)]
struct Tally {
    replayed: u64,
    superseded: u64,
    ignored: u64,
    still_dead: u64,
    /// Dead letters that had been discarded before.
    refused: u64,
    lines: Vec<String>,
}

impl Tally {
    fn note(&mut self, letter: &ReplayableDeadLetter, outcome: Outcome<'_>) {
        match outcome {
            Outcome::Order => self.replayed += 1,
            Outcome::Superseded => {
                self.superseded += 1;
                let line = "superseded: another version of its order was processed after this record was rejected";
                self.name(letter.id, line);
            }
            Outcome::Ignored => self.ignored += 1,
            Outcome::StillRejected(rejection) => {
                self.still_dead += 1;
                // PostgreSQL's message can quote the row: only `show` prints it.
                let line = match rejection.reason() {
                    Reason::RejectedByDatabase => format!("still rejected: {}", rejection.reason()),
                    _ => format!("still rejected: {rejection}"),
                };
                self.name(letter.id, &report::visible(&line));
            }
        }
    }

    fn name(&mut self, id: i64, what: &str) {
        if self.lines.len() < MAX_LISTED {
            self.lines.push(format!("dead letter {id}: {what}\n"));
        }
    }

    fn text(&self) -> String {
        let Self { replayed, superseded, ignored, still_dead, refused, lines } = self;
        let mut text = lines.concat();
        if lines.len() >= MAX_LISTED {
            text.push_str("… `vendas dead-letters list` lists all open ones\n");
        }
        text.push_str(&format!("{} replayed", count(*replayed)));
        for (number, what) in [
            (superseded, "superseded (use --force to replay them)"),
            (ignored, "discarded, since the mapping now ignores their records"),
            (still_dead, "still rejected"),
            (refused, "discarded before"),
        ] {
            if *number > 0 {
                text.push_str(&format!(", {number} {what}"));
            }
        }
        text.push('\n');
        text
    }
}

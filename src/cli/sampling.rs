//! What `init` and `check --sample` share: reading records, with their progress on a terminal.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::CliError;
use crate::{
    config::Config,
    init::sample::{self, Sample},
};

/// Shorter work shows nothing.
const SILENCE: Duration = Duration::from_secs(1);

/// Up to `most` records of each topic of `config`.
pub(super) async fn read(config: &Config, most: usize) -> Result<Vec<Sample>, CliError> {
    let wanted = u64::try_from(most.saturating_mul(config.topics.len())).unwrap_or(u64::MAX);
    let mut progress = Progress { started: Instant::now(), wanted, bar: None };
    let samples = sample::of_topics(config, most, &mut |read| progress.show(read)).await;
    if let Some(bar) = progress.bar {
        bar.finish_and_clear();
    }
    samples.map_err(CliError::Failed)
}

/// A line on a terminal, once the work has taken a while.
struct Progress {
    started: Instant,
    wanted: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    fn show(&mut self, read: usize) {
        if self.started.elapsed() < SILENCE || !io::stderr().is_terminal() {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(self.wanted);
            let style =
                ProgressStyle::with_template("{bar:30} {human_pos} of at most {human_len} records");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        bar.set_position(u64::try_from(read).unwrap_or(u64::MAX));
        bar.tick();
    }
}

//! Reading a sample of records for `init` and `check --sample`, with progress on a terminal.

use super::{CliError, progress::Progress};
use crate::{
    config::Config,
    init::sample::{self, Sample},
};

/// Up to `most` records of each topic of `config`.
pub(super) async fn read(config: &Config, most: usize) -> Result<Vec<Sample>, CliError> {
    // How many topics match a pattern is not known yet.
    let topics = (!config.topics.has_patterns()).then(|| config.topics.names().len());
    let most_of_all = topics.and_then(|topics| u64::try_from(most.saturating_mul(topics)).ok());
    let mut progress = Progress::new("records at most");
    let mut show = |read| progress.show(u64::try_from(read).ok(), most_of_all);
    sample::of_topics(config, most, &mut show).await.map_err(CliError::Failed)
}

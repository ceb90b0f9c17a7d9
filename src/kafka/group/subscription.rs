//! The subscription of a member: topics by name, and topics that match patterns. Groups have only
//! names.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::debug;

use crate::kafka::{cluster::Cluster, error::KafkaError, selection::Selection};

/// How often topics are checked: for matches of patterns, new partitions, and recreation.
pub(super) const TOPICS_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Subscription {
    cluster: Arc<Cluster>,
    selection: Selection,
    seen: Mutex<Seen>,
}

struct Seen {
    topics: Arc<[Arc<str>]>,
    /// When the patterns were last matched against the existing topics.
    checked: Option<Instant>,
}

impl Subscription {
    pub(super) fn new(cluster: Arc<Cluster>, selection: Selection) -> Self {
        let seen = Seen { topics: selection.names().into(), checked: None };
        Self { cluster, selection, seen: Mutex::new(seen) }
    }

    /// The topics, sorted by name.
    pub(super) fn topics(&self) -> Arc<[Arc<str>]> {
        Arc::clone(&self.seen().topics)
    }

    /// Updates the topics that match a pattern, if that is due.
    ///
    /// # Errors
    /// The request fails, and no earlier one has succeeded.
    pub(super) async fn look(&self) -> Result<(), KafkaError> {
        let checked = self.seen().checked;
        let is_due = checked.is_none_or(|checked| checked.elapsed() >= TOPICS_EVERY);
        if !self.selection.has_patterns() || !is_due {
            return Ok(());
        }
        let found = match self.cluster.all_topics().await {
            Ok(found) => found,
            Err(error) if checked.is_some() => {
                debug!(%error, "cannot list topics for the patterns");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let names = found.into_keys();
        let mut topics: Vec<_> = names.filter(|name| self.selection.contains(name)).collect();
        topics.extend(self.selection.names().iter().cloned());
        topics.sort();
        topics.dedup();
        let mut seen = self.seen();
        seen.checked = Some(Instant::now());
        if *seen.topics != *topics {
            seen.topics = topics.into();
        }
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

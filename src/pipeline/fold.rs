//! Folds the ledgers of differences periodically.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::store::Store;

/// The minimum pause between two folds.
const AT_MOST_EVERY: Duration = Duration::from_secs(5);

/// While an old snapshot is open, PostgreSQL keeps folded ledger rows, and each fold takes longer.
/// A pause of this many times its duration bounds the cost.
const PAUSE_FACTOR: u32 = 20;

/// Folds periodically until `stop` is cancelled. Failures are retried the next time: the totals
/// stay correct, and commits report an outage.
pub(super) async fn fold_periodically(store: Store, stop: CancellationToken) {
    let mut pause = AT_MOST_EVERY;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let started = Instant::now();
        match store.fold_ledgers().await {
            Ok(folded) => debug!(
                folded,
                elapsed_ms = started.elapsed().as_millis(),
                "folded the \
                ledgers"
            ),
            Err(error) => debug!(%error, "cannot fold the ledgers"),
        }
        pause = AT_MOST_EVERY.max(started.elapsed() * PAUSE_FACTOR);
    }
}

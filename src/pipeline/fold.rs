//! Keeps the ledgers of differences short.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::store::Store;

/// The shortest pause between two folds.
const AT_MOST_EVERY: Duration = Duration::from_secs(5);

/// While an old snapshot is open, PostgreSQL keeps the ledger's rows although they are folded, and
/// each fold takes longer. Pausing for this many times as long bounds what that can cost.
const PAUSE_FACTOR: u32 = 20;

/// Folds now and then until `stop` is cancelled. What fails is tried again the next time: the totals
/// are right all the same, and whoever commits tells of an outage.
pub(super) async fn fold_now_and_then(store: Store, stop: CancellationToken) {
    let mut pause = AT_MOST_EVERY;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let started = Instant::now();
        match store.fold_ledgers().await {
            Ok(folded) => debug!(folded, elapsed_ms = started.elapsed().as_millis(), "folded"),
            Err(error) => debug!(%error, "could not fold the ledgers"),
        }
        pause = AT_MOST_EVERY.max(started.elapsed() * PAUSE_FACTOR);
    }
}

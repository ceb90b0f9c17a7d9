//! What PostgreSQL holds, as it was read last.

use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

use crate::{
    report,
    store::{LetterFilter, ReasonCount, Store, StoreError},
};

/// How many products are shown by name; the others are summed up.
const TOP: u8 = 10;

/// How long between two readings at least and at most, and how many times as long as one took: the
/// dashboard of a shop with very many products is not to keep PostgreSQL busy.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const PAUSE_FACTOR: u32 = 20;

/// How much later than expected the next reading may come before the page says so. It waits in line
/// for a connection, as the partitions do.
const PATIENCE: Duration = Duration::from_secs(6);

/// Totals and open dead letters; `None` until they are read for the first time.
#[derive(Debug)]
pub(super) struct Sold {
    /// Numbered orders without products included.
    pub(super) all: Option<String>,
    /// As `vendas report --format json` has them.
    pub(super) totals: Option<Box<RawValue>>,
    /// Counted by reason.
    pub(super) letters: Option<Vec<ReasonCount>>,
    /// Until when this counts as what PostgreSQL holds. `None`: reading it failed.
    current_until: Option<Instant>,
}

impl Sold {
    /// Nothing is read yet, and nothing has failed.
    pub(super) fn unread() -> Self {
        let current_until = Some(Instant::now() + PATIENCE);
        Self { all: None, totals: None, letters: None, current_until }
    }

    /// Whether it is not much older than it should be.
    pub(super) fn is_current(&self) -> bool {
        self.current_until.is_some_and(|until| Instant::now() < until)
    }

    /// Reading has failed; what was read before stays.
    pub(super) const fn failed(&mut self) {
        self.current_until = None;
    }
}

/// Reads once, tells what came of it, then waits as long as there should be between two readings.
pub(super) async fn read(store: &Store, tell: impl FnOnce(Result<Sold, StoreError>)) {
    let begun = Instant::now();
    let result = all(store).await;
    // What failed may have taken until its deadline, which says nothing about how dear it is.
    let dear = if result.is_ok() { begun.elapsed() * PAUSE_FACTOR } else { PAUSE };
    let pause = dear.clamp(PAUSE, LONGEST_PAUSE);
    let current_until = Some(Instant::now() + pause + PATIENCE);
    tell(result.map(|sold| Sold { current_until, ..sold }));
    sleep(pause).await;
}

async fn all(store: &Store) -> Result<Sold, StoreError> {
    let all = store.sold().await?;
    let totals = store.totals(Some(i64::from(TOP) + 1)).await?;
    let letters = store.dead_letter_counts(&LetterFilter::default(), false).await?;
    let json = report::json(&totals, Some(usize::from(TOP))).and_then(RawValue::from_string);
    Ok(Sold { all: Some(all), totals: json.ok(), letters: Some(letters), current_until: None })
}

//! Waits for a condition, never for a fixed time.

use std::time::Duration;

use anyhow::{Context, Error, Result};
use tokio::time::{Instant, sleep_until, timeout_at};

/// Looks again and again until `look` succeeds. What it fails with is what it saw:
///
/// ```
/// # use std::time::Duration;
/// # use testbed::{Result, ensure, eventually};
/// # async fn count() -> Result<i64> { Ok(250) }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// eventually("250 sales", Duration::from_secs(30), async || {
///     let sales = count().await?;
///     ensure!(sales == 250, "{sales} sales");
///     Ok(())
/// })
/// .await
/// # })?;
/// # Ok::<(), testbed::Error>(())
/// ```
///
/// # Errors
/// When it has not succeeded within `deadline`, with what was seen last.
pub async fn eventually<T>(
    expected: &str,
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let until = Instant::now() + deadline;
    let mut pause = Duration::from_millis(10);
    let mut seen: Option<Error> = None;
    loop {
        match timeout_at(until, look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => seen = Some(error),
            Err(_) => {
                seen.get_or_insert_with(|| Error::msg("nothing: the first attempt did not end"));
            }
        }
        if Instant::now() >= until {
            let seen = seen.unwrap_or_else(|| Error::msg("nothing"));
            return Err(seen).with_context(|| format!("no {expected} within {deadline:?}, saw"));
        }
        sleep_until((Instant::now() + pause).min(until)).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

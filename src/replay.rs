//! Replays dead letters: processes them again with the current rules, and writes their orders.

use std::{collections::HashSet, sync::Arc};

use jiff::civil::DateTime;

use crate::{
    format::Schemas,
    order::{Meaning, Reason, Rejection, Rulebook},
    process::understand_all,
    registry::{Registry, RegistryError},
    store::{
        Cause, DeadLetterFilter, Redecoded, ReplayableDeadLetter, Replayed, Store, StoreError,
    },
};

/// The outcome of replaying a dead letter.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// It has become one or more orders, or has cancelled one.
    Order,
    /// A version of its order, or of each of its orders, was processed after it failed. The dead
    /// letter is unchanged.
    Superseded,
    /// The mapping ignores its record now. The dead letter is discarded.
    Ignored,
    /// It is still rejected, for this reason.
    StillRejected(&'a Rejection),
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// PostgreSQL is unavailable or refuses a statement.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Schemas cannot be fetched.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Replays the open dead letters that match `filter`, in the order in which they failed, so that the
/// last one of several versions of an order wins. With `force`, it also replays superseded ones, and
/// discarded ones that `filter` names. Dead letters that another process resolves during this are
/// skipped. `report` is called with each outcome once it is committed.
///
/// `filter` needs an upper bound in time. Without one the replay may not end, since new records can
/// become dead letters too.
///
/// # Errors
/// [`ReplayError`]. Outcomes that were reported are committed.
pub async fn replay(
    (store, registry): (&Store, Option<&Registry>),
    rules: &Arc<Rulebook>,
    filter: &DeadLetterFilter,
    force: bool,
    mut report: impl FnMut(&ReplayableDeadLetter, Outcome<'_>),
) -> Result<(), ReplayError> {
    // Only if they are named: replaying all discarded dead letters would hardly be intended.
    let discarded_too = force && filter.ids.is_some();
    let mut after = None;
    loop {
        let page = store.dead_letters_to_replay(filter, discarded_too, after).await?;
        if page.is_empty() {
            return Ok(());
        }
        let records: Vec<_> =
            page.iter().map(|letter| (letter.partition.clone(), letter.record.clone())).collect();
        let schemas = match registry {
            Some(registry) => registry.schemas(&rules.schema_ids(&records)).await?,
            None => Schemas::default(),
        };
        let results = understand_all(&Arc::new(records), rules, schemas).await;
        let purged_before = store.purged_before().await?;
        let results = results.into_iter().map(|result| with_purge_boundary(result, purged_before));
        let mut parts = parts(page.into_iter().zip(results));
        while let Some(part) = parts.pop() {
            match store.replay(&part, purged_before, force).await {
                Ok(Some(replayed)) => {
                    for ((letter, result), replayed) in part.iter().zip(replayed) {
                        report(letter, outcome(result, replayed));
                        after = Some((letter.failed_at, letter.id));
                    }
                }
                // One of them was changed, or orders were purged: they have to be processed again.
                Ok(None) => break,
                Err(StoreError::Data(cause)) => parts.extend(smaller(part, cause)?),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Rejects a record with orders from before the purge boundary.
fn with_purge_boundary(
    result: Result<Meaning, Rejection>,
    purged_before: Option<DateTime>,
) -> Result<Meaning, Rejection> {
    match purged_before {
        Some(time) if result.as_ref().is_ok_and(|meaning| meaning.is_before(time)) => {
            Err(Rejection::purged(time))
        }
        _ => result,
    }
}

/// Splits dead letters into parts, the first part last. No part has two versions of the same order,
/// since each version is compared with the one before. A dead letter with several orders has its
/// own part, since the age of these orders is known by the time of their replay.
fn parts(letters: impl Iterator<Item = Redecoded>) -> Vec<Vec<Redecoded>> {
    let (mut parts, mut part, mut keys) = (Vec::new(), Vec::new(), HashSet::new());
    for reread in letters {
        let orders = reread.1.as_ref().map_or(&[][..], Meaning::orders);
        let is_alone = orders.len() > 1;
        if is_alone || orders.iter().any(|order| keys.contains(order.key())) {
            parts.push(std::mem::take(&mut part));
            keys.clear();
        }
        if is_alone {
            parts.push(vec![reread]);
        } else {
            keys.extend(orders.iter().map(|order| order.key().clone()));
            part.push(reread);
        }
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts.reverse();
    parts
}

/// What to try instead of a part of which PostgreSQL rejects a row: its halves, the first one last;
/// or for a single dead letter, that it is rejected.
fn smaller(mut part: Vec<Redecoded>, cause: Cause) -> Result<Vec<Vec<Redecoded>>, StoreError> {
    if part.len() > 1 {
        let second = part.split_off(part.len() / 2);
        return Ok(vec![second, part]);
    }
    match part.pop() {
        Some((letter, Ok(_))) => {
            let rejection = Rejection::new(Reason::RejectedByDatabase, cause.in_full());
            Ok(vec![vec![(letter, Err(rejection))]])
        }
        // No order was written, so PostgreSQL rejects something else.
        Some((_, Err(_))) | None => Err(StoreError::Permanent(cause)),
    }
}

fn outcome<T>(result: &Result<T, Rejection>, replayed: Replayed) -> Outcome<'_> {
    match (replayed, result) {
        (Replayed::Superseded, _) => Outcome::Superseded,
        (Replayed::Ignored, _) => Outcome::Ignored,
        (Replayed::StillDead, Err(rejection)) => Outcome::StillRejected(rejection),
        (Replayed::Order | Replayed::StillDead, _) => Outcome::Order,
    }
}

//! Dead letters, once more: understood by the rules as they are now, and written as all orders are.

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

/// What became of a letter.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// It is an order now, or several, or has cancelled one.
    Order,
    /// A version of its order, or of each of its orders, was processed after it failed. The dead
    /// letter stays as it was.
    Superseded,
    /// Its record is ignored now. The dead letter is discarded.
    Ignored,
    /// It is still no order, for this reason.
    StillDead(&'a Rejection),
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// PostgreSQL does not let us work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Schemas cannot be asked for.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Replays the open letters that `filter` means, in the order in which they failed, so that of
/// several versions of an order the last one wins; with `force` also those that are superseded, and
/// those that were discarded if `filter` names them. Letters that somebody else settles meanwhile
/// are left out. `tell` hears what became of each, once that is durable.
///
/// `filter` has to have an end in time, or else there may be none: records that come meanwhile can
/// be dead letters too.
///
/// # Errors
/// [`ReplayError`]. What was told of stays done.
pub async fn replay(
    (store, registry): (&Store, Option<&Registry>),
    rules: &Arc<Rulebook>,
    filter: &DeadLetterFilter,
    force: bool,
    mut tell: impl FnMut(&ReplayableDeadLetter, Outcome<'_>),
) -> Result<(), ReplayError> {
    // Only those that are named: to take up all that was ever discarded would be an oversight.
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
        let results = results.into_iter().map(|result| judged(result, purged_before));
        let mut parts = parts(page.into_iter().zip(results));
        while let Some(part) = parts.pop() {
            match store.replay(&part, purged_before, force).await {
                Ok(Some(replayed)) => {
                    for ((letter, result), replayed) in part.iter().zip(replayed) {
                        tell(letter, outcome(result, replayed));
                        after = Some((letter.failed_at, letter.id));
                    }
                }
                // One of them was changed, or orders were purged: they have to be judged again.
                Ok(None) => break,
                Err(StoreError::Data(cause)) => parts.extend(smaller(part, cause)?),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What a record comes to, if none of its orders may have been purged.
fn judged(
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

/// The letters in parts, the first one last. In none of them two letters are about the same order,
/// since each version is compared with the one before; and a letter of several orders is alone, since
/// how old these are is known by when it was replayed.
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

/// What to try in the place of a part of which the database rejects a row: its halves, the first
/// one last; of a single letter that it is no order.
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
        // Then it was not the order that was rejected.
        Some((_, Err(_))) | None => Err(StoreError::Permanent(cause)),
    }
}

fn outcome<T>(result: &Result<T, Rejection>, replayed: Replayed) -> Outcome<'_> {
    match (replayed, result) {
        (Replayed::Superseded, _) => Outcome::Superseded,
        (Replayed::Ignored, _) => Outcome::Ignored,
        (Replayed::StillDead, Err(rejection)) => Outcome::StillDead(rejection),
        (Replayed::Order | Replayed::StillDead, _) => Outcome::Order,
    }
}

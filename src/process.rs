//! Turns a batch of records into what each of them becomes: an order, or a dead letter that says
//! why not.

use std::sync::Arc;

use jiff::civil::DateTime;

use crate::{
    format::Schemas,
    kafka::{Batch, NextOffset, Position, Record, Span, TopicPartition},
    order::{Meaning, Reason, Rejection, Rulebook, Rules},
};

/// What became of a batch, with an outcome for every record of its span.
///
/// Only [`process`] makes one, so whoever commits it accounts for the whole span.
#[derive(Debug)]
pub struct ProcessedBatch {
    partition: TopicPartition,
    span: Span,
    leader_epoch: Option<i32>,
    outcomes: Vec<Outcome>,
    judgment: Option<DateTime>,
}

/// What became of one record.
#[derive(Debug)]
pub struct Outcome {
    /// The record itself, kept because a dead letter holds its bytes.
    pub record: Record,
    /// What it comes to, or why it comes to nothing.
    pub result: Result<Meaning, Rejection>,
}

impl ProcessedBatch {
    /// The partition that the batch was read from.
    #[must_use]
    pub const fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// Every offset that this batch accounts for.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Where the partition goes on behind this batch.
    #[must_use]
    pub const fn end(&self) -> Position {
        Position { next_offset: self.span.to(), leader_epoch: self.leader_epoch }
    }

    /// One for each record, in the order of their offsets.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// How many orders its records came to, whether or not another one of this batch replaces them.
    #[must_use]
    pub fn orders(&self) -> usize {
        let meanings = self.outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok());
        meanings.map(|meaning| meaning.orders().len()).sum()
    }

    /// How many of its records came to orders.
    #[must_use]
    pub fn records_with_orders(&self) -> usize {
        let meanings = self.outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok());
        meanings.filter(|meaning| !meaning.orders().is_empty()).count()
    }

    /// The same batch as two, together accounting for the same span.
    ///
    /// # Errors
    /// The batch itself, if it has fewer than two records.
    pub fn into_halves(self) -> Result<(Self, Self), Self> {
        let middle = self.outcomes.len() / 2;
        self.split_before(middle)
    }

    /// The same batch in parts, in order, together accounting for the same span: each has at most
    /// `most_orders` orders or is a single record.
    #[must_use]
    pub fn into_parts(mut self, most_orders: usize) -> Vec<Self> {
        let mut parts = Vec::new();
        let (mut index, mut orders) = (0, 0_usize);
        while let Some(outcome) = self.outcomes.get(index) {
            let more = outcome.result.as_ref().map_or(0, |meaning| meaning.orders().len());
            let fits = orders.saturating_add(more) <= most_orders;
            if index > 0 && !fits {
                self = match self.split_before(index) {
                    Ok((part, rest)) => {
                        parts.push(part);
                        rest
                    }
                    // Only without a record before the border.
                    Err(whole) => {
                        parts.push(whole);
                        return parts;
                    }
                };
                (index, orders) = (0, 0);
            } else {
                (index, orders) = (index + 1, orders.saturating_add(more));
            }
        }
        parts.push(self);
        parts
    }

    /// The batch up to the record with that index, and the rest of it.
    ///
    /// # Errors
    /// The batch itself, if there is no such record or none before it.
    fn split_before(mut self, index: usize) -> Result<(Self, Self), Self> {
        let border = self.outcomes.get(index).and_then(|o| NextOffset::new(o.record.offset));
        let spans = border
            .and_then(|to| Some((Span::new(self.span.from(), to)?, Span::new(to, self.span.to())?)))
            .filter(|_| index > 0);
        let Some((first, second)) = spans else {
            return Err(self);
        };
        let outcomes = self.outcomes.split_off(index);
        let second = Self {
            partition: self.partition.clone(),
            span: second,
            leader_epoch: self.leader_epoch,
            outcomes,
            judgment: self.judgment,
        };
        Ok((Self { span: first, ..self }, second))
    }

    /// Puts together batches each of which begins where the one before ends; `None` if one does not, or
    /// there are none.
    #[must_use]
    pub fn joined(parts: Vec<Self>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let mut joined = parts.next()?;
        for part in parts {
            joined.append(part).ok()?;
        }
        Some(joined)
    }

    /// Goes on with the batch that begins where this one ends: one batch, which accounts for both spans.
    ///
    /// # Errors
    /// That batch, if it begins elsewhere.
    pub fn append(&mut self, mut next: Self) -> Result<(), Box<Self>> {
        let span = Span::new(self.span.from(), next.span.to());
        let adjoins = self.partition == next.partition && self.span.to() == next.span.from();
        let Some(span) = span.filter(|_| adjoins) else { return Err(Box::new(next)) };
        self.span = span;
        self.leader_epoch = next.leader_epoch;
        self.judgment = next.judgment;
        self.outcomes.append(&mut next.outcomes);
        Ok(())
    }

    /// Ends the batch before its first record that is no order; the batch itself if all are.
    ///
    /// # Errors
    /// [`Cut`], with what lies before that record.
    pub fn until_dead_letter(mut self) -> Result<Self, Box<Cut>> {
        let Some(index) = self.outcomes.iter().position(|outcome| outcome.result.is_err()) else {
            return Ok(self);
        };
        let mut outcomes = self.outcomes.split_off(index).into_iter();
        match outcomes.next() {
            Some(Outcome { record, result: Err(rejection) }) => {
                let span =
                    NextOffset::new(record.offset).and_then(|to| Span::new(self.span.from(), to));
                let before = span.map(|span| Self { span, ..self });
                Err(Box::new(Cut { before, offset: record.offset, rejection }))
            }
            // It was found to be none.
            Some(_) | None => Ok(self),
        }
    }

    /// The same batch with the records of purged orders as dead letters: those that hold an order from
    /// before `purged_before`, by the shop's clock. `None`: nothing was purged.
    #[must_use]
    pub fn judged_by(mut self, purged_before: Option<DateTime>) -> Self {
        self.judgment = purged_before;
        if let Some(purged_before) = purged_before {
            for outcome in &mut self.outcomes {
                let purged = outcome.result.as_ref().is_ok_and(|of| of.is_before(purged_before));
                if purged {
                    outcome.result = Err(Rejection::purged(purged_before));
                }
            }
        }
        self
    }

    /// By which boundary the batch was judged last.
    #[must_use]
    pub const fn judgment(&self) -> Option<DateTime> {
        self.judgment
    }

    /// The same batch with all records that came to orders turned into dead letters for the same
    /// reason.
    #[must_use]
    pub fn rejected(self, rejection: &Rejection) -> Self {
        let outcomes = self
            .outcomes
            .into_iter()
            .map(|outcome| match outcome.result {
                Ok(Meaning::Ignored) | Err(_) => outcome,
                Ok(_) => Outcome { record: outcome.record, result: Err(rejection.clone()) },
            })
            .collect();
        Self { outcomes, ..self }
    }
}

/// A batch that ends before a record that is no order.
#[derive(Debug)]
pub struct Cut {
    /// What lies before that record, unless that is nothing.
    pub before: Option<ProcessedBatch>,
    /// The record's offset.
    pub offset: i64,
    /// Why it is no order.
    pub rejection: Rejection,
}

/// Understands every record of `batch` by `rules` and by `schemas`, which hold those of
/// [`Rules::schema_ids`], each in a task of its own.
///
/// A task that panics makes its own record a dead letter ([`Reason::Panicked`]) and disturbs no
/// other.
pub async fn process(
    partition: &TopicPartition,
    batch: Batch,
    rules: &Arc<Rules>,
    schemas: Schemas,
) -> ProcessedBatch {
    let (span, leader_epoch) = (batch.span(), batch.leader_epoch());
    let shared = Arc::new((partition.clone(), batch.into_records(), Arc::clone(rules), schemas));
    let results =
        understand_each(&shared, shared.1.len(), |(partition, records, rules, schemas), index| {
            understand(rules, (partition, records.get(index)), schemas)
        })
        .await;
    // Every task has ended, so that nobody else holds it.
    let (partition, records, ..) = Arc::unwrap_or_clone(shared);
    let outcomes = records
        .into_iter()
        .zip(results)
        .map(|(record, result)| Outcome { record, result })
        .collect();
    ProcessedBatch { partition, span, leader_epoch, outcomes, judgment: None }
}

/// Understands records of any topics by `rules` and `schemas`, as [`process`] does those of a batch;
/// the results stand in their order.
pub async fn understand_all(
    records: &Arc<Vec<(TopicPartition, Record)>>,
    rules: &Arc<Rulebook>,
    schemas: Schemas,
) -> Vec<Result<Meaning, Rejection>> {
    let shared = Arc::new((Arc::clone(records), Arc::clone(rules), schemas));
    understand_each(&shared, records.len(), |(records, rules, schemas), index| {
        let (partition, record) = records.get(index).ok_or_else(lost)?;
        understand(rules.of(&partition.topic), (partition, Some(record)), schemas)
    })
    .await
}

/// Calls `understand` for each index below `count`, in a task of its own.
async fn understand_each<T: Send + Sync + 'static>(
    shared: &Arc<T>,
    count: usize,
    understand: fn(&T, usize) -> Result<Meaning, Rejection>,
) -> Vec<Result<Meaning, Rejection>> {
    let tasks: Vec<_> = (0..count)
        .map(|index| {
            let shared = Arc::clone(shared);
            tokio::spawn(async move { understand(&shared, index) })
        })
        .collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.unwrap_or_else(|_| Err(lost())));
    }
    results
}

fn understand(
    rules: &Rules,
    (partition, record): (&TopicPartition, Option<&Record>),
    schemas: &Schemas,
) -> Result<Meaning, Rejection> {
    fail::fail_point!("understand");
    rules.understand(partition, record.ok_or_else(lost)?, schemas)
}

/// What became of a record whose task came to no end.
fn lost() -> Rejection {
    Rejection::new(
        Reason::Panicked,
        "the program failed on this record: report it as a defect".to_owned(),
    )
}

#[cfg(test)]
pub(crate) mod tests;

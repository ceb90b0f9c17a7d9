//! Processes a batch of records in parallel: each becomes orders, or a dead letter with the reason.

use std::sync::Arc;

use jiff::civil::DateTime;

use crate::{
    format::Schemas,
    kafka::{Batch, NextOffset, Position, Record, Span, TopicPartition},
    order::{Meaning, Reason, Rejection, Rulebook, Rules},
};

/// A processed batch, with an outcome for every record of its span.
///
/// Only [`process`] creates one. Committing it therefore accounts for the whole span.
#[derive(Debug)]
pub struct ProcessedBatch {
    partition: TopicPartition,
    span: Span,
    leader_epoch: Option<i32>,
    outcomes: Vec<Outcome>,
    purge_boundary: Option<DateTime>,
}

/// The outcome of one record.
#[derive(Debug)]
pub struct Outcome {
    /// The record. A dead letter stores its bytes.
    pub record: Record,
    /// The meaning of the record, or why it was rejected.
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

    /// The position after this batch.
    #[must_use]
    pub const fn end(&self) -> Position {
        Position { next_offset: self.span.to(), leader_epoch: self.leader_epoch }
    }

    /// One for each record, in the order of their offsets.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// How many orders its records have, including those that a later one of the batch replaces.
    #[must_use]
    pub fn orders(&self) -> usize {
        let meanings = self.outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok());
        meanings.map(|meaning| meaning.orders().len()).sum()
    }

    /// How many of its records have orders.
    #[must_use]
    pub fn records_with_orders(&self) -> usize {
        let meanings = self.outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok());
        meanings.filter(|meaning| !meaning.orders().is_empty()).count()
    }

    /// Splits the batch into two that together account for the same span.
    ///
    /// # Errors
    /// The batch itself, if it has fewer than two records.
    pub fn into_halves(self) -> Result<(Self, Self), Self> {
        let middle = self.outcomes.len() / 2;
        self.split_before(middle)
    }

    /// Splits the batch into parts, in order, that together account for the same span: each has at
    /// most `most_orders` orders or is a single record.
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
                    // Only if there is no record before the split.
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

    /// Splits the batch before the record with that index.
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
            purge_boundary: self.purge_boundary,
        };
        Ok((Self { span: first, ..self }, second))
    }

    /// Joins batches that follow each other without a gap; `None` if there is a gap, or no batch.
    #[must_use]
    pub fn joined(parts: Vec<Self>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let mut joined = parts.next()?;
        for part in parts {
            joined.append(part).ok()?;
        }
        Some(joined)
    }

    /// Appends the batch that begins where this one ends. The result accounts for both spans.
    ///
    /// # Errors
    /// That batch, if it begins elsewhere.
    pub fn append(&mut self, mut next: Self) -> Result<(), Box<Self>> {
        let span = Span::new(self.span.from(), next.span.to());
        let adjoins = self.partition == next.partition && self.span.to() == next.span.from();
        let Some(span) = span.filter(|_| adjoins) else { return Err(Box::new(next)) };
        self.span = span;
        self.leader_epoch = next.leader_epoch;
        self.purge_boundary = next.purge_boundary;
        self.outcomes.append(&mut next.outcomes);
        Ok(())
    }

    /// Truncates the batch before its first dead letter; without one, returns it unchanged.
    ///
    /// # Errors
    /// [`Cut`], with the part before that record.
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
            // Cannot happen: the index is that of a dead letter.
            Some(_) | None => Ok(self),
        }
    }

    /// Turns records with purged orders into dead letters: those with an order from before
    /// `purged_before`, by the shop's clock. `None` means that nothing was purged.
    #[must_use]
    pub fn with_purge_boundary(mut self, purged_before: Option<DateTime>) -> Self {
        self.purge_boundary = purged_before;
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

    /// The purge boundary that was applied last.
    #[must_use]
    pub const fn purge_boundary(&self) -> Option<DateTime> {
        self.purge_boundary
    }

    /// Turns all records that have orders into dead letters with the same reason.
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

/// A batch that was truncated before a dead letter.
#[derive(Debug)]
pub struct Cut {
    /// The part before that record, unless it is empty.
    pub before: Option<ProcessedBatch>,
    /// The record's offset.
    pub offset: i64,
    /// Why it was rejected.
    pub rejection: Rejection,
}

/// Processes every record of `batch` in a separate task, with `rules` and with `schemas`, which
/// contain those of [`Rules::schema_ids`].
///
/// If a task panics, its record becomes a dead letter ([`Reason::Panicked`]). Other records are not
/// affected.
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
    // All tasks have ended, so this is the last reference.
    let (partition, records, ..) = Arc::unwrap_or_clone(shared);
    let outcomes = records
        .into_iter()
        .zip(results.into_iter().rev())
        .map(|(record, result)| Outcome { record, result })
        .collect();
    ProcessedBatch { partition, span, leader_epoch, outcomes, purge_boundary: None }
}

/// Processes records of any topics with `rules` and `schemas`, as [`process`] does those of a
/// batch. The results have the order of the records.
///
/// ```
/// use std::sync::Arc;
///
/// use vendas::{
///     config::{self, Sources},
///     format::Schemas,
///     kafka::{Record, TopicPartition},
///     order::Reason,
///     process::understand_all,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let partition = TopicPartition { topic: "sales".into(), partition: 0, topic_id: uuid::Uuid::nil() };
/// let record = |offset, payload: &'static str| {
///     let payload = Some(payload.into());
///     (partition.clone(), Record { offset, payload, ..Record::default() })
/// };
/// let records = [
///     record(0, r#"{"order_number": 1, "order_items": [{"qty": 2, "value_unit": 1.10}]}"#),
///     record(1, "rubbish"),
/// ];
/// let rules = config::load(&Sources::default())?.rules;
/// let results = understand_all(&Arc::new(records.into()), &rules, Schemas::default()).await;
/// assert_eq!(results[0].as_ref().unwrap().orders()[0].total().to_string(), "2.20");
/// assert_eq!(results[1].as_ref().unwrap_err().reason(), Reason::NotJson);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn understand_all(
    records: &Arc<Vec<(TopicPartition, Record)>>,
    rules: &Arc<Rulebook>,
    schemas: Schemas,
) -> Vec<Result<Meaning, Rejection>> {
    let shared = Arc::new((Arc::clone(records), Arc::clone(rules), schemas));
    let mut results =
        understand_each(&shared, records.len(), |(records, rules, schemas), index| {
            let (partition, record) = records.get(index).ok_or_else(lost)?;
            understand(rules.of(&partition.topic), (partition, Some(record)), schemas)
        })
        .await;
    results.reverse();
    results
}

/// Calls `understand` for each index below `count`, each in a separate task. The result of the last
/// index is the first.
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
    // The last task is awaited first: when it has ended, most others have as well, so that this one
    // is woken a few times instead of once for each.
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks.into_iter().rev() {
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

/// The outcome of a record whose task panicked.
fn lost() -> Rejection {
    Rejection::new(
        Reason::Panicked,
        "the program panicked on this record: report it as a bug".to_owned(),
    )
}

#[cfg(test)]
pub(crate) mod tests;

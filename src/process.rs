//! Turns a batch of records into what each of them becomes: an order, or a dead letter that says
//! why not.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    kafka::{Batch, NextOffset, Record, Span, TopicPartition},
    order::{Order, Reason, Rejection, Rules},
};

/// What became of a batch, with an outcome for every record of its span.
///
/// Only [`process`] makes one, so whoever commits it accounts for the whole span.
#[derive(Debug)]
pub struct ProcessedBatch {
    partition: TopicPartition,
    span: Span,
    outcomes: Vec<Outcome>,
}

/// What became of one record.
#[derive(Debug)]
pub struct Outcome {
    /// The record itself, kept because a dead letter holds its bytes.
    pub record: Record,
    /// The order that it is, or why it is none.
    pub result: Result<Order, Rejection>,
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

    /// One for each record, in the order of their offsets.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// How many records became orders, whether or not another one of this batch replaces them.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.result.is_ok()).count()
    }

    /// The same batch with each of its records alone, in the same order, together accounting for
    /// the same span. A batch without records is its own only part.
    #[must_use]
    pub fn into_singles(self) -> Vec<Self> {
        let Self { partition, span, outcomes } = self;
        let mut singles = Vec::with_capacity(outcomes.len().max(1));
        let mut from = span.from();
        let mut outcomes = outcomes.into_iter().peekable();
        while let Some(outcome) = outcomes.next() {
            let to = match outcomes.peek() {
                Some(next) => NextOffset::new(next.record.offset).unwrap_or_else(|| span.to()),
                None => span.to(),
            };
            if let Some(span) = Span::new(from, to) {
                singles.push(Self { partition: partition.clone(), span, outcomes: vec![outcome] });
            }
            from = to;
        }
        if singles.is_empty() {
            singles.push(Self { partition, span, outcomes: Vec::new() });
        }
        singles
    }

    /// Puts together what [`Self::into_singles`] took apart; `None` if there is nothing to put
    /// together.
    #[must_use]
    pub fn rejoined(singles: Vec<Self>) -> Option<Self> {
        let (first, last) = (singles.first()?, singles.last()?);
        let (partition, span) =
            (first.partition.clone(), Span::new(first.span.from(), last.span.to())?);
        let outcomes = singles.into_iter().flat_map(|single| single.outcomes).collect();
        Some(Self { partition, span, outcomes })
    }

    /// The same batch with all its orders turned into dead letters for the same reason.
    #[must_use]
    pub fn rejected(self, rejection: &Rejection) -> Self {
        let outcomes = self
            .outcomes
            .into_iter()
            .map(|outcome| match outcome.result {
                Ok(_) => Outcome { record: outcome.record, result: Err(rejection.clone()) },
                Err(_) => outcome,
            })
            .collect();
        Self { outcomes, ..self }
    }
}

/// Understands every record of `batch` by `rules`, each in a task of its own.
///
/// A task that panics makes its own record a dead letter ([`Reason::Panicked`]) and disturbs no
/// other.
pub async fn process(
    partition: &TopicPartition,
    batch: Batch,
    rules: &Arc<Rules>,
) -> ProcessedBatch {
    let span = batch.span();
    let records = batch.into_records();
    let tasks: Vec<_> = records
        .iter()
        .map(|record| {
            let (payload, rules) = (record.payload.clone(), Arc::clone(rules));
            tokio::spawn(async move { understand(&rules, payload.as_ref()) })
        })
        .collect();
    let mut outcomes = Vec::with_capacity(records.len());
    for (record, task) in records.into_iter().zip(tasks) {
        let result = task.await.unwrap_or_else(|_| {
            let detail = "the program failed on this record: report it as a defect".to_owned();
            Err(Rejection::new(Reason::Panicked, detail))
        });
        outcomes.push(Outcome { record, result });
    }
    ProcessedBatch { partition: partition.clone(), span, outcomes }
}

fn understand(rules: &Rules, payload: Option<&Bytes>) -> Result<Order, Rejection> {
    fail::fail_point!("understand");
    rules.understand(payload.map(AsRef::as_ref))
}

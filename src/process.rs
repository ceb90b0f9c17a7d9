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

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::{Batch, NextOffset, ProcessedBatch, Record, Rules, Span, TopicPartition, process};
    use crate::order::Vocabulary;

    /// A batch of these payloads, from offset 10 on with a gap behind it.
    pub(crate) async fn processed(payloads: &[&str]) -> ProcessedBatch {
        let records: Vec<_> = (10..)
            .zip(payloads)
            .map(|(offset, payload)| Record {
                offset,
                key: None,
                payload: Some(payload.as_bytes().to_vec().into()),
            })
            .collect();
        let end = NextOffset::new(20 + i64::try_from(records.len()).unwrap()).unwrap();
        let span = Span::new(NextOffset::new(5).unwrap(), end).unwrap();
        let rules = Rules { vocabulary: Vocabulary::default(), shop_timezone: TimeZone::UTC };
        let partition =
            TopicPartition { topic: "t".into(), partition: 0, topic_id: uuid::Uuid::nil() };
        process(&partition, Batch::new(span, records), &Arc::new(rules)).await
    }

    #[tokio::test]
    async fn singles_account_for_the_same_span_and_can_be_rejoined() {
        let batch = processed(&["{}", "[]", r#"{"order_id": "a", "total": 1}"#]).await;
        let span = batch.span();
        let singles = batch.into_singles();
        let spans: Vec<_> = singles
            .iter()
            .map(|single| (single.span().from().get(), single.span().to().get()))
            .collect();
        assert_eq!(spans, [(5, 11), (11, 12), (12, 23)]);
        let rejoined = ProcessedBatch::rejoined(singles).unwrap();
        assert_eq!(rejoined.span(), span);
        assert_eq!(rejoined.outcomes().len(), 3);
        assert_eq!(rejoined.orders(), 1);
    }

    #[tokio::test]
    async fn a_batch_without_records_is_its_own_only_single() {
        let batch = processed(&[]).await;
        let span = batch.span();
        let singles = batch.into_singles();
        assert_eq!(singles.len(), 1);
        assert_eq!(singles[0].span(), span);
    }
}

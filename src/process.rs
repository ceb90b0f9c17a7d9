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

    /// The same batch as two, together accounting for the same span.
    ///
    /// # Errors
    /// The batch itself, if it has fewer than two records.
    pub fn into_halves(mut self) -> Result<(Self, Self), Self> {
        let middle = self.outcomes.len() / 2;
        let border = self.outcomes.get(middle).and_then(|o| NextOffset::new(o.record.offset));
        let spans = border
            .and_then(|to| Some((Span::new(self.span.from(), to)?, Span::new(to, self.span.to())?)))
            .filter(|_| middle > 0);
        let Some((first, second)) = spans else {
            return Err(self);
        };
        let outcomes = self.outcomes.split_off(middle);
        let second = Self { partition: self.partition.clone(), span: second, outcomes };
        Ok((Self { span: first, ..self }, second))
    }

    /// Puts together what [`Self::into_halves`] took apart, in order; `None` if there is nothing to
    /// put together.
    #[must_use]
    pub fn rejoined(parts: Vec<Self>) -> Option<Self> {
        let (first, last) = (parts.first()?, parts.last()?);
        let (partition, span) =
            (first.partition.clone(), Span::new(first.span.from(), last.span.to())?);
        let outcomes = parts.into_iter().flat_map(|part| part.outcomes).collect();
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
    async fn halves_account_for_the_same_span_and_can_be_rejoined() {
        let batch = processed(&["{}", "[]", r#"{"order_id": "a", "total": 1}"#]).await;
        let span = batch.span();
        let (first, rest) = batch.into_halves().unwrap();
        let (second, third) = rest.into_halves().unwrap();
        let spans = [&first, &second, &third].map(|part| part.span().to_string());
        assert_eq!(spans, ["[5, 11)", "[11, 12)", "[12, 23)"]);
        let first = first.into_halves().unwrap_err();
        let rejoined = ProcessedBatch::rejoined(vec![first, second, third]).unwrap();
        assert_eq!(rejoined.span(), span);
        assert_eq!((rejoined.outcomes().len(), rejoined.orders()), (3, 1));
    }

    #[tokio::test]
    async fn a_batch_without_records_has_no_halves() {
        let batch = processed(&[]).await;
        let span = batch.span();
        assert_eq!(batch.into_halves().unwrap_err().span(), span);
    }
}

//! Turns a batch of records into what each of them becomes: an order, or a dead letter that says
//! why not.

use std::sync::Arc;

use crate::{
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
        let second = Self {
            partition: self.partition.clone(),
            span: second,
            leader_epoch: self.leader_epoch,
            outcomes,
        };
        Ok((Self { span: first, ..self }, second))
    }

    /// Puts together what [`Self::into_halves`] took apart, in order; `None` if there is nothing to
    /// put together.
    #[must_use]
    pub fn rejoined(parts: Vec<Self>) -> Option<Self> {
        let (first, last) = (parts.first()?, parts.last()?);
        let (partition, span) =
            (first.partition.clone(), Span::new(first.span.from(), last.span.to())?);
        let leader_epoch = last.leader_epoch;
        let outcomes = parts.into_iter().flat_map(|part| part.outcomes).collect();
        Some(Self { partition, span, leader_epoch, outcomes })
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

/// Understands every record of `batch` by `rules`, each in a task of its own.
///
/// A task that panics makes its own record a dead letter ([`Reason::Panicked`]) and disturbs no
/// other.
pub async fn process(
    partition: &TopicPartition,
    batch: Batch,
    rules: &Arc<Rules>,
) -> ProcessedBatch {
    let (span, leader_epoch) = (batch.span(), batch.leader_epoch());
    let shared = Arc::new((partition.clone(), batch.into_records(), Arc::clone(rules)));
    let results = understand_each(&shared, shared.1.len(), |(partition, records, rules), index| {
        understand(rules, partition, records.get(index))
    })
    .await;
    // Every task has ended, so that nobody else holds it.
    let (partition, records, _) = Arc::unwrap_or_clone(shared);
    let outcomes = records
        .into_iter()
        .zip(results)
        .map(|(record, result)| Outcome { record, result })
        .collect();
    ProcessedBatch { partition, span, leader_epoch, outcomes }
}

/// Understands records of any topics by `rules`, as [`process`] does those of a batch; the results
/// stand in their order, beside the records.
pub async fn understand_all(
    records: Vec<(TopicPartition, Record)>,
    rules: &Arc<Rulebook>,
) -> Vec<(TopicPartition, Record, Result<Meaning, Rejection>)> {
    let shared = Arc::new((records, Arc::clone(rules)));
    let results = understand_each(&shared, shared.0.len(), |(records, rules), index| {
        let (partition, record) = records.get(index).ok_or_else(lost)?;
        understand(rules.of(&partition.topic), partition, Some(record))
    })
    .await;
    let (records, _) = Arc::unwrap_or_clone(shared);
    let with_result = |((partition, record), result)| (partition, record, result);
    records.into_iter().zip(results).map(with_result).collect()
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
    partition: &TopicPartition,
    record: Option<&Record>,
) -> Result<Meaning, Rejection> {
    fail::fail_point!("understand");
    rules.understand(partition, record.ok_or_else(lost)?)
}

/// What became of a record whose task came to no end.
fn lost() -> Rejection {
    Rejection::new(
        Reason::Panicked,
        "the program failed on this record: report it as a defect".to_owned(),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::{Batch, NextOffset, ProcessedBatch, Record, Rules, Span, TopicPartition, process};

    /// A batch of these payloads, from offset 10 on with a gap behind it.
    pub(crate) async fn processed(payloads: &[&str]) -> ProcessedBatch {
        let records: Vec<_> = (10..)
            .zip(payloads)
            .map(|(offset, payload)| Record {
                offset,
                payload: Some(payload.as_bytes().to_vec().into()),
                ..Record::default()
            })
            .collect();
        let end = NextOffset::new(20 + i64::try_from(records.len()).unwrap()).unwrap();
        let span = Span::new(NextOffset::new(5).unwrap(), end).unwrap();
        let rules = Rules::built_in(TimeZone::UTC);
        let partition =
            TopicPartition { topic: "t".into(), partition: 0, topic_id: uuid::Uuid::nil() };
        process(&partition, Batch::new(span, None, records), &Arc::new(rules)).await
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
    async fn a_batch_ends_before_its_first_dead_letter() {
        let order = r#"{"order_id": "a", "total": 1}"#;
        let cut = processed(&[order, order, "{}", order]).await.until_dead_letter().unwrap_err();
        let before = cut.before.unwrap();
        assert_eq!((before.span().to_string(), before.orders()), ("[5, 12)".to_owned(), 2));
        assert_eq!((cut.offset, cut.rejection.reason().code()), (12, "missing_identity"));
        // The gap before it is worked all the same.
        let cut = processed(&["{}"]).await.until_dead_letter().unwrap_err();
        assert_eq!(cut.before.unwrap().span().to_string(), "[5, 10)");
        assert_eq!(processed(&[order]).await.until_dead_letter().unwrap().orders(), 1);
    }

    #[tokio::test]
    async fn a_batch_without_records_has_no_halves() {
        let batch = processed(&[]).await;
        let span = batch.span();
        assert_eq!(batch.into_halves().unwrap_err().span(), span);
    }
}

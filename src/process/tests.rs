//! Batches for tests, here and elsewhere, and tests of splitting them.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::{
    Batch, Meaning, NextOffset, Outcome, ProcessedBatch, Reason, Record, Rejection, Rules, Span,
    TopicPartition, process,
};
use crate::{
    format::Schemas,
    order::{OrderKey, sample},
};

/// A batch of these payloads, from offset 10 on, followed by a gap.
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
    let partition = TopicPartition { topic: "t".into(), partition: 0, topic_id: uuid::Uuid::nil() };
    process(&partition, Batch::new(span, None, records), &Arc::new(rules), Schemas::default()).await
}

/// A batch of records with these meanings, from offset 10 on, followed by a gap.
pub(crate) fn batch_of(meanings: Vec<Meaning>) -> ProcessedBatch {
    let outcomes: Vec<_> = (10..)
        .zip(meanings)
        .map(|(offset, meaning)| Outcome {
            record: Record { offset, ..Record::default() },
            result: Ok(meaning),
        })
        .collect();
    let end = NextOffset::new(20 + i64::try_from(outcomes.len()).unwrap()).unwrap();
    let span = Span::new(NextOffset::new(5).unwrap(), end).unwrap();
    let partition = TopicPartition { topic: "t".into(), partition: 0, topic_id: uuid::Uuid::nil() };
    ProcessedBatch { partition, span, leader_epoch: None, outcomes, purge_boundary: None }
}

#[test]
fn parts_end_at_records_and_have_few_orders_or_a_single_record() {
    let orders = |count: i64| match count {
        0 => Meaning::Ignored,
        _ => Meaning::Orders(
            (0..count).map(|number| sample::cancelled(OrderKey::Number(number))).collect(),
        ),
    };
    for (counts, most, expected) in [
        (&[3, 2, 0, 5, 1, 9, 0, 0, 1][..], 5, &[3, 1, 1, 1, 3][..]),
        (&[1, 1, 1], 3, &[3]),
        (&[9, 9], 5, &[1, 1]),
        (&[0, 9, 0], 5, &[1, 1, 1]),
        (&[], 5, &[0]),
    ] {
        let batch = batch_of(counts.iter().map(|count| orders(*count)).collect());
        let span = batch.span();
        let parts = batch.into_parts(most);
        let records: Vec<_> = parts.iter().map(|part| part.outcomes().len()).collect();
        assert_eq!(records, expected, "{counts:?}");
        let spans: Vec<_> = parts.iter().map(ProcessedBatch::span).collect();
        assert!(spans.windows(2).all(|pair| pair[0].to() == pair[1].from()), "{spans:?}");
        assert_eq!(ProcessedBatch::joined(parts).unwrap().span(), span);
    }
}

#[test]
fn ignored_records_are_not_rejected() {
    let order = Meaning::Order(sample::order(OrderKey::Number(1), "1"));
    let rejection = Rejection::new(Reason::RejectedByDatabase, String::new());
    let rejected = batch_of(vec![Meaning::Ignored, order]).rejected(&rejection);
    let ok: Vec<_> = rejected.outcomes().iter().map(|outcome| outcome.result.is_ok()).collect();
    assert_eq!(ok, [true, false]);
}

#[tokio::test]
async fn halves_account_for_the_same_span_and_can_be_joined_again() {
    let batch = processed(&["{}", "[]", r#"{"order_id": "a", "total": 1}"#]).await;
    let span = batch.span();
    let (first, rest) = batch.into_halves().unwrap();
    let (second, third) = rest.into_halves().unwrap();
    let spans = [&first, &second, &third].map(|part| part.span().to_string());
    assert_eq!(spans, ["[5, 11)", "[11, 12)", "[12, 23)"]);
    let first = first.into_halves().unwrap_err();
    let joined = ProcessedBatch::joined(vec![first, second, third]).unwrap();
    assert_eq!(joined.span(), span);
    assert_eq!((joined.outcomes().len(), joined.orders()), (3, 1));
}

#[tokio::test]
async fn a_batch_ends_before_its_first_dead_letter() {
    let order = r#"{"order_id": "a", "total": 1}"#;
    let cut = processed(&[order, order, "{}", order]).await.until_dead_letter().unwrap_err();
    let before = cut.before.unwrap();
    assert_eq!((before.span().to_string(), before.orders()), ("[5, 12)".to_owned(), 2));
    assert_eq!((cut.offset, cut.rejection.reason().code()), (12, "missing_identity"));
    // The gap before it is accounted for.
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

#[tokio::test]
async fn records_with_an_order_from_before_the_boundary_are_dead_letters() {
    let sold = |day: &str| format!(r#"{{"order_id": "a", "total": 1, "sold_at": "{day}"}}"#);
    let (before, at) = (sold("2024-05-31T23:59:59.999999"), sold("2024-06-01T00:00:00"));
    let both = format!("[{at}, {before}]");
    let unknown = r#"{"order_id": "a", "total": 1}"#;
    let batch = processed(&[&before, &at, &both, unknown, "{}"]).await;
    assert_eq!(batch.purge_boundary(), None);
    let reasons = |batch: &ProcessedBatch| {
        let results = batch.outcomes().iter().map(|outcome| outcome.result.as_ref());
        results.map(|result| result.err().map(|of| of.reason().code())).collect::<Vec<_>>()
    };
    let batch = batch.with_purge_boundary(None);
    assert_eq!(reasons(&batch), [None, None, None, None, Some("missing_identity")]);
    let boundary = jiff::civil::date(2024, 6, 1).at(0, 0, 0, 0);
    let batch = batch.with_purge_boundary(Some(boundary));
    let purged = Some("purged");
    assert_eq!(reasons(&batch), [purged, None, purged, None, Some("missing_identity")]);
    // Its parts have the same boundary.
    let (first, second) = batch.into_halves().unwrap();
    assert_eq!((first.purge_boundary(), second.purge_boundary()), (Some(boundary), Some(boundary)));
    let joined = ProcessedBatch::joined(vec![first, second]).unwrap();
    assert_eq!(joined.purge_boundary(), Some(boundary));
}

//! Tests that pass chunks to the reader instead of a fetcher.

use std::{future::poll_fn, pin::pin, task::Poll};

use kafka_protocol::ResponseError;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;
use crate::kafka::{
    Settings,
    log::samples::{BatchOf, at, chunk},
};

/// A reader from offset 0 on, and the sender of its chunks.
fn reader() -> (PartitionReader, mpsc::Sender<Feed>) {
    let settings = Settings { brokers: Vec::new(), ..Settings::default() };
    let partition = TopicPartition { topic: "orders".into(), partition: 0, topic_id: Uuid::nil() };
    let from = Position { next_offset: at(0), leader_epoch: None };
    let mut reader = PartitionReader::new(Arc::new(Cluster::new(settings)), partition, from);
    let (sender, feed) = mpsc::channel(8);
    reader.source = Source::Feeding(Found { feed, generation: 0 });
    (reader, sender)
}

fn feed(batches: &[BatchOf]) -> Feed {
    Feed::Chunk(chunk(batches, &[]))
}

fn span_and_offsets(batch: Batch) -> (i64, i64, Vec<i64>) {
    let span = batch.span();
    let offsets = batch.into_records().iter().map(|record| record.offset).collect();
    (span.from().get(), span.to().get(), offsets)
}

#[tokio::test]
async fn small_chunks_are_merged_and_large_ones_cut() {
    let (mut reader, sender) = reader();
    sender.send(feed(&[BatchOf::plain(0, &[b"a", b"b"])])).await.unwrap();
    sender
        .send(feed(&[BatchOf::plain(2, &[b"c"]), BatchOf::plain(3, &[b"d", b"e"])]))
        .await
        .unwrap();
    let batch = reader.next_batch(4).await.unwrap();
    assert_eq!(span_and_offsets(batch), (0, 4, vec![0, 1, 2, 3]));
    let batch = reader.next_batch(4).await.unwrap();
    assert_eq!(span_and_offsets(batch), (4, 5, vec![4]));
}

#[tokio::test]
async fn progress_without_records_is_a_batch() {
    let (mut reader, sender) = reader();
    sender.send(feed(&[BatchOf::marker(0, 7, true)])).await.unwrap();
    let batch = reader.next_batch(4).await.unwrap();
    assert_eq!(span_and_offsets(batch), (0, 1, vec![]));
}

#[tokio::test]
async fn a_fault_is_returned_after_earlier_records_and_again() {
    let (mut reader, sender) = reader();
    let mut damaged = chunk(&[BatchOf::plain(0, &[b"a"]), BatchOf::plain(1, &[b"b"])], &[]);
    let mut bytes = damaged.bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    damaged.bytes = bytes.into();
    sender.send(Feed::Chunk(damaged)).await.unwrap();
    let batch = reader.next_batch(4).await.unwrap();
    assert_eq!(span_and_offsets(batch), (0, 1, vec![0]));
    for _ in 0..2 {
        let error = reader.next_batch(4).await.unwrap_err();
        assert!(matches!(error, ReadError::Corrupt { offset, .. } if offset == at(1)), "{error}");
    }
}

#[tokio::test]
async fn records_fetched_before_a_loss_are_delivered_and_the_search_begins_after_them() {
    let (mut reader, sender) = reader();
    sender.send(feed(&[BatchOf::plain(0, &[b"a"])])).await.unwrap();
    let loss = Loss::Error(ResponseError::CorruptMessage);
    sender.send(Feed::Lost(loss, None)).await.unwrap();
    let batch = reader.next_batch(4).await.unwrap();
    assert_eq!(span_and_offsets(batch), (0, 1, vec![0]));
    let error = reader.next_batch(4).await.unwrap_err();
    assert!(matches!(error, ReadError::Corrupt { offset, .. } if offset == at(1)), "{error}");
}

#[tokio::test]
async fn cancelling_loses_no_record() {
    let (mut reader, sender) = reader();
    let sending = tokio::spawn(async move {
        for offset in 0..200 {
            sender.send(feed(&[BatchOf::plain(offset, &[b"a"])])).await.unwrap();
            tokio::task::yield_now().await;
        }
        sender
    });
    let mut all = Vec::new();
    while all.len() < 200 {
        let polled_once = {
            let mut next = pin!(reader.next_batch(3));
            poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await
        };
        match polled_once {
            Poll::Ready(batch) => {
                let (from, to, offsets) = span_and_offsets(batch.unwrap());
                assert_eq!(offsets, (from..to).collect::<Vec<_>>());
                all.extend(offsets);
            }
            Poll::Pending => tokio::task::yield_now().await,
        }
    }
    assert_eq!(all, (0..200).collect::<Vec<_>>());
    drop(sending.await);
}

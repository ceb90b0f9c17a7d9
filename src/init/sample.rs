//! A sample of a topic's records: the newest of each partition, or those of a file.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    config::Config,
    format::{Encoded, Reading, Schemas, Unreadable},
    kafka::{Kafka, NextOffset, OffsetAt, Position, Record, TopicPartition, TopicState},
};

/// Records of one topic, grouped by partition, in offset order.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) topic: Arc<str>,
    pub(crate) records: Vec<(TopicPartition, Record)>,
    /// Their source, as the end of a sentence.
    pub(crate) from: String,
}

/// Up to `most` records of each configured topic, distributed evenly over its partitions: the
/// newest of each. Reports the number of records read to `tell`.
///
/// # Errors
/// Why a topic cannot be read, with the remedy.
pub(crate) async fn of_topics(
    config: &Config,
    most: usize,
    tell: &mut dyn FnMut(usize),
) -> Result<Vec<Sample>, String> {
    let kafka = Kafka::new(config.kafka.clone());
    let states = kafka.topics(&config.topics).await.map_err(|error| error.to_string())?;
    let mut samples = Vec::new();
    let mut read = 0;
    for state in states {
        let (topic, partitions) = match state {
            TopicState::Present { topic, partitions, .. } => (topic, partitions),
            TopicState::Missing { topic } => {
                return Err(format!(
                    "topic {topic} does not exist: create it, or set kafka.topics"
                ));
            }
        };
        let spans = spans(&kafka, &partitions, most).await?;
        let count = partitions.len();
        let mut records = Vec::new();
        for (partition, from, end) in spans {
            let mut tell = |more: usize| {
                read += more;
                tell(read);
            };
            let wait = config.kafka.timeout;
            records.extend(span(&kafka, &partition, from, end, wait, &mut tell).await?);
        }
        let plural = if count == 1 { "" } else { "s" };
        let from = format!("the newest of {count} partition{plural}");
        samples.push(Sample { topic, records, from });
    }
    Ok(samples)
}

/// The offsets to read from each partition that has records.
async fn spans(
    kafka: &Kafka,
    partitions: &[TopicPartition],
    most: usize,
) -> Result<Vec<(TopicPartition, NextOffset, NextOffset)>, String> {
    let starts = kafka.offsets(partitions, OffsetAt::Earliest).await.map_err(|e| e.to_string())?;
    let ends = kafka.offsets(partitions, OffsetAt::End).await.map_err(|e| e.to_string())?;
    let starts: BTreeMap<_, _> = starts.into_iter().collect();
    let mut spans: Vec<(TopicPartition, NextOffset, NextOffset)> = ends
        .into_iter()
        .filter_map(|(partition, end)| {
            let start = *starts.get(&partition)?;
            (start.lag(end) > 0).then_some((partition, start, end))
        })
        .collect();
    // Partitions with few records leave the rest of their share to the others.
    spans.sort_by_key(|(_, start, end)| start.lag(*end));
    let lags: Vec<i64> = spans.iter().map(|(_, start, end)| start.lag(*end)).collect();
    for ((_, start, end), share) in spans.iter_mut().zip(shares(&lags, most)) {
        *start = NextOffset::new(end.get() - share).unwrap_or(*start);
    }
    spans.retain(|(_, start, end)| start.lag(*end) > 0);
    spans.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(spans)
}

/// The number of records to read from each partition, `most` in total; `lags` contains the numbers
/// of available records, ascending.
fn shares(lags: &[i64], most: usize) -> Vec<i64> {
    let mut left = i64::try_from(most).unwrap_or(i64::MAX);
    let mut others = i64::try_from(lags.len()).unwrap_or(i64::MAX);
    let mut shares = Vec::new();
    for lag in lags {
        // Rounded up, so that no partition is left out while records remain to be distributed.
        let share = left.div_euclid(others) + i64::from(left.rem_euclid(others) > 0);
        let share = share.min(*lag);
        left -= share;
        others -= 1;
        shares.push(share);
    }
    shares
}

async fn span(
    kafka: &Kafka,
    partition: &TopicPartition,
    from: NextOffset,
    end: NextOffset,
    wait: Duration,
    tell: &mut dyn FnMut(usize),
) -> Result<Vec<(TopicPartition, Record)>, String> {
    /// The number of records requested at once.
    const CHUNK: usize = 500;
    let position = Position { next_offset: from, leader_epoch: None };
    let mut reader = kafka.read(partition.clone(), position);
    let mut records = Vec::new();
    let mut next = from;
    while next < end {
        let batch = timeout(wait, reader.next_batch(CHUNK)).await;
        let batch =
            batch.map_err(|_| format!("{partition} cannot be read: no answer within {wait:?}"))?;
        let batch = batch.map_err(|error| error.to_string())?;
        next = batch.span().to();
        let new = batch.into_records().into_iter().filter(|record| record.offset < end.get());
        let before = records.len();
        records.extend(new.map(|record| (partition.clone(), record)));
        tell(records.len() - before);
    }
    Ok(records)
}

impl Sample {
    /// The records converted to JSON, without a registry's header, if they can be decoded.
    pub(crate) fn as_json(
        &self,
        reading: &Reading,
        schemas: &Schemas,
    ) -> Vec<(TopicPartition, Record)> {
        let json = |encoded: Result<Encoded<'_, '_>, Unreadable>| encoded.ok()?.as_json();
        let viewed = self.records.iter().map(|(partition, record)| {
            let mut record = record.clone();
            if let Some(value) = record.payload.clone().as_deref()
                && let Some(json) = json(reading.value(value, schemas))
            {
                record.payload = Some(json.into());
            }
            if let Some(key) = record.key.clone().as_deref()
                && let Some(json) = json(reading.key(key, schemas))
            {
                record.key = Some(json.into());
            }
            (partition.clone(), record)
        });
        viewed.collect()
    }
}

/// The records of a file, with one line each as the value.
pub(crate) fn of_lines(topic: &Arc<str>, lines: Vec<Bytes>) -> Sample {
    let partition =
        TopicPartition { topic: Arc::clone(topic), partition: 0, topic_id: Uuid::nil() };
    let records = (0..).zip(lines).map(|(offset, line)| {
        (partition.clone(), Record { offset, payload: Some(line), ..Record::default() })
    });
    Sample {
        topic: Arc::clone(topic),
        records: records.collect(),
        from: "read from a file".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{of_lines, shares};
    use crate::format::{Kind, Reading, Schema, SchemaId, Schemas};

    #[test]
    fn json_is_viewed_without_the_header_of_a_registry() {
        let framed = |text: &[u8]| [&[0, 0, 0, 0, 7], text].concat();
        let mut schemas = Schemas::default();
        schemas.insert(SchemaId(7), Ok(Arc::new(Schema::Json)));
        for reading in [Reading::Either, Reading::Framed(Kind::JsonSchema)] {
            let mut sample = of_lines(&Arc::from("sales"), vec![framed(b"{\"total\": 5}").into()]);
            sample.records[0].1.key = Some(framed(b"{\"id\": 1}").into());
            let viewed = &sample.as_json(&reading, &schemas)[0].1;
            assert_eq!(viewed.payload.as_deref(), Some(&b"{\"total\": 5}"[..]), "{reading:?}");
            assert_eq!(viewed.key.as_deref(), Some(&b"{\"id\": 1}"[..]), "{reading:?}");
        }
    }

    #[test]
    fn partitions_share_evenly_and_those_with_few_records_leave_the_rest() {
        assert_eq!(shares(&[1000, 1000], 200), [100, 100]);
        assert_eq!(shares(&[10, 1000, 1000], 200), [10, 95, 95]);
        assert_eq!(shares(&[1, 2, 3], 200), [1, 2, 3]);
        assert_eq!(shares(&[5, 5, 5], 2), [1, 1, 0]);
        assert!(shares(&[], 200).is_empty());
    }
}

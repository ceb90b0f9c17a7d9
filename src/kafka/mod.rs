//! Reads partitions of Apache Kafka: connections, topics, offsets and batches of records.

mod offset;
mod record;

pub use offset::{NextOffset, Span};
pub use record::{Batch, Record, TopicPartition};

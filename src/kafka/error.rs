//! Errors that callers of this module have to handle. All others are retried inside the module.

use thiserror::Error;
use uuid::Uuid;

use super::{log::record::TopicPartition, offset::NextOffset};

/// Why a request to Kafka failed, by what the caller has to do.
#[derive(Clone, Debug, Error)]
pub enum KafkaError {
    /// A retry is expected to help.
    #[error("Kafka at {brokers} is unavailable: {cause}")]
    Unreachable {
        /// The brokers that were tried, comma-separated.
        brokers: String,
        /// The error of each of them.
        cause: String,
    },
    /// A broker is too old, or not compatible with Apache Kafka. The operator has to correct it.
    #[error("Kafka broker {broker} {cause}: use Apache Kafka 2.1 or newer")]
    Unsupported {
        /// The broker's address.
        broker: String,
        /// What is missing.
        cause: String,
    },
    /// Authentication failed, of this client or of the broker. The operator has to correct it.
    #[error("Kafka broker {broker} {cause}")]
    Denied {
        /// The broker's address.
        broker: String,
        /// The error and the remedy.
        cause: String,
    },
    /// The brokers deny access. The operator has to correct it.
    #[error(
        "Kafka denies access to topic {topic}: {cause}: check its name and grant READ and DESCRIBE \
         (for produce and simulate: WRITE)"
    )]
    Refused {
        /// The topic's name.
        topic: String,
        /// The name of the error in the protocol.
        cause: String,
    },
    /// The topic was deleted or recreated: request the topics again.
    #[error("topic of {partition} was deleted or recreated: its id is no longer {}", partition.topic_id)]
    Gone {
        /// The partition as it was requested.
        partition: TopicPartition,
    },
}

/// Why a partition cannot be read further. Each halts the partition until the operator resets its
/// offset; [`next_batch`](super::PartitionReader::next_batch) returns the same error again.
#[derive(Clone, Debug, Error)]
pub enum ReadError {
    /// Retention or truncation has removed the next records (OFFSET_OUT_OF_RANGE, confirmed by a
    /// request for the log's start and end).
    #[error(
        "next offset {next_offset} of {partition} is outside its log, which contains \
         [{log_start}, {log_end}): {}; choose an offset with `vendas offsets reset --topics {topic} \
         --partition {number} --to … --because …`",
        lost(*next_offset, *log_start, *log_end),
        topic = .partition.topic, number = .partition.partition
    )]
    OutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The next offset to read.
        next_offset: NextOffset,
        /// The log's start offset.
        log_start: NextOffset,
        /// The log's end offset (high watermark).
        log_end: NextOffset,
    },
    /// The log was truncated at `from`, and has other records from there on: the new leader did not
    /// have the records that were read (KIP-320).
    #[error(
        "{partition} was read up to {next_offset}, but its log was truncated at {from}: the records \
         read in [{from}, {next_offset}) are no longer in Kafka, and their offsets now belong to \
         other records; to read these, run `vendas offsets reset --topics {topic} --partition \
         {number} --to {from} --because …`",
        topic = .partition.topic, number = .partition.partition
    )]
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The next offset to read.
        next_offset: NextOffset,
        /// The first offset at which the log differs from the records read.
        from: NextOffset,
    },
    /// The metadata has another topic id for the same name (KIP-516).
    #[error(
        "topic of {partition} was recreated: its id was {} and is {topic_id}: read the new topic with \
         `vendas offsets reset --topics {topic} --partition {number} --to earliest --because …`",
        .partition.topic_id, topic = .partition.topic, number = .partition.partition
    )]
    Recreated {
        /// The partition as it was.
        partition: TopicPartition,
        /// The current topic id.
        topic_id: Uuid,
    },
    /// The log cannot be decoded.
    #[error(
        "{partition} is corrupt at offset {offset}: {detail}; find the end of the damage with \
         kafka-dump-log.sh, and skip it with `vendas offsets reset --topics {topic} --partition \
         {number} --to … --because …`",
        topic = .partition.topic, number = .partition.partition
    )]
    Corrupt {
        /// The partition.
        partition: TopicPartition,
        /// The first offset that cannot be read.
        offset: NextOffset,
        /// The problem, without any payload.
        detail: String,
    },
    /// A record batch is too large after decompression.
    #[error(
        "{partition} has a record batch at offset {offset} that decompresses to more than \
         {max_bytes} bytes: if the batch is valid, raise kafka.max_decompressed_bytes and restart; \
         otherwise skip it with `vendas offsets reset --topics {topic} --partition {number} --to … \
         --because …`",
        topic = .partition.topic, number = .partition.partition
    )]
    TooLarge {
        /// The partition.
        partition: TopicPartition,
        /// The first unread offset of the batch.
        offset: NextOffset,
        /// The limit, [`Settings::max_decompressed_bytes`](super::Settings).
        max_bytes: usize,
    },
    /// The log's format or the broker is not supported.
    #[error("{partition} cannot be read at offset {offset}: {detail}")]
    Unsupported {
        /// The partition.
        partition: TopicPartition,
        /// The first offset that cannot be read.
        offset: NextOffset,
        /// What is not supported, and the remedy.
        detail: String,
    },
}

/// The span that is missing.
fn lost(next_offset: NextOffset, log_start: NextOffset, log_end: NextOffset) -> String {
    if next_offset < log_start {
        format!("[{next_offset}, {log_start}) was deleted before it was read")
    } else {
        format!("the records read in [{log_end}, {next_offset}) no longer exist")
    }
}

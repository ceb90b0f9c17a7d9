//! What callers of this module have to react to. Everything else is retried inside it.

use thiserror::Error;
use uuid::Uuid;

use super::{NextOffset, TopicPartition};

/// Why a question to Kafka went unanswered, by what its caller does about it.
#[derive(Clone, Debug, Error)]
pub enum KafkaError {
    /// Wait and ask again: it is expected to pass.
    #[error("kafka at {brokers} doesn't answer as it should: {cause}")]
    Unreachable {
        /// Whom we asked, comma-separated.
        brokers: String,
        /// What each of them answered, or why it didn't.
        cause: String,
    },
    /// A broker is too old, or no Apache Kafka: needs a person.
    #[error("broker {broker} {cause}: use Apache Kafka 2.1 or newer")]
    Unsupported {
        /// Its address.
        broker: String,
        /// What it lacks.
        cause: String,
    },
    /// A broker does not let us in, or we do not believe that it is one of ours: needs a person.
    #[error("kafka broker {broker} {cause}")]
    Denied {
        /// Its address.
        broker: String,
        /// What it said or showed, and the remedy.
        cause: String,
    },
    /// The brokers refuse us: needs a person.
    #[error("kafka refuses topic {topic}: {cause}: check its name and grant READ and DESCRIBE")]
    Refused {
        /// The topic's name.
        topic: String,
        /// The broker's error, by its name in the protocol.
        cause: String,
    },
    /// The topic of this name is another one now, or none: ask for the topics again.
    #[error("topic of {partition} was deleted or recreated: its id is no longer {}", partition.topic_id)]
    Gone {
        /// The partition as it was asked for.
        partition: TopicPartition,
    },
}

/// Why a partition can't be read on. Each halts that partition until somebody decides, and
/// [`next_batch`](super::PartitionReader::next_batch) gives the same again when called again.
#[derive(Clone, Debug, Error)]
pub enum ReadError {
    /// Retention or a truncation has taken what comes next (error 1, confirmed by asking for the
    /// log's start and end).
    #[error(
        "next offset {next_offset} of {partition} lies outside its log, which holds \
         [{log_start}, {log_end}): {}; choose with `vendas offsets reset --topics {topic} \
         --partition {number} --to … --because …`",
        lost(*next_offset, *log_start, *log_end),
        topic = .partition.topic, number = .partition.partition
    )]
    OutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// Where we wanted to read on.
        next_offset: NextOffset,
        /// The earliest offset that the log still has.
        log_start: NextOffset,
        /// The log's end (high watermark).
        log_end: NextOffset,
    },
    /// What was read from `from` on is no longer in the log, which has other records there now: a
    /// leader was elected that did not have them (KIP-320).
    #[error(
        "{partition} was read up to {next_offset}, but its log was truncated at {from}: what was \
         read in [{from}, {next_offset}) is no longer in Kafka, and other records have its offsets; \
         `vendas offsets reset --topics {topic} --partition {number} --to {from} --because …` \
         reads those",
        topic = .partition.topic, number = .partition.partition
    )]
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// Where we wanted to read on.
        next_offset: NextOffset,
        /// The first offset at which the log differs from what was read.
        from: NextOffset,
    },
    /// Metadata shows another topic of the same name (KIP-516).
    #[error(
        "topic of {partition} was recreated: its id was {} and is {topic_id}: \
         `vendas offsets reset --topics {topic} --partition {number} --to earliest --because …` \
         starts the new one",
        .partition.topic_id, topic = .partition.topic, number = .partition.partition
    )]
    Recreated {
        /// The partition as it was.
        partition: TopicPartition,
        /// The id of the topic that has the name now.
        topic_id: Uuid,
    },
    /// What the log holds can't be decoded.
    #[error("{partition} is damaged at offset {offset}: {detail}")]
    Corrupt {
        /// The partition.
        partition: TopicPartition,
        /// The first offset that can't be read.
        offset: NextOffset,
        /// What is wrong; never any payload.
        detail: String,
    },
    /// One record batch decompresses to more than is allowed.
    #[error(
        "{partition} has a record batch at offset {offset} that decompresses to more than \
         {max_bytes} bytes: raise kafka.max_decompressed_bytes if it is genuine"
    )]
    TooLarge {
        /// The partition.
        partition: TopicPartition,
        /// The batch's first offset not yet read.
        offset: NextOffset,
        /// The bound, [`Settings::max_decompressed_bytes`](super::Settings).
        max_bytes: usize,
    },
    /// The log or the broker is of a kind that can't be read.
    #[error("{partition} can't be read at offset {offset}: {detail}")]
    Unsupported {
        /// The partition.
        partition: TopicPartition,
        /// The first offset that can't be read.
        offset: NextOffset,
        /// What is not supported, and the remedy.
        detail: String,
    },
}

/// Which span is missing.
fn lost(next_offset: NextOffset, log_start: NextOffset, log_end: NextOffset) -> String {
    if next_offset < log_start {
        format!("[{next_offset}, {log_start}) was deleted unread")
    } else {
        format!("what was read in [{log_end}, {next_offset}) is no longer there")
    }
}

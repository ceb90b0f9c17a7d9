//! Why a partition is halted, and what the operator can do.

use crate::kafka::{NextOffset, ReadError, TopicPartition};

/// Why the processing of a partition is halted until an operator decides.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Halt {
    /// The partition's log cannot be read any further.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The offset that PostgreSQL holds belongs to another topic of the same name.
    #[error(
        "the offset of {0} in PostgreSQL, {1}, belongs to a deleted topic: its records from there \
         on were not read; to process the new topic, run `vendas offsets reset --topics {topic} \
         --partition {number} --to earliest --because …`",
        topic = .0.topic, number = .0.partition
    )]
    OtherTopic(TopicPartition, NextOffset),
    /// PostgreSQL has lost the offset, and possibly other data.
    #[error(
        "the offset of {0} is missing from PostgreSQL, it was {1}: if nothing else is missing \
         there, `vendas offsets reset --topics {topic} --partition {number} --to {1} --because …` \
         restores it",
        topic = .0.topic, number = .0.partition
    )]
    NoOffset(TopicPartition, NextOffset),
    /// A record is not a valid order, and `pipeline.on_dead_letter` is `halt`.
    #[error(
        "the record of {partition} at offset {offset} is not a valid order ({why}), and \
         pipeline.on_dead_letter is \"halt\": fix the cause (the mapping or vocabulary, a table \
         constraint) or set pipeline.on_dead_letter to \"record\", then restart; or skip the \
         record with `vendas offsets reset --topics {topic} --partition {number} --to {next} \
         --because …`",
        topic = partition.topic,
        number = partition.partition,
        next = offset.saturating_add(1)
    )]
    DeadLetter {
        /// The partition.
        partition: TopicPartition,
        /// The record's offset, equal to the partition's next offset.
        offset: i64,
        /// The reason and place of the rejection, without values of the record.
        why: String,
    },
    /// The log ends before the offset stored in PostgreSQL: Kafka has lost records.
    #[error(
        "the offset of {partition} in PostgreSQL is {next_offset}, but its log ends at {end}: the \
         records read in [{end}, {next_offset}) are no longer in Kafka; `vendas offsets reset \
         --topics {topic} --partition {number} --to {end} --because …` continues at the end of the \
         log",
        topic = .partition.topic, number = .partition.partition
    )]
    BeyondEnd {
        /// The partition.
        partition: TopicPartition,
        /// The offset to continue from.
        next_offset: NextOffset,
        /// Where its log ends (the last stable offset, which normally never decreases).
        end: NextOffset,
    },
}

impl Halt {
    /// The offset to continue from after skipping lost data; `None` for other causes.
    pub(super) const fn offset_after_loss(&self) -> Option<NextOffset> {
        match self {
            Self::Read(ReadError::OutOfRange { next_offset, log_start, log_end, .. }) => {
                Some(if next_offset.get() < log_start.get() { *log_start } else { *log_end })
            }
            Self::Read(ReadError::Truncated { from, .. }) => Some(*from),
            Self::BeyondEnd { end, .. } => Some(*end),
            _ => None,
        }
    }
}

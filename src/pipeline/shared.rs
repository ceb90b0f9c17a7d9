//! What the workers of all partitions share: servers, rules, settings and telemetry.

use std::sync::Arc;

use tracing::error;
use uuid::Uuid;

use super::{
    begun::Begun, halt::Halt, letters::DeadLetterLog, schemas::SchemaSource, unmapped::Warnings,
};
use crate::{
    config::{OnDeadLetter, Pipeline},
    kafka::{Kafka, NextOffset, TopicPartition},
    order::Rulebook,
    outage::Outage,
    process::{Cut, ProcessedBatch},
    store::{Cause, Store, StoreError},
    telemetry::Telemetry,
};

/// State shared by all workers.
pub(super) struct Shared {
    pub(super) kafka: Kafka,
    pub(super) store: Store,
    pub(super) rules: Arc<Rulebook>,
    pub(super) settings: Pipeline,
    pub(super) postgres: Arc<Outage>,
    pub(super) kafka_outage: Arc<Outage>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) dead_letter_log: Arc<DeadLetterLog>,
    pub(super) unmapped: Warnings,
    pub(super) schemas: SchemaSource,
    pub(super) begun: Begun,
}

impl Shared {
    /// Splits a batch into the part to commit and the reason to halt after it, if any. `cause` is
    /// that of the first order that the database rejected; the rejection itself would quote the
    /// row.
    pub(super) fn until_halt(
        &self,
        batch: ProcessedBatch,
        cause: Option<&Cause>,
    ) -> (Option<ProcessedBatch>, Option<Halt>) {
        if self.settings.on_dead_letter == OnDeadLetter::Record {
            return (Some(batch), None);
        }
        let partition = batch.partition().clone();
        match batch.until_dead_letter() {
            Ok(batch) => (Some(batch), None),
            Err(cut) => {
                let Cut { before, offset, rejection } = *cut;
                let why = match cause {
                    Some(cause) => format!("{}: {cause}", rejection.reason()),
                    None => rejection.to_string(),
                };
                (before, Some(Halt::DeadLetter { partition, offset, why }))
            }
        }
    }

    /// Skips lost data and logs that. Returns whether the partition's next offset was still `from`.
    pub(super) async fn skip_lost_data(
        &self,
        partition: &TopicPartition,
        from: NextOffset,
        to: (Uuid, NextOffset),
        halt: &Halt,
    ) -> Result<bool, StoreError> {
        let moved = self.store.skip_lost_data(partition, from, to, &halt.to_string()).await?;
        if moved {
            self.telemetry.data_losses.inc();
            error!(
                error = %halt,
                next_offset = %to.1,
                "data loss: skipping the lost records, as set by pipeline.on_data_loss"
            );
        }
        Ok(moved)
    }
}

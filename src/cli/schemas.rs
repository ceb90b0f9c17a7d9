//! The schemas of records that a command has in hand.

use super::CliError;
use crate::{
    format::Schemas,
    kafka::{Record, TopicPartition},
    order::Rulebook,
    registry::Registry,
};

/// The schemas that these records name, also in keys that the mapping does not read, since those may be
/// proposed; all of them from `registry`, and none without one.
///
/// # Errors
/// The registry cannot be asked.
pub(super) async fn of(
    rules: &Rulebook,
    registry: Option<&Registry>,
    records: &[(TopicPartition, Record)],
) -> Result<Schemas, CliError> {
    let mut ids = rules.schema_ids(records);
    ids.extend(records.iter().filter_map(|(at, record)| {
        rules.of(&at.topic).format().schema_id(record.key.as_deref()?, true)
    }));
    match registry {
        Some(registry) if !ids.is_empty() => Ok(registry.schemas(&ids).await?),
        _ => Ok(Schemas::default()),
    }
}

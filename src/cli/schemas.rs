//! The schemas of records that a command has read.

use super::CliError;
use crate::{
    format::Schemas,
    kafka::{Record, TopicPartition},
    order::Rulebook,
    registry::Registry,
};

/// The schemas that these records name, including those of keys that the mapping does not read but
/// may be proposed. Without a registry there are none.
///
/// # Errors
/// The request to the registry fails.
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

//! The schemas of records that a command has in hand.

use super::CliError;
use crate::{
    format::Schemas,
    kafka::{Record, TopicPartition},
    order::Rulebook,
    registry::Registry,
};

/// The schemas that these records name, all of them from `registry`; none without one.
///
/// # Errors
/// The registry cannot be asked.
pub(super) async fn of(
    rules: &Rulebook,
    registry: Option<&Registry>,
    records: &[(TopicPartition, Record)],
) -> Result<Schemas, CliError> {
    let ids = rules.schema_ids(records);
    match registry {
        Some(registry) if !ids.is_empty() => Ok(registry.schemas(&ids).await?),
        _ => Ok(Schemas::default()),
    }
}

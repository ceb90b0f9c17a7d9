//! The schemas of records that a command has in hand.

use super::CliError;
use crate::{
    config::Config,
    format::Schemas,
    kafka::{Record, TopicPartition},
    registry::Registry,
};

/// The schemas of these records, as far as there is a registry to ask.
pub(super) async fn of(
    config: &Config,
    records: &[(TopicPartition, Record)],
) -> Result<Schemas, CliError> {
    let ids = config.rules.schema_ids(records);
    match &config.registry {
        Some(settings) if !ids.is_empty() => Ok(Registry::new(settings).schemas(&ids).await?),
        _ => Ok(Schemas::default()),
    }
}

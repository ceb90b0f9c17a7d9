//! Encodes orders with a schema of the registry.

use bytes::Bytes;

use super::CliError;
use crate::{
    config::{Config, Problem, Problems},
    format::{self, Schema, SchemaId, avro},
    registry::Registry,
};

/// Encodes JSON with one schema, with the registry's header.
pub(super) struct Writer {
    id: SchemaId,
    schema: Schema,
}

impl Writer {
    /// Encodes with the latest schema of a subject.
    pub(super) async fn of(config: &Config, subject: &str) -> Result<Self, CliError> {
        let Some(settings) = &config.registry else {
            let text = "--subject needs registry.url".to_owned();
            return Err(CliError::Config(Problems(vec![Problem { origin: None, text }])));
        };
        let (id, schema) = Registry::new(settings).newest(subject).await?;
        if matches!(schema, Schema::Protobuf(_)) {
            let text = format!(
                "the latest schema of the subject {subject:?} is PROTOBUF: produce supports AVRO and \
                 JSON"
            );
            return Err(CliError::Failed(text));
        }
        Ok(Self { id, schema })
    }

    /// Encodes an order in JSON as a payload.
    ///
    /// # Errors
    /// The order does not match the schema.
    pub(super) fn write(&self, json: &Bytes) -> Result<Bytes, String> {
        let mut bytes = format::header(self.id).to_vec();
        match &self.schema {
            Schema::Avro(schema) => {
                let json = std::str::from_utf8(json).map_err(|error| error.to_string())?;
                bytes.extend(avro::from_json(json, schema)?);
            }
            Schema::Json => bytes.extend_from_slice(json),
            Schema::Protobuf(_) => return Err("Protobuf is not supported".to_owned()),
        }
        Ok(bytes.into())
    }
}

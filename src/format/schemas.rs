//! The schemas available for a batch of records.

use std::{collections::HashMap, sync::Arc};

use super::{Schema, SchemaId};

/// Schemas by id.
#[derive(Clone, Debug, Default)]
pub struct Schemas(HashMap<SchemaId, Result<Arc<Schema>, NoSchema>>);

/// Why there is no schema with an id; not transient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSchema {
    /// The registry has none.
    Unknown,
    /// It exists but cannot be used, with the reason.
    Broken(String),
}

impl Schemas {
    /// Adds the result for an id.
    pub fn insert(&mut self, id: SchemaId, schema: Result<Arc<Schema>, NoSchema>) {
        self.0.insert(id, schema);
    }

    /// The schema with an id: [`NoSchema::Unknown`] if it was not requested.
    ///
    /// # Errors
    /// [`NoSchema`]
    pub fn get(&self, id: SchemaId) -> Result<&Arc<Schema>, NoSchema> {
        match self.0.get(&id) {
            Some(found) => found.as_ref().map_err(Clone::clone),
            None => Err(NoSchema::Unknown),
        }
    }
}

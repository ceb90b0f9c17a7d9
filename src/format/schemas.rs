//! The schemas that are at hand for some records.

use std::{collections::HashMap, sync::Arc};

use super::{Schema, SchemaId};

/// Schemas by their ids.
#[derive(Clone, Debug, Default)]
pub struct Schemas(HashMap<SchemaId, Result<Arc<Schema>, NoSchema>>);

/// Why there is no schema of an id, which does not pass by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSchema {
    /// The registry knows none.
    Unknown,
    /// It is there and cannot be used: why.
    Broken(String),
}

impl Schemas {
    /// Adds what there is of an id.
    pub fn insert(&mut self, id: SchemaId, schema: Result<Arc<Schema>, NoSchema>) {
        self.0.insert(id, schema);
    }

    /// What there is of an id: [`NoSchema::Unknown`] where it was not asked for.
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

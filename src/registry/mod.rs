//! Schemas from a schema registry with the API of Confluent's, which others support too
//! (Apicurio at `/apis/ccompat/v7`, Karapace, Redpanda): each is fetched once and cached.
//!
//! - **Invariant:** a failed request is an error, never the result that a schema is unknown. Only a
//!   response of the registry can say that.
//! - **Invariant:** memory is bounded, whatever ids are requested.

mod answer;
mod cache;
mod client;
mod error;
mod settings;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64, atomic::Ordering},
    time::Duration,
};

use crate::{
    format::{Import, Kind, NoSchema, Schema, SchemaId, Schemas, Source},
    http_client::Address,
};

pub use error::RegistryError;
pub use settings::Settings;

use answer::{Answer, Found, Reference};
use cache::Cache;
use client::Client;

/// The maximum number of schemas that one may refer to, directly and indirectly.
const IMPORTS_LIMIT: usize = 200;

/// How long after a response "unknown" the request is repeated once: a schema that was just
/// registered may not have reached all nodes of the registry.
const REPEAT_AFTER: Duration = Duration::from_millis(500);

/// A schema registry. Cheap to clone; all clones share the cache.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    client: Client,
    cache: Mutex<Cache>,
    /// Held during a fetch, so that no schema is fetched twice.
    fetching: tokio::sync::Mutex<()>,
    fetched: AtomicU64,
}

impl Registry {
    /// Does not connect yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self(Arc::new(Inner {
            client: Client::new(settings),
            cache: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            fetched: AtomicU64::new(0),
        }))
    }

    /// The address that answers and grants access.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub async fn ping(&self) -> Result<Option<&Address>, RegistryError> {
        // No schema has this id.
        self.0.client.get(&client::path_of_id(SchemaId(0))).await?;
        Ok(self.0.client.answering())
    }

    /// The number of connections opened.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.0.client.opened()
    }

    /// The number of schemas fetched.
    #[must_use]
    pub fn fetched(&self) -> u64 {
        self.0.fetched.load(Ordering::Relaxed)
    }

    /// The schemas of these ids, if all results are cached, including those of unknown schemas.
    #[must_use]
    pub fn cached(&self, ids: &BTreeSet<SchemaId>) -> Option<Schemas> {
        let mut cache = self.cache();
        let mut schemas = Schemas::default();
        for id in ids {
            schemas.insert(*id, cache.get(*id)?);
        }
        Some(schemas)
    }

    /// The schemas of these ids; those that are not cached are fetched.
    ///
    /// # Errors
    /// [`RegistryError`] if a request fails. Schemas fetched before stay cached.
    pub async fn schemas(&self, ids: &BTreeSet<SchemaId>) -> Result<Schemas, RegistryError> {
        let mut schemas = Schemas::default();
        let mut unknown = Vec::new();
        for id in ids {
            let cached = self.cache().get(*id);
            let schema = match cached {
                Some(schema) => schema,
                None => {
                    let schema = self.fetch(*id).await?;
                    if matches!(schema, Err(NoSchema::Unknown)) {
                        unknown.push(*id);
                    }
                    schema
                }
            };
            schemas.insert(*id, schema);
        }
        if !unknown.is_empty() {
            tokio::time::sleep(REPEAT_AFTER).await;
            for id in unknown {
                self.cache().forget(id);
                schemas.insert(id, self.fetch(id).await?);
            }
        }
        Ok(schemas)
    }

    /// The latest schema of a subject, and its id.
    ///
    /// # Errors
    /// [`RegistryError`], also if there is none.
    pub async fn newest(&self, subject: &str) -> Result<(SchemaId, Schema), RegistryError> {
        let found = match self.0.client.get(&client::path_of_subject(subject, "latest")).await? {
            Answer::Found(found) => found,
            Answer::Unknown => {
                let at = self.0.client.answering().map(ToString::to_string).unwrap_or_default();
                let text = format!(
                    "the schema registry at {at} has no subject {subject:?}: register a schema, or \
                     correct the name (most serializers name it TOPIC-value)"
                );
                return Err(RegistryError::NeedsAttention(text));
            }
        };
        let id = found.id;
        let schema = self.compile(found).await?;
        match (id, schema) {
            (Some(id), Ok(schema)) => Ok((id, schema)),
            (_, Err(NoSchema::Broken(why))) => {
                let text = format!("the latest schema of the subject {subject:?}: {why}");
                Err(RegistryError::NeedsAttention(text))
            }
            (None, _) | (_, Err(NoSchema::Unknown)) => {
                let text =
                    format!("the schema registry returned no id for the subject {subject:?}");
                Err(RegistryError::NeedsAttention(text))
            }
        }
    }

    async fn fetch(&self, id: SchemaId) -> Result<Result<Arc<Schema>, NoSchema>, RegistryError> {
        let _alone = self.0.fetching.lock().await;
        if let Some(schema) = self.cache().get(id) {
            return Ok(schema);
        }
        // The registry's ids are integers of 31 bits.
        let (schema, size) = if i32::try_from(id.0).is_err() {
            (Err(NoSchema::Unknown), 0)
        } else {
            match self.0.client.get(&client::path_of_id(id)).await? {
                Answer::Unknown => (Err(NoSchema::Unknown), 0),
                Answer::Found(found) => {
                    self.0.fetched.fetch_add(1, Ordering::Relaxed);
                    let size = found.text.len();
                    (self.compile(found).await?.map(Arc::new), size)
                }
            }
        };
        self.cache().put(id, schema.clone(), size);
        Ok(schema)
    }

    /// Compiles the schema, with all schemas that it refers to.
    async fn compile(&self, found: Found) -> Result<Result<Schema, NoSchema>, RegistryError> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == found.kind);
        let Some(kind) = kind else {
            let text = format!("it is {:?}, must be AVRO, PROTOBUF or JSON", found.kind);
            return Ok(Err(NoSchema::Broken(text)));
        };
        let imports = match kind {
            // JSON records are read without the schema.
            Kind::JsonSchema => Ok(Vec::new()),
            Kind::Avro | Kind::Protobuf => self.imports(&found.references).await?,
        };
        Ok(imports.and_then(|imports| {
            let source = Source { kind, text: found.text, imports };
            Schema::compile(&source).map_err(|error| NoSchema::Broken(error.to_string()))
        }))
    }

    /// The schemas that these refer to, in order of dependency.
    async fn imports(
        &self,
        references: &[Reference],
    ) -> Result<Result<Vec<Import>, NoSchema>, RegistryError> {
        let mut imports: Vec<Import> = Vec::new();
        let mut seen = BTreeSet::new();
        // Each is visited twice: before and after its own references.
        let mut open: Vec<(Reference, Option<String>)> =
            references.iter().rev().map(|reference| (reference.clone(), None)).collect();
        while let Some((reference, text)) = open.pop() {
            if let Some(text) = text {
                imports.push(Import { name: reference.name, text });
                continue;
            }
            if !seen.insert((reference.name.clone(), reference.subject.clone(), reference.version))
            {
                continue;
            }
            if seen.len() > IMPORTS_LIMIT {
                let text = format!("it refers to more than {IMPORTS_LIMIT} others");
                return Ok(Err(NoSchema::Broken(text)));
            }
            let Reference { subject, version, .. } = &reference;
            let path = client::path_of_subject(subject, &version.to_string());
            let Answer::Found(found) = self.0.client.get(&path).await? else {
                let text = format!(
                    "it refers to version {version} of the subject {subject:?}, which is not in the \
                     registry"
                );
                return Ok(Err(NoSchema::Broken(text)));
            };
            open.push((reference, Some(found.text)));
            open.extend(found.references.into_iter().rev().map(|reference| (reference, None)));
        }
        Ok(Ok(imports))
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // No update under this lock can stop halfway, so poisoning is ignored.
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("client", &self.0.client).finish_non_exhaustive()
    }
}

//! A bounded cache of schemas.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use lru::LruCache;

use crate::format::{NoSchema, Schema, SchemaId};

/// The maximum number of schemas; the least recently used are evicted.
const ENTRIES: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The maximum size of the schemas' texts in bytes. Compiled schemas take several times as much.
const BYTES: usize = 16 << 20;

/// How long an unknown or invalid schema is cached: it may be registered or corrected.
const NEGATIVE_TTL: Duration = Duration::from_secs(60);

/// Schemas by their ids.
pub(super) struct Cache {
    entries: LruCache<SchemaId, Entry>,
    bytes: usize,
}

struct Entry {
    schema: Result<Arc<Schema>, NoSchema>,
    bytes: usize,
    since: Instant,
}

impl Default for Cache {
    fn default() -> Self {
        Self { entries: LruCache::new(ENTRIES), bytes: 0 }
    }
}

impl Cache {
    /// The cached result for the id.
    pub(super) fn get(&mut self, id: SchemaId) -> Option<Result<Arc<Schema>, NoSchema>> {
        let entry = self.entries.get(&id)?;
        let is_fresh = entry.schema.is_ok() || entry.since.elapsed() < NEGATIVE_TTL;
        is_fresh.then(|| entry.schema.clone())
    }

    /// Caches the result for an id, with the size of the schema's text in bytes.
    pub(super) fn put(
        &mut self,
        id: SchemaId,
        schema: Result<Arc<Schema>, NoSchema>,
        bytes: usize,
    ) {
        self.bytes += bytes;
        let replaced = self.entries.push(id, Entry { schema, bytes, since: Instant::now() });
        self.bytes -= replaced.map_or(0, |(_, entry)| entry.bytes);
        while self.bytes > BYTES
            && self.entries.len() > 1
            && let Some((_, entry)) = self.entries.pop_lru()
        {
            self.bytes -= entry.bytes;
        }
    }

    /// Removes the id.
    pub(super) fn forget(&mut self, id: SchemaId) {
        if let Some(entry) = self.entries.pop(&id) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Result<Arc<Schema>, NoSchema> {
        Ok(Arc::new(Schema::Json))
    }

    #[test]
    fn entries_and_bytes_are_bounded_and_the_least_recently_used_are_evicted() {
        let mut cache = Cache::default();
        for id in 0..2_000 {
            cache.put(SchemaId(id), schema(), 1);
            // This one is used all the time.
            assert!(cache.get(SchemaId(0)).is_some());
        }
        assert_eq!((cache.entries.len(), cache.bytes), (ENTRIES.get(), ENTRIES.get()));
        assert!(cache.get(SchemaId(1)).is_none());
        cache.put(SchemaId(5_000), schema(), BYTES);
        assert_eq!((cache.entries.len(), cache.bytes), (1, BYTES));
        cache.put(SchemaId(5_000), schema(), 7);
        assert_eq!((cache.entries.len(), cache.bytes), (1, 7));
        cache.forget(SchemaId(5_000));
        assert_eq!((cache.entries.len(), cache.bytes), (0, 0));
    }

    #[test]
    fn unknown_schemas_are_cached_for_a_while_only() {
        let mut cache = Cache::default();
        cache.put(SchemaId(1), Err(NoSchema::Unknown), 0);
        assert!(matches!(cache.get(SchemaId(1)), Some(Err(NoSchema::Unknown))));
        if let Some(entry) = cache.entries.get_mut(&SchemaId(1)) {
            entry.since = Instant::now().checked_sub(NEGATIVE_TTL).unwrap();
        }
        assert!(cache.get(SchemaId(1)).is_none());
    }
}

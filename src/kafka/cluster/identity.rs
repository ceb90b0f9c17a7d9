//! The identity of a topic: its id (KIP-516), or an id derived from its name if brokers have none.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::{Uuid, uuid};

use crate::kafka::log::record::TopicPartition;

/// The namespace of ids derived from topic names (RFC 9562, 5.5).
const NAMES: Uuid = uuid!("6f0c2f36-0d43-4a53-9d3c-9f2a6a0d7a11");

/// The id derived from `name`, if brokers have no topic ids (Kafka before 2.8, and compatible
/// services). It is the same for all topics that ever have that name.
pub(in crate::kafka) fn of_name(name: &str) -> Uuid {
    Uuid::new_v5(&NAMES, name.as_bytes())
}

impl TopicPartition {
    /// Whether `topic_id` is derived from the topic's name. Then a recreated topic cannot be
    /// distinguished from the previous one.
    #[must_use]
    pub fn is_known_by_name(&self) -> bool {
        self.topic_id == of_name(&self.topic)
    }

    /// Whether this partition's topic has this `id`, as far as that is known.
    pub(in crate::kafka) fn is_of(&self, id: Uuid) -> bool {
        self.topic_id == id || self.is_known_by_name()
    }
}

/// The ids that brokers have returned so far. During a rolling upgrade only some brokers return
/// ids; an id from one broker is valid for all.
#[derive(Default)]
pub(super) struct Identities {
    given: Mutex<HashMap<Arc<str>, Uuid>>,
}

impl Identities {
    /// The id of the topic `name`; `given` is the id in the metadata, nil if there is none.
    pub(super) fn of(&self, name: &Arc<str>, given: Uuid) -> Uuid {
        // No update under this lock can stop halfway, so poisoning is ignored.
        let mut known = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if given.is_nil() {
            return known.get(name).copied().unwrap_or_else(|| of_name(name));
        }
        known.insert(Arc::clone(name), given);
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_without_an_id_is_known_by_its_name_until_a_broker_gives_one() {
        let identities = Identities::default();
        let [orders, others] = ["orders", "others"].map(Arc::from);
        let by_name = identities.of(&orders, Uuid::nil());
        assert_eq!(identities.of(&orders, Uuid::nil()), by_name);
        assert_ne!(identities.of(&others, Uuid::nil()), by_name);
        let partition =
            |topic_id| TopicPartition { topic: Arc::clone(&orders), partition: 0, topic_id };
        assert!(partition(by_name).is_known_by_name());

        let given = Uuid::from_u128(7);
        assert!(partition(by_name).is_of(given));
        assert_eq!(identities.of(&orders, given), given);
        assert_eq!(identities.of(&orders, Uuid::nil()), given);
        assert!(!partition(given).is_known_by_name());
        assert!(!partition(given).is_of(by_name));
        let anew = Uuid::from_u128(8);
        assert_eq!(identities.of(&orders, anew), anew);
        assert!(!partition(given).is_of(anew));
    }
}

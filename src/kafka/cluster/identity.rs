//! Who a topic is: its id where brokers give it one (KIP-516), else what its name is made into.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use uuid::{Uuid, uuid};

use super::lock;
use crate::kafka::TopicPartition;

/// The namespace of ids made from topics' names (RFC 9562, 5.5).
const NAMES: Uuid = uuid!("6f0c2f36-0d43-4a53-9d3c-9f2a6a0d7a11");

/// What stands for the id of the topic called `name` where brokers give none (before Kafka 2.8, and
/// at services behind it). The same for all topics that ever have that name.
pub(in crate::kafka) fn of_name(name: &str) -> Uuid {
    Uuid::new_v5(&NAMES, name.as_bytes())
}

impl TopicPartition {
    /// Whether `topic_id` only stands for the topic's name, as brokers gave no id: then a topic that
    /// was created anew under its name passes for the one before.
    #[must_use]
    pub fn is_known_by_name(&self) -> bool {
        self.topic_id == of_name(&self.topic)
    }

    /// Whether this partition's topic is the one with `id`, as far as anybody can tell.
    pub(in crate::kafka) fn is_of(&self, id: Uuid) -> bool {
        self.topic_id == id || self.is_known_by_name()
    }
}

/// The ids that brokers have given so far. While brokers are upgraded one after the other, some give
/// ids and others don't; what one has told holds for all.
#[derive(Default)]
pub(super) struct Identities {
    given: Mutex<HashMap<Arc<str>, Uuid>>,
}

impl Identities {
    /// The id of the topic called `name`; `given` is what metadata has for it, nil where that is
    /// nothing.
    pub(super) fn of(&self, name: &Arc<str>, given: Uuid) -> Uuid {
        let mut known = lock(&self.given);
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

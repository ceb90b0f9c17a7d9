//! The partitions that an instance processes if there is no group.

use std::{ops::RangeInclusive, sync::Arc};

/// Some partitions of some topics, or all partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions(Vec<(Arc<str>, RangeInclusive<i32>)>);

impl Partitions {
    /// An empty list means all partitions.
    pub(super) const fn new(chosen: Vec<(Arc<str>, RangeInclusive<i32>)>) -> Self {
        Self(chosen)
    }

    /// Parses `TOPIC:FIRST-LAST` or `TOPIC:NUMBER`.
    pub(super) fn parse(text: &str) -> Option<(Arc<str>, RangeInclusive<i32>)> {
        let (topic, numbers) = text.rsplit_once(':')?;
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let number = |text: &str| text.parse::<i32>().ok().filter(|number| *number >= 0);
        let (first, last) = (number(first)?, number(last)?);
        (!topic.is_empty() && first <= last).then(|| (topic.into(), first..=last))
    }

    /// Whether this partition is included.
    #[must_use]
    pub fn contain(&self, topic: &str, partition: i32) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|(name, range)| **name == *topic && range.contains(&partition))
    }
}

//! Who gets which partitions: what the leader of a classic group decides for all of its members.
//!
//! Pure functions of what the members say of themselves and of the topics' partitions. The names,
//! and what one of these assignors expects of the generation before, are those of Kafka's Java client
//! (`CooperativeStickyAssignor`, `RangeAssignor`), so that a Java member may lead one generation and
//! this instance the next. Racks are not regarded.

mod range;
mod sticky;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How a classic group shares partitions out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Balanced over all topics; a member keeps what it has, as far as balance allows. A partition
    /// that moves is first revoked, then assigned in another rebalance (KIP-429), so that the others
    /// are processed without a pause.
    CooperativeSticky,
    /// Consecutive partitions of each topic. All partitions are revoked before each rebalance.
    Range,
}

impl Assignor {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::CooperativeSticky, Self::Range];

    /// The name by which the members of a group agree on it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CooperativeSticky => "cooperative-sticky",
            Self::Range => "range",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Whether members keep their partitions during a rebalance.
    pub(super) const fn is_cooperative(self) -> bool {
        matches!(self, Self::CooperativeSticky)
    }

    pub(super) fn assign(self, members: &[Candidate], partitions: &Partitions) -> Shares {
        match self {
            Self::CooperativeSticky => sticky::cooperative(members, partitions),
            Self::Range => range::assign(members, partitions),
        }
    }
}

/// A partition by its topic's name, which is all that the classic protocol knows of topics.
pub(in crate::kafka::group) type Place = (Arc<str>, i32);

/// The partitions of each topic.
pub(super) type Partitions = BTreeMap<Arc<str>, BTreeSet<i32>>;

/// The partitions of each member by its id; every member is there, some with none.
pub(super) type Shares = BTreeMap<String, BTreeSet<Place>>;

/// A member that is to get partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) id: String,
    /// The id of a static member (KIP-345).
    pub(super) instance: Option<String>,
    pub(super) topics: BTreeSet<Arc<str>>,
    /// What it says that it has.
    pub(super) claimed: BTreeSet<Place>,
    /// The generation in which it got that; -1 for none.
    pub(super) generation: i32,
}

/// Every member with nothing.
fn nothing(members: &[Candidate]) -> Shares {
    members.iter().map(|member| (member.id.clone(), BTreeSet::new())).collect()
}

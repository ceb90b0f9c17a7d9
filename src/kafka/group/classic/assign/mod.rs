//! Assignors: how the leader of a classic group assigns partitions to the members.
//!
//! They are pure functions of the members' subscriptions and the topics' partitions. Names and
//! semantics are those of Kafka's Java client (`CooperativeStickyAssignor`, `RangeAssignor`), so
//! that a Java member may lead one generation and this instance the next. Racks are ignored.

mod range;
mod sticky;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// An assignor of a classic group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Balanced over all topics; members keep their partitions as far as balance allows. A
    /// partition that moves is first revoked, then assigned in another rebalance (KIP-429), so that
    /// the others are processed without a pause.
    CooperativeSticky,
    /// Consecutive partitions of each topic. All partitions are revoked before each rebalance.
    Range,
}

impl Assignor {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::CooperativeSticky, Self::Range];

    /// Its name in the group protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CooperativeSticky => "cooperative-sticky",
            Self::Range => "range",
        }
    }

    /// The assignor with this name.
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

/// A partition by topic name; the classic protocol has no topic ids.
pub(in crate::kafka::group) type Place = (Arc<str>, i32);

/// The partitions of each topic.
pub(super) type Partitions = BTreeMap<Arc<str>, BTreeSet<i32>>;

/// The partitions of each member by its id; includes members without partitions.
pub(super) type Shares = BTreeMap<String, BTreeSet<Place>>;

/// A member to assign partitions to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) id: String,
    /// The id of a static member (KIP-345).
    pub(super) instance: Option<String>,
    pub(super) topics: BTreeSet<Arc<str>>,
    /// The partitions that it claims to own.
    pub(super) claimed: BTreeSet<Place>,
    /// The generation of that claim; -1 for none.
    pub(super) generation: i32,
}

/// An empty assignment for every member.
fn nothing(members: &[Candidate]) -> Shares {
    members.iter().map(|member| (member.id.clone(), BTreeSet::new())).collect()
}

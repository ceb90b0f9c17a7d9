//! Kafka's consumer groups: who works which partitions, and how far they have come.
//!
//! The group makes several instances efficient; what makes them right is the offset beside the data.
//! A [`GroupMember`] hears from the `coordinator` which partitions are its own; `committed` and `seen`
//! ask about groups without being in them.

mod committed;
mod coordinator;
mod member;
mod seen;

use kafka_protocol::{messages::GroupId, protocol::StrBytes};

pub(in crate::kafka) use committed::committed;
pub(in crate::kafka) use coordinator::Coordinator;
pub use coordinator::GroupError;
pub use member::{Beat, GroupMember};
pub use seen::MemberSeen;
pub(in crate::kafka) use seen::members;

fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

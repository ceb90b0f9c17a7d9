//! Kafka's consumer groups: assignments and committed offsets.
//!
//! The group assigns partitions to instances. Correctness does not depend on it: the offset that is
//! stored with the data guarantees that. A [`GroupMember`] uses one of two protocols, `consumer`
//! (KIP-848) or `classic`, and gets its partitions from the `coordinator`; `committed` and `seen`
//! query groups without joining.

mod classic;
mod committed;
mod consumer;
mod coordinator;
mod member;
mod seen;
mod subscription;

use kafka_protocol::{messages::GroupId, protocol::StrBytes};

pub use classic::Assignor;
pub(in crate::kafka) use committed::committed;
pub(in crate::kafka) use coordinator::Coordinator;
pub use coordinator::GroupError;
pub use member::{Beat, GroupMember, GroupProtocol, GroupSettings};
pub use seen::{GroupSeen, MemberSeen};
pub(in crate::kafka) use seen::{may_join, members};

fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

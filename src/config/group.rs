//! The consumer group that shares the partitions out, and how it is joined.

use std::sync::Arc;

use super::reader::Reader;
use crate::kafka::{Assignor, GroupProtocol};

/// The inner `None` is no group.
#[expect(clippy::option_option, reason = "the outer one says that a problem was noted")]
pub(super) fn group(reader: &mut Reader) -> Option<Option<Arc<str>>> {
    match reader.optional_text("kafka.group") {
        Some(group) if group.is_empty() => {
            reader.problem("kafka.group", "is empty, must be a name: leave it out for no group");
            None
        }
        group => Some(group.map(Arc::from)),
    }
}

pub(super) fn protocol(reader: &mut Reader) -> Option<GroupProtocol> {
    reader.choice(
        "kafka.group_protocol",
        &[
            ("auto", GroupProtocol::Auto),
            ("consumer", GroupProtocol::Consumer),
            ("classic", GroupProtocol::Classic),
        ],
    )
}

/// Each once, in the order of preference.
pub(super) fn assignors(reader: &mut Reader) -> Option<Vec<Assignor>> {
    let named = reader.list(
        "kafka.group_assignors",
        &Assignor::ALL.map(Assignor::name),
        "\"cooperative-sticky\" or \"range\"",
        Assignor::named,
    )?;
    let mut assignors: Vec<Assignor> = Vec::new();
    for assignor in named {
        if !assignors.contains(&assignor) {
            assignors.push(assignor);
        }
    }
    Some(assignors)
}

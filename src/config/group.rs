//! The consumer group, and its protocol.

use std::sync::Arc;

use super::reader::Reader;
use crate::kafka::{Assignor, GroupProtocol};

/// The inner `None` means that there is no group.
#[expect(clippy::option_option, reason = "the outer one means that there is a problem")]
pub(super) fn group(reader: &mut Reader) -> Option<Option<Arc<str>>> {
    match reader.optional_text("kafka.group") {
        Some(group) if group.is_empty() => {
            reader.problem("kafka.group", "is empty, must be a name: remove it to use no group");
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

/// Without duplicates, in the order of preference.
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

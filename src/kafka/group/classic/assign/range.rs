//! Assigns consecutive partitions of each topic, to members in the order of their ids.

use std::sync::Arc;

use super::{Candidate, Partitions, Shares, nothing};

/// As Java's `RangeAssignor`: all members get the same number of partitions of each topic, and the
/// first ones get one more if there is a remainder.
pub(super) fn assign(members: &[Candidate], partitions: &Partitions) -> Shares {
    let mut shares = nothing(members);
    for (topic, numbers) in partitions {
        let mut subscribed: Vec<&Candidate> =
            members.iter().filter(|member| member.topics.contains(topic)).collect();
        // Static members are first, in the order of their ids, which persist across restarts.
        subscribed.sort_by_key(|member| (member.instance.is_none(), &member.instance, &member.id));
        let mut numbers = numbers.iter();
        let mut left = numbers.len();
        for (place, member) in subscribed.iter().enumerate() {
            let share = left.div_ceil(subscribed.len() - place);
            left -= share;
            let Some(partitions) = shares.get_mut(&member.id) else { continue };
            partitions.extend(numbers.by_ref().take(share).map(|n| (Arc::clone(topic), *n)));
        }
    }
    shares
}

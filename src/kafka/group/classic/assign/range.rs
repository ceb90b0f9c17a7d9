//! Consecutive partitions of each topic, the members in the order of their ids.

use std::sync::Arc;

use super::{Candidate, Partitions, Shares, nothing};

/// As Java's `RangeAssignor`: of each topic everyone gets as many, and the first ones one more where
/// that does not come out even.
pub(super) fn assign(members: &[Candidate], partitions: &Partitions) -> Shares {
    let mut shares = nothing(members);
    for (topic, numbers) in partitions {
        let mut subscribed: Vec<&Candidate> =
            members.iter().filter(|member| member.topics.contains(topic)).collect();
        // Static members come first, in the order of the ids that they keep across restarts.
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

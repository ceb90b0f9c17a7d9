//! Assigns partitions as evenly as subscriptions allow, with as few moves as possible, and only after
//! their previous owners have revoked them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use super::{Candidate, Partitions, Place, Shares};

/// [`sticky`] without the partitions that another member still owns: that member revokes them and
/// triggers another rebalance, which assigns them (KIP-429).
pub(super) fn cooperative(members: &[Candidate], partitions: &Partitions) -> Shares {
    let mut claims: BTreeMap<&Place, BTreeSet<&str>> = BTreeMap::new();
    for member in members {
        for place in &member.claimed {
            claims.entry(place).or_default().insert(&member.id);
        }
    }
    let mut shares = sticky(members, partitions);
    for (id, share) in &mut shares {
        share.retain(|place| claims.get(place).is_none_or(|claimed| claimed.contains(&**id)));
    }
    shares
}

/// The target assignment.
///
/// Members keep their partitions. The others go to the members with the fewest. Then partitions
/// move along the shortest paths from a member to one with at least two fewer, until there is no
/// such path: the loads are then optimal (Harvey et al., "Semi-matchings for bipartite graphs and
/// load balancing", 2003, theorem 3.1), for any subscriptions.
pub(super) fn sticky(members: &[Candidate], partitions: &Partitions) -> Shares {
    let mut table = Table::new(members, partitions);
    let owners = owners(members, partitions);
    for (place, owner) in &owners {
        table.give(*owner, place);
    }
    let mut free: Vec<Place> = Vec::new();
    for (topic, numbers) in partitions {
        free.extend(numbers.iter().map(|number| (Arc::clone(topic), *number)));
    }
    free.retain(|place| !owners.contains_key(place));
    // Partitions with the fewest subscribers first.
    free.sort_by_key(|(topic, _)| table.subscribers.get(topic).map_or(0, Vec::len));
    for place in &free {
        if let Some(member) = table.least_loaded(&place.0) {
            table.give(member, place);
        }
    }
    while table.even_out() {}
    table.into_shares()
}

/// The owners of partitions: of several members that claim a partition, the one with the latest
/// generation, or none if that is not unique.
fn owners(members: &[Candidate], partitions: &Partitions) -> BTreeMap<Place, usize> {
    let mut best: BTreeMap<&Place, (i32, Option<usize>)> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        for place @ (topic, number) in &member.claimed {
            let exists = partitions.get(topic).is_some_and(|numbers| numbers.contains(number));
            if !exists || !member.topics.contains(topic) {
                continue;
            }
            let newest = best.entry(place).or_insert((member.generation, Some(index)));
            if member.generation > newest.0 {
                *newest = (member.generation, Some(index));
            } else if newest.1 != Some(index) && member.generation == newest.0 {
                newest.1 = None;
            }
        }
    }
    best.into_iter().filter_map(|(place, (_, owner))| Some((place.clone(), owner?))).collect()
}

/// Members by index, and their partitions.
struct Table<'a> {
    members: &'a [Candidate],
    /// The subscribers of each topic, in the order of their ids.
    subscribers: BTreeMap<Arc<str>, Vec<usize>>,
    /// The partitions of each member by topic.
    held: Vec<BTreeMap<Arc<str>, BTreeSet<i32>>>,
    loads: Vec<usize>,
}

impl<'a> Table<'a> {
    fn new(members: &'a [Candidate], partitions: &Partitions) -> Self {
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by_key(|index| members.get(*index).map(|member| &member.id));
        let subscribed = |topic: &Arc<str>| {
            let is_in = |index: &usize| {
                members.get(*index).is_some_and(|member| member.topics.contains(topic))
            };
            order.iter().copied().filter(is_in).collect()
        };
        Self {
            members,
            subscribers: partitions
                .keys()
                .map(|topic| (Arc::clone(topic), subscribed(topic)))
                .collect(),
            held: vec![BTreeMap::new(); members.len()],
            loads: vec![0; members.len()],
        }
    }

    fn load(&self, member: usize) -> usize {
        self.loads.get(member).copied().unwrap_or_default()
    }

    fn give(&mut self, member: usize, (topic, number): &Place) {
        if let (Some(held), Some(load)) = (self.held.get_mut(member), self.loads.get_mut(member)) {
            held.entry(Arc::clone(topic)).or_default().insert(*number);
            *load += 1;
        }
    }

    /// Takes a partition of `topic` from `member`, preferably one that it did not own before.
    fn take(&mut self, member: usize, topic: &Arc<str>) -> Option<Place> {
        let claimed = &self.members.get(member)?.claimed;
        let held = self.held.get_mut(member)?;
        let numbers = held.get_mut(topic)?;
        let is_new = |number: &&i32| !claimed.contains(&(Arc::clone(topic), **number));
        let number = *numbers.iter().rev().find(is_new).or_else(|| numbers.last())?;
        numbers.remove(&number);
        if numbers.is_empty() {
            held.remove(topic);
        }
        *self.loads.get_mut(member)? -= 1;
        Some((Arc::clone(topic), number))
    }

    fn least_loaded(&self, topic: &Arc<str>) -> Option<usize> {
        self.subscribers.get(topic)?.iter().copied().min_by_key(|member| self.load(*member))
    }

    /// Moves partitions along one path from a member to one with at least two fewer. False if there
    /// is no such path.
    fn even_out(&mut self) -> bool {
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by_key(|member| Reverse(self.load(*member)));
        let lightest = self.loads.iter().copied().min().unwrap_or_default();
        for from in order {
            if self.load(from) < lightest + 2 {
                return false;
            }
            if let Some(path) = self.path(from) {
                for (giver, topic, taker) in path {
                    if let Some(place) = self.take(giver, &topic) {
                        self.give(taker, &place);
                    }
                }
                return true;
            }
        }
        false
    }

    /// The shortest path from `from` to a member with at least two fewer partitions: the moves as
    /// giver, topic and receiver, from the end of the path to its beginning.
    fn path(&self, from: usize) -> Option<Vec<(usize, Arc<str>, usize)>> {
        let enough = self.load(from).checked_sub(2)?;
        let mut reached: BTreeMap<usize, (usize, Arc<str>)> = BTreeMap::new();
        let mut spread: BTreeSet<&Arc<str>> = BTreeSet::new();
        let mut ring = vec![from];
        while !ring.is_empty() {
            let mut next = Vec::new();
            for giver in mem::take(&mut ring) {
                let topics = self.held.get(giver).into_iter().flat_map(BTreeMap::keys);
                for topic in topics {
                    // From a member with partitions of a topic, all its subscribers are reachable.
                    if !spread.insert(topic) {
                        continue;
                    }
                    for taker in self.subscribers.get(topic).into_iter().flatten() {
                        if *taker != from && !reached.contains_key(taker) {
                            reached.insert(*taker, (giver, Arc::clone(topic)));
                            next.push(*taker);
                        }
                    }
                }
            }
            let light = next.iter().copied().filter(|member| self.load(*member) <= enough);
            if let Some(end) = light.min_by_key(|member| self.load(*member)) {
                return Some(backwards(from, end, &reached));
            }
            ring = next;
        }
        None
    }

    fn into_shares(self) -> Shares {
        let shares = self.members.iter().zip(self.held).map(|(member, held)| {
            let places = held.into_iter().flat_map(|(topic, numbers)| {
                numbers.into_iter().map(move |number| (Arc::clone(&topic), number))
            });
            (member.id.clone(), places.collect())
        });
        shares.collect()
    }
}

fn backwards(
    from: usize,
    end: usize,
    reached: &BTreeMap<usize, (usize, Arc<str>)>,
) -> Vec<(usize, Arc<str>, usize)> {
    let mut path = Vec::new();
    let mut taker = end;
    while taker != from {
        let Some((giver, topic)) = reached.get(&taker) else { break };
        path.push((*giver, Arc::clone(topic), taker));
        taker = *giver;
    }
    path
}

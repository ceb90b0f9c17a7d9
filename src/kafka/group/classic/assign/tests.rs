use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn topics(partitions: &[(&str, i32)]) -> Partitions {
    partitions.iter().map(|(topic, count)| ((*topic).into(), (0..*count).collect())).collect()
}

fn member(id: &str, topics: &[&str]) -> Candidate {
    Candidate {
        id: id.to_owned(),
        instance: None,
        topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
        claimed: BTreeSet::new(),
        generation: -1,
    }
}

fn claiming(mut member: Candidate, topic: &str, numbers: &[i32], generation: i32) -> Candidate {
    member.claimed.extend(numbers.iter().map(|number| (topic.into(), *number)));
    member.generation = generation;
    member
}

fn numbers(shares: &Shares, id: &str) -> Vec<String> {
    shares[id].iter().map(|(topic, number)| format!("{topic}-{number}")).collect()
}

/// The example of Java's RangeAssignor: two topics of three partitions, two members.
#[test]
fn ranges_are_those_of_java() {
    let partitions = topics(&[("t0", 3), ("t1", 3)]);
    let members = [member("C1", &["t0", "t1"]), member("C0", &["t0", "t1"])];
    let shares = range::assign(&members, &partitions);
    assert_eq!(numbers(&shares, "C0"), ["t0-0", "t0-1", "t1-0", "t1-1"]);
    assert_eq!(numbers(&shares, "C1"), ["t0-2", "t1-2"]);
}

#[test]
fn static_members_come_first_in_ranges() {
    let partitions = topics(&[("t", 3)]);
    let of = |id: &str, instance: &str| Candidate {
        instance: Some(instance.to_owned()),
        ..member(id, &["t"])
    };
    let members = [member("a", &["t"]), of("c", "1"), of("b", "2")];
    let shares = range::assign(&members, &partitions);
    assert_eq!(numbers(&shares, "c"), ["t-0"]);
    assert_eq!(numbers(&shares, "b"), ["t-1"]);
    assert_eq!(numbers(&shares, "a"), ["t-2"]);
}

#[test]
fn a_partition_that_moves_is_revoked_first() {
    let partitions = topics(&[("t", 4)]);
    let one = claiming(member("one", &["t"]), "t", &[0, 1, 2, 3], 1);
    let shares = sticky::cooperative(&[one, member("two", &["t"])], &partitions);
    assert_eq!(numbers(&shares, "one"), ["t-0", "t-1"]);
    assert_eq!(numbers(&shares, "two"), [""; 0]);

    let one = claiming(member("one", &["t"]), "t", &[0, 1], 2);
    let two = claiming(member("two", &["t"]), "t", &[], 2);
    let shares = sticky::cooperative(&[one, two], &partitions);
    assert_eq!(numbers(&shares, "one"), ["t-0", "t-1"]);
    assert_eq!(numbers(&shares, "two"), ["t-2", "t-3"]);
}

#[test]
fn of_two_claims_the_newer_wins() {
    let partitions = topics(&[("t", 2)]);
    let old = claiming(member("old", &["t"]), "t", &[0, 1], 3);
    let new = claiming(member("new", &["t"]), "t", &[0], 4);
    let shares = sticky::cooperative(&[old, new], &partitions);
    assert_eq!(numbers(&shares, "old"), ["t-1"]);
    assert_eq!(numbers(&shares, "new"), ["t-0"]);
    // With the same generation, both revoke it.
    let one = claiming(member("one", &["t"]), "t", &[0], 4);
    let two = claiming(member("two", &["t"]), "t", &[0], 4);
    let shares = sticky::cooperative(&[one, two], &partitions);
    let all: Vec<_> = shares.values().flatten().map(|(_, number)| *number).collect();
    assert!(all.len() <= 2 && all.iter().filter(|number| **number == 0).count() <= 1, "{all:?}");
}

/// Only a chain of moves evens out the loads: `a` can give only to `b`, and `b` only to `c`.
#[test]
fn loads_even_out_along_chains() {
    let partitions = topics(&[("x", 2), ("y", 1)]);
    let a = claiming(member("a", &["x"]), "x", &[0, 1], 1);
    let b = claiming(member("b", &["x", "y"]), "y", &[0], 1);
    let c = member("c", &["y"]);
    let shares = sticky::sticky(&[a, b, c], &partitions);
    let loads: Vec<_> = shares.values().map(BTreeSet::len).collect();
    assert_eq!(loads, [1, 1, 1], "{shares:?}");
    assert_eq!(numbers(&shares, "c"), ["y-0"]);
}

/// A group: its topics' partitions, and for each member its topics, claims and generation.
fn group(
    most_members: usize,
    most_partitions: i32,
) -> impl Strategy<Value = (Partitions, Vec<Candidate>)> {
    let partitions = prop::collection::vec(0..=most_partitions, 3);
    let subscribed = prop::collection::vec(any::<bool>(), 3);
    let claimed = prop::collection::btree_set((0..3_usize, 0..=most_partitions), 0..6);
    let members = prop::collection::vec((subscribed, claimed, -1..3_i32), 1..=most_members);
    (partitions, members).prop_map(|(counts, members)| {
        const NAMES: [&str; 3] = ["x", "y", "z"];
        let partitions = NAMES.iter().zip(counts);
        let partitions = partitions.map(|(name, count)| (Arc::from(*name), (0..count).collect()));
        let members = members.into_iter().enumerate().map(|(index, (subscribed, claimed, age))| {
            let topics = NAMES.iter().zip(subscribed).filter(|(_, is_in)| *is_in);
            Candidate {
                id: format!("m{index:02}"),
                instance: None,
                topics: topics.map(|(name, _)| Arc::from(*name)).collect(),
                claimed: claimed
                    .into_iter()
                    .map(|(topic, number)| (NAMES[topic].into(), number))
                    .collect(),
                generation: age,
            }
        });
        (partitions.collect(), members.collect())
    })
}

/// The members after `shares`: all claim their partitions.
fn after(members: &[Candidate], shares: &Shares, generation: i32) -> Vec<Candidate> {
    let claim = |member: &Candidate| Candidate {
        claimed: shares[&member.id].clone(),
        generation,
        ..member.clone()
    };
    members.iter().map(claim).collect()
}

/// Checks that every partition with subscribers has exactly one owner, which subscribes to it.
fn complete(partitions: &Partitions, members: &[Candidate], shares: &Shares) {
    assert_eq!(shares.len(), members.len());
    let mut owners: BTreeMap<Place, usize> = BTreeMap::new();
    for member in members {
        for place in &shares[&member.id] {
            assert!(member.topics.contains(&place.0), "{} has {place:?}", member.id);
            *owners.entry(place.clone()).or_default() += 1;
        }
    }
    for (topic, numbers) in partitions {
        let wanted = members.iter().any(|member| member.topics.contains(topic));
        for number in numbers {
            let owners = owners.remove(&(Arc::clone(topic), *number)).unwrap_or(0);
            assert_eq!(owners, usize::from(wanted), "{topic}-{number}");
        }
    }
    assert!(owners.is_empty(), "partitions that do not exist: {owners:?}");
}

fn squares(loads: impl Iterator<Item = usize>) -> usize {
    loads.map(|load| load * load).sum()
}

/// Of all complete assignments: the least sum of squared loads, and the maximum number of claims
/// kept with it.
fn best(partitions: &Partitions, members: &[Candidate]) -> (usize, usize) {
    let places: Vec<Place> = partitions
        .iter()
        .flat_map(|(topic, numbers)| numbers.iter().map(move |n| (Arc::clone(topic), *n)))
        .filter(|(topic, _)| members.iter().any(|member| member.topics.contains(topic)))
        .collect();
    let mut loads = vec![0; members.len()];
    let mut best = (usize::MAX, 0);
    search(&places, members, &mut loads, 0, &mut best);
    best
}

fn search(
    places: &[Place],
    members: &[Candidate],
    loads: &mut [usize],
    kept: usize,
    best: &mut (usize, usize),
) {
    let Some((place, rest)) = places.split_first() else {
        let worth = squares(loads.iter().copied());
        if worth < best.0 || (worth == best.0 && kept > best.1) {
            *best = (worth, kept);
        }
        return;
    };
    for (index, member) in members.iter().enumerate() {
        if member.topics.contains(&place.0) {
            loads[index] += 1;
            let keeps = usize::from(member.claimed.contains(place));
            search(rest, members, loads, kept + keeps, best);
            loads[index] -= 1;
        }
    }
}

proptest! {
    #[test]
    fn each_partition_has_one_owner((partitions, members) in group(8, 12)) {
        complete(&partitions, &members, &sticky::sticky(&members, &partitions));
        complete(&partitions, &members, &range::assign(&members, &partitions));
    }

    #[test]
    fn loads_are_as_even_as_can_be((partitions, members) in group(3, 3)) {
        let shares = sticky::sticky(&members, &partitions);
        let loads = squares(shares.values().map(BTreeSet::len));
        prop_assert_eq!(loads, best(&partitions, &members).0);
    }

    #[test]
    fn equal_subscriptions_have_equal_shares((partitions, mut members) in group(8, 20)) {
        for member in &mut members {
            member.topics = partitions.keys().cloned().collect();
        }
        let shares = sticky::sticky(&members, &partitions);
        let least = shares.values().map(BTreeSet::len).min().unwrap();
        let most = shares.values().map(BTreeSet::len).max().unwrap();
        prop_assert!(most - least <= 1, "{:?}", shares);
    }

    /// With equal subscriptions and without conflicting claims, no balanced assignment moves less.
    #[test]
    fn no_more_moves_than_necessary((partitions, mut members) in group(3, 3)) {
        let mut taken = BTreeSet::new();
        for member in &mut members {
            member.topics = partitions.keys().cloned().collect();
            member.claimed.retain(|place| taken.insert(place.clone()));
        }
        let shares = sticky::sticky(&members, &partitions);
        let kept = members.iter().map(|m| m.claimed.intersection(&shares[&m.id]).count());
        prop_assert_eq!(kept.sum::<usize>(), best(&partitions, &members).1);
    }

    #[test]
    fn a_balanced_assignment_is_kept((partitions, members) in group(8, 12)) {
        let shares = sticky::sticky(&members, &partitions);
        let again = after(&members, &shares, 5);
        prop_assert_eq!(&sticky::cooperative(&again, &partitions), &shares);
    }

    /// No member is assigned a partition that another still owns, and rebalances end: after two
    /// with equal subscriptions.
    #[test]
    fn moved_partitions_are_unassigned_in_between((partitions, members) in group(8, 12), equal in any::<bool>()) {
        let mut members = members;
        if equal {
            for member in &mut members {
                member.topics = partitions.keys().cloned().collect();
            }
        }
        for generation in 5.. {
            let shares = sticky::cooperative(&members, &partitions);
            for member in &members {
                let gained = shares[&member.id].difference(&member.claimed).collect::<BTreeSet<_>>();
                for other in members.iter().filter(|other| other.id != member.id) {
                    prop_assert!(other.claimed.iter().all(|place| !gained.contains(place)));
                }
            }
            let claims = after(&members, &shares, generation);
            if generation > 5 && claims.iter().zip(&members).all(|(a, b)| a.claimed == b.claimed) {
                complete(&partitions, &members, &shares);
                break;
            }
            prop_assert!(generation < if equal { 7 } else { 10 }, "{:?}", shares);
            members = claims;
        }
    }

    /// In whatever order the broker lists them.
    #[test]
    fn the_order_of_members_does_not_matter((partitions, members) in group(6, 9)) {
        let reversed: Vec<_> = members.iter().rev().cloned().collect();
        prop_assert_eq!(
            range::assign(&members, &partitions),
            range::assign(&reversed, &partitions)
        );
        complete(&partitions, &members, &sticky::sticky(&reversed, &partitions));
    }
}

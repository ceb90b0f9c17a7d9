//! This instance as a member of Kafka's consumer group: which partitions it is given, and how far
//! they have come.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{Instant as TokioInstant, MissedTickBehavior, interval, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{debug, info, warn};

use super::{retry::Passing, topics::Wanted};
use crate::{
    kafka::{GroupError, GroupMember, NextOffset, TopicPartition},
    outage::Outage,
    store::{Store, StoreError},
    telemetry::Telemetry,
};

/// Brokers want to hear from their members every 5 seconds, and tell them no sooner of a change.
/// Partitions are shared out the sooner for beating faster.
const BEAT_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// How often the group is told how far its partitions have come.
const MIRROR_EVERY: Duration = Duration::from_secs(5);

/// How long leaving the group may take; then its session ends by itself.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// Takes part in a group.
pub(super) struct Membership {
    member: Arc<GroupMember>,
    session_timeout: Duration,
    /// What the group wants this instance to work.
    wanted: watch::Sender<Wanted>,
    /// What it works, or is about to.
    owned: watch::Receiver<Vec<TopicPartition>>,
    outage: Arc<Outage>,
    telemetry: Arc<Telemetry>,
    mirror: Mirror,
}

impl Membership {
    pub(super) fn new(
        member: GroupMember,
        session_timeout: Duration,
        (store, telemetry): (Store, Arc<Telemetry>),
        wanted: watch::Sender<Wanted>,
        owned: watch::Receiver<Vec<TopicPartition>>,
    ) -> Self {
        let member = Arc::new(member);
        let mirror = Mirror { member: Arc::clone(&member), store, mirrored: HashMap::new() };
        let outage = Arc::clone(&telemetry.group);
        Self { member, session_timeout, wanted, owned, outage, telemetry, mirror }
    }

    /// Joins, and stays until told to leave.
    ///
    /// # Errors
    /// What keeps it from joining for the first time and does not pass.
    pub(super) async fn take_part(mut self, leave: CancellationToken) -> Result<(), GroupError> {
        let mirroring =
            AbortOnDropHandle::new(tokio::spawn(self.mirror.clone().repeat(self.owned.clone())));
        let (mut joined, mut lost) = (false, false);
        let mut heard = Instant::now();
        let mut last_owned = Vec::new();
        loop {
            let owned = self.owned.borrow_and_update().clone();
            let mut every = BEAT_AT_LEAST_EVERY;
            // Others may have its partitions by now: it joins again when it has released them.
            lost = lost && !owned.is_empty();
            if !lost {
                let asked = Instant::now();
                match self.member.beat(&owned, (heard + self.session_timeout).into()).await {
                    Ok(beat) => {
                        // A rebalance that has only begun proves nothing.
                        if beat.joined {
                            self.outage.recovered(asked);
                        }
                        if beat.joined && !joined {
                            self.telemetry.begin(&beat.assigned);
                            let protocol = self.member.protocol();
                            info!(group = %self.member.group(), protocol, "joined the group");
                        }
                        joined |= beat.joined;
                        heard = asked;
                        every = every.min(beat.every);
                        self.want(beat.assigned.into_iter().collect());
                    }
                    Err(GroupError::Fenced) => {
                        self.warn("fenced: the group has gone on without this instance");
                        self.want(Wanted::new());
                        (lost, heard) = (true, Instant::now());
                        continue;
                    }
                    Err(error) if joined || error.passes() => {
                        self.outage.failed(error.severity(), &error);
                    }
                    Err(error) => return Err(error),
                }
            }
            if heard.elapsed() > self.session_timeout {
                if joined && !owned.is_empty() {
                    self.warn("fenced: the group was out of reach for kafka.session_timeout");
                }
                self.member.rejoin();
                self.want(Wanted::new());
                (lost, heard) = (true, Instant::now());
            }
            if !owned.is_empty() {
                last_owned = owned;
            }
            tokio::select! {
                () = leave.cancelled() => break,
                changed = self.owned.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(every) => {}
            }
        }
        drop(mirroring);
        let deadline = TokioInstant::now() + LEAVE_WITHIN;
        if timeout_at(deadline, self.mirror.once(&last_owned)).await.is_err() {
            debug!("no time to tell the group how far its partitions have come");
        }
        match timeout_at(deadline, self.member.leave(deadline)).await {
            Ok(Ok(())) => info!(group = %self.member.group(), "left the group"),
            Ok(Err(error)) => debug!(%error, "could not leave the group"),
            Err(_) => debug!("no time to leave the group"),
        }
        Ok(())
    }

    fn want(&self, wanted: Wanted) {
        self.wanted.send_if_modified(|before| {
            let changed = *before != wanted;
            *before = wanted;
            changed
        });
    }

    fn warn(&self, why: &str) {
        warn!(group = %self.member.group(), "{why}: releasing its partitions, then joining again");
    }
}

/// Tells the group how far its partitions have come, for Kafka's own tools and for lag exporters.
/// Nobody here reads it.
#[derive(Clone)]
struct Mirror {
    member: Arc<GroupMember>,
    store: Store,
    mirrored: HashMap<TopicPartition, NextOffset>,
}

impl Mirror {
    async fn repeat(mut self, owned: watch::Receiver<Vec<TopicPartition>>) {
        let mut tick = interval(MIRROR_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let owned = owned.borrow().clone();
            self.once(&owned).await;
        }
    }

    /// What fails is told again the next time, and by whoever it hinders.
    async fn once(&mut self, owned: &[TopicPartition]) {
        self.mirrored.retain(|partition, _| owned.contains(partition));
        match self.moved(owned).await {
            Ok(moved) if moved.is_empty() => {}
            Ok(moved) => match self.member.commit(&moved).await {
                Ok(()) => self.mirrored.extend(moved),
                Err(error) => debug!(%error, "could not tell how far partitions have come"),
            },
            Err(error) => debug!(%error, "could not read how far partitions have come"),
        }
    }

    /// Those of `owned` that have come further than the group knows.
    async fn moved(
        &self,
        owned: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, NextOffset)>, StoreError> {
        let topics: BTreeSet<_> =
            owned.iter().map(|partition| Arc::clone(&partition.topic)).collect();
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.store.partitions(&Vec::from_iter(topics)).await?;
        let moved = rows.into_iter().filter(|row| {
            owned.contains(&row.partition)
                && self.mirrored.get(&row.partition) != Some(&row.next_offset)
        });
        let moved: Vec<_> = moved.map(|row| row.partition).collect();
        // What a crash of PostgreSQL can still take back is not told to others.
        let rows = self.store.make_durable(&moved).await?;
        Ok(rows.into_iter().map(|row| (row.partition, row.next_offset)).collect())
    }
}

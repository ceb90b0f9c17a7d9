//! This instance's membership in a consumer group: its assignment, and its committed offsets.

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

/// Brokers expect a heartbeat every 5 seconds, and report changes only in responses to heartbeats.
/// More frequent heartbeats make rebalances faster.
const BEAT_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// How often offsets are committed to the group.
const MIRROR_EVERY: Duration = Duration::from_secs(5);

/// How long leaving the group may take; after that, its session times out.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// Takes part in a consumer group.
pub(super) struct Membership {
    member: Arc<GroupMember>,
    session_timeout: Duration,
    /// The partitions assigned to this instance.
    wanted: watch::Sender<Wanted>,
    /// The partitions that it processes, or is about to.
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

    /// Joins the group, and stays until told to leave.
    ///
    /// # Errors
    /// Non-transient errors of joining for the first time.
    pub(super) async fn take_part(mut self, leave: CancellationToken) -> Result<(), GroupError> {
        let mirroring =
            AbortOnDropHandle::new(tokio::spawn(self.mirror.clone().repeat(self.owned.clone())));
        let (mut joined, mut lost) = (false, false);
        let mut heard = Instant::now();
        let mut last_owned = Vec::new();
        loop {
            let owned = self.owned.borrow_and_update().clone();
            let mut every = BEAT_AT_LEAST_EVERY;
            // Other members may own its partitions now: it rejoins after releasing them.
            lost = lost && !owned.is_empty();
            if !lost {
                let asked = Instant::now();
                match self.member.beat(&owned, (heard + self.session_timeout).into()).await {
                    Ok(beat) => {
                        // A rebalance in progress does not end an outage.
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
                        self.warn("fenced: the group has removed this instance");
                        self.want(Wanted::new());
                        (lost, heard) = (true, Instant::now());
                    }
                    Err(error) if joined || error.passes() => {
                        self.outage.failed(error.severity(), &error);
                    }
                    Err(error) => return Err(error),
                }
            }
            if heard.elapsed() > self.session_timeout {
                if joined && !owned.is_empty() {
                    self.warn(
                        "fenced: the group coordinator was unreachable for \
                               kafka.session_timeout",
                    );
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
            debug!("no time left to commit offsets to the group");
        }
        match timeout_at(deadline, self.member.leave(deadline)).await {
            Ok(Ok(())) => info!(group = %self.member.group(), "left the group"),
            Ok(Err(error)) => debug!(%error, "cannot leave the group"),
            Err(_) => debug!("no time left to leave the group"),
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
        warn!(group = %self.member.group(), "{why}: revoking its partitions, then rejoining");
    }
}

/// Commits offsets to the group for Kafka's tools and lag exporters. vendas does not read them.
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

    /// Failures are retried the next time; the code that needs the server reports an outage.
    async fn once(&mut self, owned: &[TopicPartition]) {
        self.mirrored.retain(|partition, _| owned.contains(partition));
        match self.moved(owned).await {
            Ok(moved) if moved.is_empty() => {}
            Ok(moved) => match self.member.commit(&moved).await {
                Ok(()) => self.mirrored.extend(moved),
                Err(error) => debug!(%error, "cannot commit offsets to the group"),
            },
            Err(error) => debug!(%error, "cannot read the partitions' next offsets"),
        }
    }

    /// The partitions of `owned` whose offsets differ from those last committed to the group.
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
        // Only durable offsets are committed: a crash of PostgreSQL could revert the others.
        let rows = self.store.make_durable(&moved).await?;
        Ok(rows.into_iter().map(|row| (row.partition, row.next_offset)).collect())
    }
}

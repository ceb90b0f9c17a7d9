//! A member of a consumer group by the classic protocol, which all broker versions support: the
//! members join, the leader assigns partitions to all, and heartbeat responses request a rejoin.
//!
//! A rebalance runs in a separate task (`join`), so that a member continues to process the partitions
//! that it keeps. `assign` has the assignors, for when this member is the leader.

mod assign;
mod join;
pub(super) mod protocol;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kafka_protocol::{
    ResponseError,
    messages::{
        HeartbeatRequest, LeaveGroupRequest, LeaveGroupResponse,
        leave_group_request::MemberIdentity,
    },
    protocol::StrBytes,
};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;
use uuid::Uuid;

pub use assign::Assignor;

use assign::Place;
use join::{Membership, Outcome, Ticket, join, partitions};

use crate::kafka::{
    group::{
        Beat, GroupError, GroupSettings,
        coordinator::Coordinator,
        group_id,
        subscription::{Subscription, TOPICS_EVERY},
    },
    log::record::TopicPartition,
};

/// How often a running rebalance is polled.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// The heartbeat interval during a rebalance.
const BEAT_DURING_REBALANCE_EVERY: Duration = Duration::from_secs(1);

/// No generation.
const NO_GENERATION: i32 = -1;

/// One instance in a classic group.
pub(super) struct Classic {
    coordinator: Arc<Coordinator>,
    settings: Arc<GroupSettings>,
    subscription: Arc<Subscription>,
    /// The member id from the first join; kept until the broker does not know it.
    id: Arc<Mutex<StrBytes>>,
    state: Mutex<State>,
}

struct State {
    /// `None` until the first join has ended, and after this member was fenced.
    membership: Option<Membership>,
    joining: Option<AbortOnDropHandle<Result<Outcome, GroupError>>>,
    due: Due,
    beaten: Instant,
    looked: Instant,
}

/// When this member has to rejoin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    No,
    /// After it has released the revoked partitions.
    WhenReleased,
    /// Immediately; if the assignor is not cooperative, after it has released all partitions.
    Now,
}

impl State {
    fn new() -> Self {
        let now = Instant::now();
        Self { membership: None, joining: None, due: Due::Now, beaten: now, looked: now }
    }

    fn assigned(&self) -> BTreeSet<Place> {
        self.membership.as_ref().map(|membership| membership.assigned.clone()).unwrap_or_default()
    }
}

impl Classic {
    pub(super) fn new(
        coordinator: Arc<Coordinator>,
        settings: Arc<GroupSettings>,
        subscription: Arc<Subscription>,
    ) -> Self {
        let state = Mutex::new(State::new());
        Self { coordinator, settings, subscription, id: Arc::default(), state }
    }

    /// As [`GroupMember::beat`](super::GroupMember::beat). Never waits for a rebalance: until it
    /// has ended, a cooperative member keeps its partitions.
    pub(super) async fn beat(
        &self,
        owned: &[TopicPartition],
        deadline: Instant,
    ) -> Result<Beat, GroupError> {
        let beaten = self.beat_once(owned, deadline).await;
        if let Err(GroupError::Fenced) = beaten {
            self.rejoin();
        }
        beaten
    }

    async fn beat_once(
        &self,
        owned: &[TopicPartition],
        deadline: Instant,
    ) -> Result<Beat, GroupError> {
        self.note_join().await?;
        self.heartbeat(deadline).await?;
        self.check_topics().await;
        let owned = owned.iter().map(|owned| (Arc::clone(&owned.topic), owned.partition)).collect();
        let (assigned, every, joined) = {
            let mut state = self.state();
            self.join_if_due(&mut state, &owned);
            let every = match state.joining {
                Some(_) => POLL_EVERY,
                // Three heartbeats per session timeout, as recommended for Java clients.
                None => self.settings.session_timeout / 3,
            };
            (state.assigned(), every, state.membership.is_some())
        };
        Ok(Beat { every, assigned: self.identified(assigned).await?, joined })
    }

    /// Applies the result of a rebalance, if it has ended.
    async fn note_join(&self) -> Result<(), GroupError> {
        let ended = {
            let mut state = self.state();
            state.joining.take_if(|joining| joining.is_finished())
        };
        let Some(ended) = ended else { return Ok(()) };
        let failed = |error| self.coordinator.cluster.unreachable(format!("joining: {error}"));
        match ended.await.map_err(failed)?? {
            Outcome::Again => {}
            Outcome::Joined(membership) => {
                debug!(
                    group = %self.coordinator.group,
                    generation = membership.generation,
                    assignor = membership.assignor.name(),
                    leader = membership.led.is_some(),
                    partitions = membership.assigned.len(),
                    "rebalanced"
                );
                let mut state = self.state();
                state.due = if membership.gives_up { Due::WhenReleased } else { Due::No };
                state.beaten = Instant::now();
                state.membership = Some(membership);
            }
        }
        Ok(())
    }

    async fn heartbeat(&self, deadline: Instant) -> Result<(), GroupError> {
        let Some((member_id, generation)) = self.identity() else { return Ok(()) };
        {
            let state = self.state();
            let again_at = state.beaten + BEAT_DURING_REBALANCE_EVERY;
            if state.joining.is_some() && Instant::now() < again_at {
                return Ok(());
            }
        }
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&self.coordinator.group))
            .with_member_id(member_id)
            .with_generation_id(generation);
        let is_own = |code: i16| {
            matches!(
                ResponseError::try_from_code(code),
                Some(
                    ResponseError::RebalanceInProgress
                        | ResponseError::IllegalGeneration
                        | ResponseError::UnknownMemberId
                )
            )
        };
        let others = |code: i16| if is_own(code) { 0 } else { code };
        let response =
            self.coordinator.ask(request, deadline, |response| others(response.error_code)).await?;
        let mut state = self.state();
        state.beaten = Instant::now();
        match ResponseError::try_from_code(response.error_code) {
            Some(ResponseError::RebalanceInProgress) => state.due = Due::Now,
            // The rebalance has ended, and its response is on the way.
            Some(ResponseError::IllegalGeneration) if state.joining.is_some() => {}
            Some(ResponseError::UnknownMemberId) => {
                drop(state);
                self.set_id(StrBytes::default());
                return Err(GroupError::Fenced);
            }
            Some(_) => return Err(GroupError::Fenced),
            None => {}
        }
        Ok(())
    }

    /// The leader rejoins for new partitions. All members check whether a topic was recreated,
    /// which the group protocol does not report.
    async fn check_topics(&self) {
        let led = {
            let mut state = self.state();
            let Some(membership) = &state.membership else { return };
            let led = membership.led.clone();
            if state.looked.elapsed() < TOPICS_EVERY || state.joining.is_some() {
                return;
            }
            state.looked = Instant::now();
            led
        };
        let cluster = &self.coordinator.cluster;
        for name in &*self.subscription.topics() {
            let stale = match cluster.topic(name, None).await {
                Ok(known) => known.generation,
                Err(_) => return,
            };
            if let Err(error) = cluster.topic(name, Some(stale)).await {
                debug!(%error, "cannot check the group's topics");
                return;
            }
        }
        let Some(led) = led else { return };
        let now = partitions(cluster, led.keys().cloned().collect()).await;
        if now.is_ok_and(|now| now != led) {
            self.state().due = Due::Now;
        }
    }

    fn join_if_due(&self, state: &mut State, owned: &BTreeSet<Place>) {
        if state.joining.is_some() {
            return;
        }
        let (claimed, generation) = match &mut state.membership {
            None => (BTreeSet::new(), NO_GENERATION),
            Some(membership) => {
                if membership.subscribed != self.subscription.topics() {
                    state.due = Due::Now;
                }
                match state.due {
                    Due::No => return,
                    Due::WhenReleased if !owned.is_subset(&membership.assigned) => return,
                    Due::WhenReleased | Due::Now => {}
                }
                if !membership.assignor.is_cooperative() {
                    membership.assigned.clear();
                    if !owned.is_empty() {
                        return;
                    }
                }
                // Including partitions that it is about to start, and revoked ones not yet released.
                let claimed = membership.assigned.union(owned).cloned().collect();
                (claimed, membership.generation)
            }
        };
        let ticket = Ticket {
            coordinator: Arc::clone(&self.coordinator),
            settings: Arc::clone(&self.settings),
            topics: self.subscription.topics(),
            id: Arc::clone(&self.id),
            claimed,
            generation,
        };
        state.due = Due::Now;
        state.joining = Some(AbortOnDropHandle::new(tokio::spawn(join(ticket))));
    }

    pub(super) fn rejoin(&self) {
        *self.state() = State::new();
    }

    pub(super) async fn leave(&self, deadline: Instant) -> Result<(), GroupError> {
        self.rejoin();
        let member_id = self.id();
        if member_id.is_empty() {
            return Ok(());
        }
        self.set_id(StrBytes::default());
        let request = LeaveGroupRequest::default()
            .with_group_id(group_id(&self.coordinator.group))
            .with_members(vec![MemberIdentity::default().with_member_id(member_id)]);
        let code = |response: &LeaveGroupResponse| {
            let members = response.members.iter().map(|member| member.error_code);
            members.chain([response.error_code]).find(|code| *code != 0).unwrap_or(0)
        };
        self.coordinator.ask(request, deadline, code).await.map(drop)
    }

    /// The member id and the generation; `None` if it is not a member.
    pub(super) fn identity(&self) -> Option<(StrBytes, i32)> {
        let generation = self.state().membership.as_ref()?.generation;
        Some((self.id(), generation))
    }

    /// The partitions with topic ids. Partitions of topics that are not in the metadata are omitted
    /// until the next beat.
    async fn identified(
        &self,
        assigned: BTreeSet<Place>,
    ) -> Result<Vec<TopicPartition>, GroupError> {
        let subscribed = self.subscription.topics();
        let mut ids: BTreeMap<Arc<str>, Option<Uuid>> = BTreeMap::new();
        for (name, _) in &assigned {
            if ids.contains_key(name) || !subscribed.contains(name) {
                continue;
            }
            let known = self.coordinator.cluster.topic(name, None).await?;
            ids.insert(Arc::clone(name), known.topic.map(|topic| topic.id));
        }
        let identified = assigned.into_iter().filter_map(|(topic, partition)| {
            let topic_id = (*ids.get(&topic)?)?;
            Some(TopicPartition { topic, partition, topic_id })
        });
        Ok(identified.collect())
    }

    fn id(&self) -> StrBytes {
        self.id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_id(&self, id: StrBytes) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

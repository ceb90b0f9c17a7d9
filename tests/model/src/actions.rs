//! Everything that can happen next.

use crate::{
    model::World,
    rules::FirstTry,
    state::{InFlight, Kind, Phase, Progress, State, Statement, Worker},
};

/// A connection: a worker's, or one that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The one of the worker at this index.
    Worker(usize),
    /// The one of [`State::strays`] at this index.
    Stray(usize),
}

/// What happens. Workers are numbered as they are sorted in the state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An instance starts, and reads the row.
    Start(usize),
    /// A worker sends a commit of so many of its pending batches, and so many records that follow.
    Send {
        /// Which worker.
        worker: usize,
        /// How many pending batches.
        pending: usize,
        /// How many records more.
        fresh: u8,
        /// How it is tried.
        kind: Kind,
    },
    /// PostgreSQL begins with a statement: takes its snapshot.
    Begin(Connection, usize),
    /// PostgreSQL executes a statement.
    Execute(Connection, usize),
    /// A worker gets an answer.
    Answer(usize, usize),
    /// A worker in doubt reads the row.
    ReadRow(usize),
    /// A worker has committed everything: makes it durable, and says so if it is still there.
    Finish(usize),
    /// PostgreSQL flushes its log by itself.
    Flush,
    /// A worker's connection breaks, or it gives up waiting.
    Lose(usize),
    /// An instance is killed.
    Kill(usize),
    /// PostgreSQL crashes, and comes up with what was durable.
    Crash,
    /// An operator sets the offset.
    Reset(u8),
    /// The topic is deleted and created again, and an operator sets the offset to its start.
    Renew,
}

impl World {
    /// What workers can do, and PostgreSQL with what they sent.
    pub(crate) fn of_workers(&self, state: &State, actions: &mut Vec<Action>) {
        let unfinished = state.now.next < self.end(state.now.topic);
        for (index, worker) in state.workers.iter().enumerate() {
            let end = self.end(worker.topic);
            match worker.phase {
                Phase::Down => actions.push(Action::Start(index)),
                Phase::Exited | Phase::Halted if unfinished => actions.push(Action::Start(index)),
                Phase::InDoubt => actions.push(Action::ReadRow(index)),
                _ => {}
            }
            if worker.may_send(self.depth, end) {
                self.sends(index, worker, end, actions);
            }
            let idle = worker.sent.is_empty() && worker.pending.is_empty();
            if worker.phase == Phase::Working && idle && worker.read == end {
                actions.push(Action::Finish(index));
            }
            let answers = 0..worker.sent.len();
            let answers = answers.filter(|answer| worker.may_take_answer(&self.rules, *answer));
            actions.extend(answers.map(|answer| Action::Answer(index, answer)));
            self.of_statements(Connection::Worker(index), &worker.sent, actions);
        }
    }

    fn sends(&self, index: usize, worker: &Worker, end: u8, actions: &mut Vec<Action>) {
        for choice in worker.choices(&self.rules, end) {
            let kinds: &[Kind] = match self.rules.first {
                _ if worker.upserts > 0 => &[Kind::Full],
                FirstTry::Either => &[Kind::Insert, Kind::Full],
                FirstTry::Insert { .. } => &[Kind::Insert],
                FirstTry::Sales => {
                    let batch = worker.clone().take(choice);
                    let only = batch.is_some_and(|it| self.executor(worker.topic).only_sales(it));
                    if only { &[Kind::Sales] } else { &[Kind::Full] }
                }
            };
            let (pending, fresh) = choice;
            actions.extend(kinds.iter().map(|kind| {
                let kind = *kind;
                Action::Send { worker: index, pending, fresh, kind }
            }));
        }
    }

    /// What PostgreSQL can do with statements of abandoned connections.
    pub(crate) fn of_strays(&self, state: &State, actions: &mut Vec<Action>) {
        for (index, stray) in state.strays.iter().enumerate() {
            self.of_statements(Connection::Stray(index), &stray.sent, actions);
        }
    }

    fn of_statements(&self, connection: Connection, sent: &InFlight, actions: &mut Vec<Action>) {
        let waits = |statement: &&Statement| !matches!(statement.progress, Progress::Done(_));
        let next = sent.iter().filter(waits).map(|statement| statement.place).min();
        for (index, statement) in sent.iter().enumerate().filter(|(_, sent)| waits(sent)) {
            if self.rules.in_order && Some(statement.place) != next {
                continue;
            }
            let begins = self.snapshots && statement.progress == Progress::Sent;
            actions.push(match begins {
                true => Action::Begin(connection, index),
                false => Action::Execute(connection, index),
            });
        }
    }

    /// What can go wrong, and what PostgreSQL does by itself.
    pub(crate) fn of_fate(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now != state.durable {
            actions.push(Action::Flush);
        }
        let left = &state.left;
        if left.all == 0 {
            return;
        }
        for (index, worker) in state.workers.iter().enumerate() {
            if left.lost > 0 && !worker.sent.is_empty() {
                actions.push(Action::Lose(index));
            }
            let runs = !matches!(worker.phase, Phase::Down | Phase::Exited | Phase::Halted);
            if left.killed > 0 && runs {
                actions.push(Action::Kill(index));
            }
        }
        if left.crashes > 0 {
            actions.push(Action::Crash);
        }
        let begun =
            |sent: &InFlight| sent.iter().any(|sent| matches!(sent.progress, Progress::Begun(_)));
        let waits = self.rules.reset_waits
            && (state.workers.iter().any(|worker| begun(&worker.sent))
                || state.strays.iter().any(|stray| begun(&stray.sent)));
        if left.resets > 0 && !waits {
            let targets = (0..=self.end(state.now.topic)).filter(|to| *to != state.now.next);
            actions.extend(targets.map(Action::Reset));
        }
        if left.renewed > 0 && !waits && !self.log(1).is_empty() {
            actions.push(Action::Renew);
        }
    }
}

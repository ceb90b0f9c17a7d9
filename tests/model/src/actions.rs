//! All possible next actions.

use crate::{
    model::World,
    rules::FirstTry,
    state::{InFlight, Kind, Phase, Progress, State, Statement, Worker},
};

/// A connection: of a worker, or an abandoned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The connection of the worker at this index.
    Worker(usize),
    /// The connection of [`State::strays`] at this index.
    Stray(usize),
}

/// An action. Workers are numbered as sorted in the state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An instance starts, and reads the row.
    Start(usize),
    /// A worker sends a commit of this number of pending batches, and this number of records after
    /// them.
    Send {
        /// Which worker.
        worker: usize,
        /// The number of pending batches.
        pending: usize,
        /// The number of additional records.
        fresh: u8,
        /// The kind of statement.
        kind: Kind,
    },
    /// PostgreSQL starts a statement: takes its snapshot.
    Begin(Connection, usize),
    /// PostgreSQL executes a statement.
    Execute(Connection, usize),
    /// A worker receives an answer.
    Answer(usize, usize),
    /// A worker without a known offset reads the row.
    ReadRow(usize),
    /// A worker has committed everything: makes it durable, and reports it if it is still there.
    Finish(usize),
    /// PostgreSQL flushes its log.
    Flush,
    /// The connection of a worker breaks, or the worker stops waiting.
    Lose(usize),
    /// An instance is killed.
    Kill(usize),
    /// PostgreSQL crashes, and restarts with the durable state.
    Crash,
    /// An operator sets the offset.
    Reset(u8),
    /// The topic is deleted and recreated, and an operator sets the offset to its start.
    Renew,
}

impl World {
    /// The actions of workers, and of PostgreSQL with their statements.
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

    /// The actions of PostgreSQL with statements of abandoned connections.
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

    /// Faults, and PostgreSQL's own actions.
    pub(crate) fn of_faults(&self, state: &State, actions: &mut Vec<Action>) {
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

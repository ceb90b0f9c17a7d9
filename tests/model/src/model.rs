//! A world, and its state after each action.

use arrayvec::ArrayVec;
use stateright::{Model, Property};

use crate::{
    actions::{Action, Connection},
    property,
    records::{Log, Rows, bit},
    rules::Rules,
    state::{Database, Faults, Phase, Progress, Since, State, Statement, Stray, Worker},
    statement::Executor,
};

/// A world, and the rules of its instances.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The rules of the instances and their statements.
    pub rules: Rules,
    /// The records of the topic, and of the recreated one.
    pub logs: [Log; 2],
    /// The number of instances: 1 or 2.
    pub instances: usize,
    /// The maximum number of statements in flight per worker: up to [`DEPTH`](crate::DEPTH).
    pub depth: usize,
    /// The faults that may occur.
    pub faults: Faults,
    /// Whether time passes between a statement's snapshot and its effect.
    pub snapshots: bool,
}

impl World {
    pub(crate) fn log(&self, topic: u8) -> Log {
        self.logs.get(usize::from(topic)).copied().unwrap_or_default()
    }

    /// The offset after the topic's last record.
    pub(crate) fn end(&self, topic: u8) -> u8 {
        u8::try_from(self.log(topic).len()).unwrap_or(u8::MAX)
    }

    pub(crate) fn executor(&self, topic: u8) -> Executor<'_> {
        Executor { rules: &self.rules, topic, log: self.log(topic) }
    }

    fn execute(&self, state: &mut State, connection: Connection, index: usize, begin: bool) {
        let (topic, sent) = match connection {
            Connection::Worker(worker) => {
                let worker = &mut state.workers[worker];
                (worker.topic, &mut worker.sent)
            }
            Connection::Stray(stray) => {
                let stray = &mut state.strays[stray];
                (stray.topic, &mut stray.sent)
            }
        };
        let executor = self.executor(topic);
        let statement = sent[index];
        sent[index].progress = match begin {
            true => Progress::Begun(executor.snapshot(&state.now, &statement)),
            false => executor.execute(&mut state.now, &statement),
        };
        let answered = matches!(sent[index].progress, Progress::Done(_));
        if answered && matches!(connection, Connection::Stray(_)) {
            // No worker waits for the answer.
            sent.remove(index);
        }
    }

    fn finish(&self, state: &mut State, index: usize) {
        if self.rules.durable_first {
            state.durable = state.now;
        }
        let Database { topic, next, .. } = state.now;
        let worker = &mut state.workers[index];
        let end = self.end(worker.topic);
        let next = if self.rules.tell_row { next } else { end };
        if topic != worker.topic && self.rules.check_topic {
            *worker = Worker::new(Phase::Halted, worker.topic, 0);
        } else if next < end {
            *worker = Worker { read: next, ..worker.clone() };
        } else {
            *worker = Worker::new(Phase::Exited, worker.topic, 0);
            state.told = state.told.max(next);
        }
    }

    /// Breaks a worker's connection; the statements that it sent may still be executed.
    fn lose(&self, state: &mut State, index: usize) {
        let worker = &mut state.workers[index];
        let (topic, sent) = (worker.topic, worker.lose(&self.rules));
        if !sent.is_empty() {
            state.strays.push(Stray { topic, sent });
        }
    }

    /// An operator sets the offset: the expected tables are computed from here on.
    fn set(&self, state: &mut State, topic: u8, offset: u8) {
        let now = &mut state.now;
        let offsets = |topic| (0..self.end(topic)).map(move |offset| (offset, bit(topic, offset)));
        for (at, bit) in offsets(now.topic) {
            // No records of another topic, and none before the offset, are expected.
            if topic != now.topic || at < offset {
                now.accounted |= bit;
            } else {
                now.accounted &= !bit;
            }
        }
        (now.topic, now.next) = (topic, offset);
        state.durable = *now;
        state.since = Since { offset, rows: now.rows, letters: now.letters };
        state.told = if topic == 0 { state.told.min(offset) } else { 0 };
    }

    /// Normalizes states that differ only in irrelevant details.
    fn settle(&self, state: &mut State) {
        let left = &mut state.left;
        if left.all == 0 {
            *left = Faults { all: 0, lost: 0, killed: 0, crashes: 0, resets: 0, renewed: 0 };
        }
        if left.crashes == 0 {
            // No commit can be lost any more.
            state.durable = state.now;
        }
        let compared = self.rules.compare_offset && self.rules.compare_offset_behind;
        if compared && left.crashes == 0 && left.resets == 0 {
            // If the offset only moves forward, these never match it.
            let next = state.now.next;
            let may_land =
                |sent: &Statement| sent.batch.from >= next || sent.progress == Progress::Half;
            for stray in &mut state.strays {
                stray.sent.retain(|sent| may_land(sent));
            }
        }
        state.strays.retain(|stray| !stray.sent.is_empty());
        state.strays.sort_unstable();
        state.workers.sort_unstable();
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let rows = Rows::default();
        let now = Database { topic: 0, next: 0, rows, letters: 0, accounted: 0, twice: false };
        let workers = (0..self.instances).map(|_| Worker::new(Phase::Down, 0, 0)).collect();
        let since = Since { offset: 0, rows, letters: 0 };
        let (durable, strays, left) = (now, ArrayVec::new(), self.faults);
        vec![State { now, durable, since, told: 0, workers, strays, left }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.of_workers(state, actions);
        self.of_strays(state, actions);
        self.of_faults(state, actions);
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        let Database { topic, next, .. } = state.now;
        let rules = &self.rules;
        match action {
            Action::Start(index) => {
                state.workers[index] = Worker::new(Phase::Working, topic, next);
            }
            Action::Send { worker, pending, fresh, kind } => {
                let worker = &mut state.workers[worker];
                let batch = worker.take((pending, fresh))?;
                worker.send(rules, batch, kind);
                worker.upserts = worker.upserts.saturating_sub(1);
            }
            Action::Begin(connection, index) => self.execute(&mut state, connection, index, true),
            Action::Execute(connection, index) => {
                self.execute(&mut state, connection, index, false);
            }
            Action::Answer(worker, index) => state.workers[worker].take_answer(rules, index),
            Action::ReadRow(index) => state.workers[index].read_row(rules, (topic, next)),
            Action::Finish(index) => self.finish(&mut state, index),
            Action::Flush => state.durable = state.now,
            Action::Lose(index) => {
                state.left.lost -= 1;
                self.lose(&mut state, index);
            }
            Action::Kill(index) => {
                state.left.killed -= 1;
                self.lose(&mut state, index);
                state.workers[index] = Worker::new(Phase::Down, 0, 0);
            }
            Action::Crash => {
                state.left.crashes -= 1;
                state.now = state.durable;
                for index in 0..state.workers.len() {
                    if !state.workers[index].sent.is_empty() {
                        self.lose(&mut state, index);
                    }
                }
            }
            Action::Reset(offset) => {
                state.left.resets -= 1;
                self.set(&mut state, topic, offset);
            }
            Action::Renew => {
                state.left.renewed -= 1;
                self.set(&mut state, 1, 0);
            }
        }
        if matches!(
            action,
            Action::Lose(_) | Action::Kill(_) | Action::Crash | Action::Reset(_) | Action::Renew
        ) {
            state.left.all -= 1;
        }
        self.settle(&mut state);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::all()
    }
}

//! The actions of a worker: after answers, broken connections, and reading its row.

use arrayvec::ArrayVec;

use crate::{
    rules::{AfterDoubt, Again, FirstTry, OnDuplicate, Rules},
    state::{Answer, Batch, InFlight, Kind, Phase, Progress, Remedy, Statement, Worker},
};

impl Worker {
    /// Whether it can send another statement.
    pub(crate) fn may_send(&self, depth: usize, end: u8) -> bool {
        self.phase == Phase::Working
            && self.sent.len() < depth
            && self.sent.iter().all(|sent| sent.kind != Kind::Halves)
            && (!self.pending.is_empty() || self.read < end)
    }

    /// The possible next commits: numbers of pending batches, and of records after them.
    pub(crate) fn choices(&self, rules: &Rules, end: u8) -> Vec<(usize, u8)> {
        let mut choices = Vec::new();
        if !rules.merge {
            if self.pending.is_empty() {
                let most = rules.batch.min(end - self.read);
                choices.extend((1..=most).map(|fresh| (0, fresh)));
            } else {
                choices.push((1, 0));
            }
            return choices;
        }
        for count in 0..=self.pending.len() {
            let joined = |(one, next): (&Batch, &Batch)| !rules.adjoining || one.to == next.from;
            let taken = &self.pending[..count];
            if !taken.iter().zip(taken.iter().skip(1)).all(joined) {
                break;
            }
            if count > 0 {
                choices.push((count, 0));
            }
            let reaches = taken.last().is_none_or(|last| !rules.adjoining || last.to == self.read);
            if count == self.pending.len() && reaches {
                choices.extend((1..=end - self.read).map(|fresh| (count, fresh)));
            }
        }
        choices
    }

    /// Takes the chosen records as one batch.
    pub(crate) fn take(&mut self, (count, fresh): (usize, u8)) -> Option<Batch> {
        let pending = self.pending.drain(..count).reduce(Batch::and);
        let read = self.read;
        let fresh = (fresh > 0).then(|| Batch::whole(read, read + fresh));
        self.read += fresh.map_or(0, |fresh| fresh.to - fresh.from);
        match (pending, fresh) {
            (Some(pending), Some(fresh)) => Some(pending.and(fresh)),
            (one, other) => one.or(other),
        }
    }

    /// Sends a statement after those in flight.
    pub(crate) fn send(&mut self, rules: &Rules, batch: Batch, kind: Kind) {
        let place = self.sent.iter().map(|sent| sent.place + 1).max().unwrap_or(0);
        let behind = !rules.compare_offset_behind && place > 0;
        self.sent.push(Statement { batch, kind, place, behind, progress: Progress::Sent });
    }

    /// Whether the answer of this statement may be processed: in the order of the spans, except for
    /// commits that are repeated at once.
    pub(crate) fn may_take_answer(&self, rules: &Rules, index: usize) -> bool {
        match self.sent[index].progress {
            Progress::Done(answer) => index == 0 || tries_again(rules, &self.sent[index], answer),
            _ => false,
        }
    }

    /// Processes the answer of a statement.
    pub(crate) fn take_answer(&mut self, rules: &Rules, index: usize) {
        let statement = self.sent[index];
        let Progress::Done(answer) = statement.progress else { return };
        if tries_again(rules, &statement, answer) {
            let place = self.sent.iter().map(|sent| sent.place + 1).max().unwrap_or(0);
            let sent = Statement { kind: Kind::Full, place, progress: Progress::Sent, ..statement };
            self.sent[index] = sent;
            if rules.first != FirstTry::Sales {
                self.had_to_upsert(rules);
            }
            rank(&mut self.sent);
            return;
        }
        self.sent.remove(index);
        rank(&mut self.sent);
        let remedy = match answer {
            Answer::Moved => None,
            Answer::Duplicate => match rules.duplicate {
                OnDuplicate::TakeForDone => None,
                OnDuplicate::InsertAgain => Some(Remedy::Insert),
                OnDuplicate::Upsert => Some(Remedy::Upserts),
                OnDuplicate::UpsertOne => Some(Remedy::Full(1 << statement.batch.from)),
                OnDuplicate::PassOver => Some(Remedy::Full(0)),
            },
            Answer::NotMoved | Answer::Listed if may_be_listed(rules, &statement, answer) => {
                Some(Remedy::Upserts)
            }
            Answer::NotMoved | Answer::Listed => Some(Remedy::Row),
            Answer::Rejected => Some(Remedy::Halves),
        };
        if let Some(remedy) = remedy {
            self.keep(statement.batch);
            // The first failure decides.
            if self.phase == Phase::Working {
                self.phase = Phase::Settling(remedy);
            }
        }
        if let Phase::Settling(remedy) = self.phase
            && self.sent.is_empty()
        {
            self.settled(rules, remedy);
        }
    }

    fn settled(&mut self, rules: &Rules, remedy: Remedy) {
        let (kind, covers) = match remedy {
            Remedy::Row => return self.doubt(rules),
            Remedy::Upserts => {
                self.phase = Phase::Working;
                self.had_to_upsert(rules);
                return self.forget(rules);
            }
            Remedy::Halves => (Kind::Halves, None),
            Remedy::Insert => (Kind::Insert, None),
            Remedy::Full(covers) => (Kind::Full, Some(covers)),
        };
        self.phase = Phase::Working;
        let first = self.pending.remove(0);
        self.send(rules, Batch { covers: covers.unwrap_or(first.covers), ..first }, kind);
        self.forget(rules);
    }

    fn had_to_upsert(&mut self, rules: &Rules) {
        self.upserts = match rules.first {
            FirstTry::Insert { upserts } => upserts,
            FirstTry::Sales | FirstTry::Either => 1,
        };
    }

    /// Must read the row.
    pub(crate) fn doubt(&mut self, rules: &Rules) {
        self.phase = Phase::InDoubt;
        self.forget(rules);
        if rules.doubt == AfterDoubt::Row && self.pending.is_empty() {
            // No later action depends on it.
            self.read = 0;
        }
    }

    /// Breaks the connection with all that is in flight. Returns the statements that may still be
    /// executed.
    pub(crate) fn lose(&mut self, rules: &Rules) -> InFlight {
        let mut stray: InFlight = self.sent.take();
        for sent in &stray {
            self.keep(sent.batch);
        }
        stray.retain(|sent| !matches!(sent.progress, Progress::Done(_)));
        rank(&mut stray);
        self.doubt(rules);
        stray
    }

    /// Continues from the row, or from its assumption.
    pub(crate) fn read_row(&mut self, rules: &Rules, (topic, next): (u8, u8)) {
        match rules.doubt {
            AfterDoubt::Row => {}
            AfterDoubt::AllDone => {
                self.pending.clear();
                self.phase = Phase::Working;
                return;
            }
            AfterDoubt::NothingDone => {
                self.phase = Phase::Working;
                return;
            }
        }
        if topic != self.topic && rules.check_topic {
            *self = Self::new(Phase::Halted, self.topic, 0);
            return;
        }
        self.phase = Phase::Working;
        let nothing = self.pending.is_empty();
        self.pending.retain(|batch| batch.to > next);
        let there = self.pending.first().is_some_and(|first| first.from == next);
        if there || (!rules.drop_elsewhere && !nothing) {
            self.forget(rules);
        } else {
            self.pending.clear();
            self.read = next;
        }
    }

    fn keep(&mut self, batch: Batch) {
        let at = self.pending.iter().position(|pending| pending.from > batch.from);
        self.pending.insert(at.unwrap_or(self.pending.len()), batch);
    }

    /// Forgets batches that can be cut again. If a batch that begins elsewhere may be kept, they
    /// must be remembered.
    fn forget(&mut self, rules: &Rules) {
        if !rules.drop_elsewhere {
            return;
        }
        let Some(first) = self.pending.first().copied() else { return };
        let run = self.pending.iter().skip(1).try_fold(first, |run, next| {
            (run.to == next.from && next.is_whole()).then_some(run.and(*next))
        });
        if first.is_whole() && run.is_some_and(|run| run.to == self.read) {
            self.pending = ArrayVec::new();
            self.read = first.from;
        }
    }
}

/// Whether the span of a statement is sent again in full as soon as its answer is there.
fn tries_again(rules: &Rules, statement: &Statement, answer: Answer) -> bool {
    rules.again == Again::AtOnce
        && statement.kind.is_first_try()
        && match answer {
            Answer::Duplicate => rules.duplicate == OnDuplicate::Upsert,
            answer => may_be_listed(rules, statement, answer),
        }
}

/// Whether the full statement may succeed where this one wrote nothing.
fn may_be_listed(rules: &Rules, statement: &Statement, answer: Answer) -> bool {
    rules.full_after_not_moved
        && (answer == Answer::Listed || answer == Answer::NotMoved && statement.kind == Kind::Sales)
}

/// Renumbers the positions of statements, from 0.
fn rank(sent: &mut InFlight) {
    let places: ArrayVec<u8, { crate::state::DEPTH }> =
        sent.iter().map(|statement| statement.place).collect();
    for statement in sent {
        let before = places.iter().filter(|place| **place < statement.place).count();
        statement.place = u8::try_from(before).unwrap_or(u8::MAX);
    }
}

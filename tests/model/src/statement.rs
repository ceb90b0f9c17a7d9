//! The execution of statements by PostgreSQL.

use crate::{
    records::{Log, ORDERS, Record, Rows, bit, expected, version},
    rules::{OnRejected, Rules, Transaction},
    state::{Answer, Batch, Database, Kind, Progress, Snapshot, Statement},
};

/// The statements of one connection, and the state they are based on.
pub(crate) struct Executor<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) topic: u8,
    pub(crate) log: Log,
}

impl Executor<'_> {
    /// The snapshot of a statement at its start.
    pub(crate) fn snapshot(&self, now: &Database, statement: &Statement) -> Snapshot {
        let listed = (0..ORDERS).filter(|order| now.rows.orders[*order] != 0);
        Snapshot {
            matched: self.matches(now, statement),
            listed: listed.fold(0, |listed, order| listed | 1 << order),
        }
    }

    /// Executes it, or its next half if it consists of two transactions.
    pub(crate) fn execute(&self, now: &mut Database, statement: &Statement) -> Progress {
        let snapshot = match statement.progress {
            Progress::Sent => self.snapshot(now, statement),
            Progress::Begun(snapshot) => snapshot,
            Progress::Half => return Progress::Done(self.second_half(now, statement)),
            done @ Progress::Done(_) => return done,
        };
        if self.must_delete(statement, snapshot) {
            let inserts = statement.kind == Kind::Insert;
            return Progress::Done(if inserts { Answer::Listed } else { Answer::NotMoved });
        }
        // PostgreSQL reads the row as of the snapshot, waits for the lock, and checks the row
        // again.
        if !snapshot.matched || !self.matches(now, statement) {
            return Progress::Done(Answer::NotMoved);
        }
        let (rows, letters) = match self.written(now, statement, snapshot) {
            Ok(written) => written,
            Err(answer) => return Progress::Done(answer),
        };
        match self.rules.transaction {
            Transaction::Together => {
                now.next = statement.batch.to;
                self.write(now, statement.batch, rows, letters);
                Progress::Done(Answer::Moved)
            }
            Transaction::RowsFirst => {
                self.write(now, statement.batch, rows, letters);
                Progress::Half
            }
            Transaction::OffsetFirst => {
                now.next = statement.batch.to;
                Progress::Half
            }
        }
    }

    fn second_half(&self, now: &mut Database, statement: &Statement) -> Answer {
        let offset_first = self.rules.transaction == Transaction::OffsetFirst;
        if offset_first {
            let snapshot = self.snapshot(now, statement);
            return match self.written(now, statement, snapshot) {
                Ok((rows, letters)) => {
                    self.write(now, statement.batch, rows, letters);
                    Answer::Moved
                }
                Err(answer) => answer,
            };
        }
        if !self.matches(now, statement) {
            return Answer::NotMoved;
        }
        now.next = statement.batch.to;
        Answer::Moved
    }

    fn matches(&self, now: &Database, statement: &Statement) -> bool {
        let compares =
            self.rules.compare_offset && (self.rules.compare_offset_behind || !statement.behind);
        (!compares || now.next == statement.batch.from)
            && (!self.rules.compare_topic || now.topic == self.topic)
    }

    /// The records of a batch, with their offsets.
    fn records(&self, batch: Batch) -> impl DoubleEndedIterator<Item = (u8, Record)> {
        let log = self.log;
        (batch.from..batch.to)
            .filter(move |offset| batch.covers >> offset & 1 == 1)
            .filter_map(move |offset| Some((offset, *log.get(usize::from(offset))?)))
    }

    /// Whether it writes only rows of `sales`.
    pub(crate) fn only_sales(&self, batch: Batch) -> bool {
        self.records(batch).all(|(_, record)| matches!(record, Record::Sale(_)))
    }

    /// The records whose orders are written, and the set of dead letters.
    fn winners(&self, batch: Batch) -> ([Option<(u8, Record)>; ORDERS], u16) {
        let (mut winners, mut letters) = ([None; ORDERS], 0);
        for (offset, record) in self.records(batch) {
            match record.order().map(usize::from) {
                None => letters |= bit(self.topic, offset),
                Some(order) if self.rules.last_version || winners[order].is_none() => {
                    winners[order] = Some((offset, record));
                }
                Some(_) => {}
            }
        }
        (winners, letters)
    }

    /// Whether a first statement does nothing because of a row of `orders`.
    fn must_delete(&self, statement: &Statement, snapshot: Snapshot) -> bool {
        let (winners, _) = self.winners(statement.batch);
        statement.kind.is_first_try()
            && self.rules.look
            && winners.into_iter().flatten().any(|(_, record)| {
                matches!(record, Record::Sale(order) if snapshot.listed >> order & 1 == 1)
            })
    }

    /// The tables after the statement.
    fn written(
        &self,
        now: &Database,
        statement: &Statement,
        snapshot: Snapshot,
    ) -> Result<(Rows, u16), Answer> {
        let mut rows = now.rows;
        if statement.kind == Kind::Halves {
            return Ok(self.halved(rows, statement.batch));
        }
        let inserts = statement.kind == Kind::Insert;
        let (winners, letters) = self.winners(statement.batch);
        for (offset, record) in winners.into_iter().flatten() {
            let Some(order) = record.order() else { continue };
            let at = usize::from(order);
            let (sale, listed) = (rows.sales[at] != 0, rows.orders[at] != 0);
            let there = match record {
                Record::Sale(_) => sale,
                Record::Listed(_) => sale || listed,
                Record::Cancelled(_) => listed,
                Record::Rejected(_) => return Err(Answer::Rejected),
                Record::Invalid => false,
            };
            if inserts && there {
                if self.rules.unique {
                    return Err(Answer::Duplicate);
                }
                continue;
            }
            let before = rows.orders[at];
            rows.put(record, version(self.topic, offset));
            let deletes = statement.kind == Kind::Full && snapshot.listed >> order & 1 == 1;
            if matches!(record, Record::Sale(_)) && !deletes {
                rows.orders[at] = before;
            }
        }
        Ok((rows, letters))
    }

    fn halved(&self, mut rows: Rows, batch: Batch) -> (Rows, u16) {
        let mut letters = 0;
        for (offset, record) in self.records(batch) {
            let in_letters = match (self.rules.rejected, record) {
                (_, Record::Invalid)
                | (OnRejected::AllLetters, _)
                | (OnRejected::Halve, Record::Rejected(_)) => true,
                (OnRejected::Halve | OnRejected::LeaveOut, _) => false,
            };
            if in_letters {
                letters |= bit(self.topic, offset);
            } else {
                let range = offset..offset + 1;
                (rows, _) = expected(self.topic, self.log, range, (rows, 0));
            }
        }
        (rows, letters)
    }

    fn write(&self, now: &mut Database, batch: Batch, rows: Rows, letters: u16) {
        now.rows = rows;
        now.letters |= letters;
        for (offset, _) in self.records(batch) {
            let bit = bit(self.topic, offset);
            now.twice |= now.accounted & bit != 0;
            now.accounted |= bit;
        }
    }
}

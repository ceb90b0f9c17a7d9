//! The part of PostgreSQL's protocol that is needed to recognize the messages of a commit
//! (PostgreSQL manual, 54.2 and 54.7).

use std::{
    collections::{HashSet, VecDeque},
    mem,
    sync::{Mutex, PoisonError},
};

use super::Cut;

/// A text that only the statement that commits a batch contains.
const COMMITS: &[u8] = b"SET next_offset";

/// Requests for encryption, which precede the first regular message.
const SSL_REQUEST: u32 = 80_877_103;
const GSS_ENCRYPTION_REQUEST: u32 = 80_877_104;

/// The sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// Splits a stream of bytes into messages.
pub(super) struct Messages {
    side: Side,
    bytes: Vec<u8>,
    /// The first message of a client has no type.
    begun: bool,
}

impl Messages {
    pub(super) const fn new(side: Side) -> Self {
        Self { side, bytes: Vec::new(), begun: matches!(side, Side::Server) }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete message.
    pub(super) fn next(&mut self, conversation: &Mutex<Conversation>) -> Option<Vec<u8>> {
        let mut conversation = conversation.lock().unwrap_or_else(PoisonError::into_inner);
        if conversation.is_encrypted {
            return (!self.bytes.is_empty()).then(|| mem::take(&mut self.bytes));
        }
        if self.side == Side::Server && conversation.encryption_asked && !self.bytes.is_empty() {
            conversation.encryption_asked = false;
            conversation.is_encrypted = self.bytes[0] == b'S' || self.bytes[0] == b'G';
            return Some(self.bytes.drain(..1).collect());
        }
        let header = usize::from(self.begun);
        let length = number(self.bytes.get(header..header + 4)?);
        let end = header + usize::try_from(length).ok()?;
        if self.bytes.len() < end {
            return None;
        }
        let message: Vec<u8> = self.bytes.drain(..end).collect();
        if !self.begun {
            let code = message.get(4..8).map(number);
            conversation.encryption_asked =
                matches!(code, Some(SSL_REQUEST | GSS_ENCRYPTION_REQUEST));
            self.begun = !conversation.encryption_asked;
            // A message without a type is passed on unchanged.
            conversation.opening = true;
        }
        Some(message)
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The action for a message.
pub(super) enum Step {
    /// These bytes are passed on, which may be more than the message or none.
    Pass(Vec<u8>),
    /// The connection is cut here.
    Cut,
}

/// The state of both sides of a connection.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    encryption_asked: bool,
    is_encrypted: bool,
    opening: bool,
    /// The prepared statements that commit a batch.
    commits: HashSet<Vec<u8>>,
    /// Whether the client's messages since its last Sync commit a batch.
    commits_now: bool,
    /// For each unanswered Sync or Query: how its answer is to be cut.
    asked: VecDeque<Option<Cut>>,
    /// The part of the incoming answer that is held back.
    withheld: Vec<u8>,
    /// Whether that answer contains an error.
    failed: bool,
}

impl Conversation {
    /// Processes a message of the client, while a commit is to be cut at `armed`.
    pub(super) fn client(&mut self, message: Vec<u8>, armed: Option<Cut>) -> Step {
        if mem::take(&mut self.opening) || self.is_encrypted {
            return Step::Pass(message);
        }
        let mut texts = message.get(5..).unwrap_or_default().split(|byte| *byte == 0);
        match message[0] {
            // Parse: the statement's name, its text.
            b'P' => {
                let (name, text) = (texts.next().unwrap_or_default(), texts.next());
                if text.is_some_and(|text| text.windows(COMMITS.len()).any(|part| part == COMMITS))
                {
                    self.commits.insert(name.to_owned());
                } else {
                    self.commits.remove(name);
                }
            }
            // Bind: the portal's name, the statement's.
            b'B' => {
                self.commits_now |= texts.nth(1).is_some_and(|name| self.commits.contains(name));
                if self.commits_now && armed == Some(Cut::BeforeRequest) {
                    return Step::Cut;
                }
            }
            // Execute.
            b'E' if self.commits_now && armed == Some(Cut::WithinRequest) => return Step::Cut,
            // Sync, Query: each is answered by one ReadyForQuery.
            b'S' => {
                let commits = mem::take(&mut self.commits_now);
                self.asked.push_back(armed.filter(|_| commits));
            }
            b'Q' => {
                let commits = texts.next().is_some_and(|text| text == b"COMMIT");
                let at = armed.filter(|_| commits);
                if matches!(at, Some(Cut::BeforeRequest | Cut::WithinRequest | Cut::BeforeEnd)) {
                    return Step::Cut;
                }
                self.asked.push_back(at);
            }
            _ => {}
        }
        Step::Pass(message)
    }

    /// Processes a message of the server, while a commit is to be cut at `armed`.
    pub(super) fn server(&mut self, message: Vec<u8>, armed: Option<Cut>) -> Step {
        if self.is_encrypted {
            return Step::Pass(message);
        }
        let at = self.asked.front().copied().flatten();
        let ready = message[0] == b'Z';
        self.failed |= message[0] == b'E';
        self.withheld.extend(message);
        if !ready {
            return match at {
                Some(Cut::BeforeAnswer) => Step::Pass(Vec::new()),
                _ => Step::Pass(mem::take(&mut self.withheld)),
            };
        }
        self.asked.pop_front();
        let committed = !mem::take(&mut self.failed);
        // Another connection may have been cut in the meantime.
        let still_wanted = at == armed;
        match at {
            Some(Cut::BeforeAnswer | Cut::WithinAnswer) if committed && still_wanted => Step::Cut,
            _ => Step::Pass(mem::take(&mut self.withheld)),
        }
    }
}

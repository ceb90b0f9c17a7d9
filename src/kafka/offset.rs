//! Positions in a partition. There are only *next* offsets, so no other code adds or subtracts 1.

use std::fmt;

/// The first offset of a partition that is not processed yet; 0 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextOffset(i64);

impl NextOffset {
    /// `None` below 0, which Kafka never assigns.
    #[must_use]
    pub const fn new(offset: i64) -> Option<Self> {
        if offset < 0 { None } else { Some(Self(offset)) }
    }

    /// The position after the record at `offset`.
    ///
    /// `None` if `offset` is negative or has no successor.
    #[must_use]
    pub const fn after(offset: i64) -> Option<Self> {
        match offset.checked_add(1) {
            Some(next) => Self::new(next),
            None => None,
        }
    }

    /// The offset as a number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The number of offsets from here to `end`, including gaps; 0 at or beyond the end.
    #[must_use]
    pub const fn lag(self, end: Self) -> i64 {
        if end.0 > self.0 { end.0 - self.0 } else { 0 }
    }
}

impl fmt::Display for NextOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position to read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first offset to read.
    pub next_offset: NextOffset,
    /// The leader epoch of the previous record, if known. With it, a broker detects that its log
    /// differs from the records read (KIP-320).
    pub leader_epoch: Option<i32>,
}

/// Which offset of a partition is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The log start offset.
    Earliest,
    /// The last stable offset: after all records that can be read now, before the first open
    /// transaction (KIP-98).
    End,
}

/// The offsets that a batch accounts for, including gaps: `from <= offset < to`.
///
/// ```
/// use vendas::kafka::{NextOffset, Span};
///
/// let stored = NextOffset::new(40).unwrap();
/// let span = Span::new(stored, NextOffset::after(99).unwrap()).unwrap();
/// assert!(span.contains(40) && span.contains(99) && !span.contains(100));
/// assert_eq!(span.to_string(), "[40, 100)");
/// // Progress only: a batch accounts for at least one offset.
/// assert_eq!(Span::new(stored, stored), None);
/// assert_eq!(span.to().lag(NextOffset::new(120).unwrap()), 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    from: NextOffset,
    to: NextOffset,
}

impl Span {
    /// `None` unless `from < to`: an empty span would be no progress.
    #[must_use]
    pub fn new(from: NextOffset, to: NextOffset) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// The first offset of the span.
    #[must_use]
    pub const fn from(self) -> NextOffset {
        self.from
    }

    /// The first offset after the span: the next offset once the span is processed.
    #[must_use]
    pub const fn to(self) -> NextOffset {
        self.to
    }

    /// Whether the span contains `offset`.
    #[must_use]
    pub const fn contains(self, offset: i64) -> bool {
        self.from.0 <= offset && offset < self.to.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.to)
    }
}

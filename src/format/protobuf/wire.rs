//! The wire format (protobuf.dev, "Encoding"): a sequence of fields, each with a number, a wire
//! type and a value.
//!
//! Length-delimited values are spans of the record: nothing is copied, and memory is never
//! allocated by a claimed length.

use std::{borrow::Cow, fmt};

/// The maximum nesting depth of messages and groups, including the record's message.
pub(crate) const DEPTH_LIMIT: usize = 128;

/// Why bytes are not a message of their schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The violated rule, and the position in the record.
    Rule(usize, Cow<'static, str>),
    /// Messages or groups are nested too deeply.
    TooDeep,
}

impl Broken {
    pub(super) const fn rule(at: usize, rule: &'static str) -> Self {
        Self::Rule(at, Cow::Borrowed(rule))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(at, rule) => write!(f, "at byte {at}: {rule}"),
            Self::TooDeep => write!(f, "messages must be nested at most {DEPTH_LIMIT} levels deep"),
        }
    }
}

const BREAKS_OFF: &str = "the message ends within a field";
const VARINT: &str = "a number must have at most 64 bits";
const LENGTH: &str = "a length must not reach beyond its message";
const TAG: &str = "a field's number must be from 1 to 536,870,911";
const WIRE_TYPE: &str = "a wire type must be 0, 1, 2, 3 or 5";
const GROUP: &str = "the end of a group must have the number of its start";

/// A range of the record's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// All of the bytes.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        Self { start: 0, end: bytes.len() }
    }

    /// The bytes of the span.
    pub(crate) fn within(self, whole: &[u8]) -> &[u8] {
        whole.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A field's value by wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// A text, bytes, a message, or packed numbers.
    Length(Span),
    /// The contents of a group.
    Group(Span),
}

/// Reads the fields of a message.
pub(crate) struct Reader<'p> {
    /// The record up to the end of the message.
    bytes: &'p [u8],
    at: usize,
    /// The nesting depth of the message, including itself.
    depth: usize,
}

impl<'p> Reader<'p> {
    /// A reader of the message in this part of `whole`, at nesting depth `depth`.
    pub(crate) fn new(whole: &'p [u8], span: Span, depth: usize) -> Self {
        Self { bytes: whole.get(..span.end).unwrap_or(whole), at: span.start, depth }
    }

    /// The position of the next field.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// The next field; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Wire)>, Broken> {
        if self.is_at_end() {
            return Ok(None);
        }
        let start = self.at;
        let (number, wire_type) = self.tag()?;
        let wire = match wire_type {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.fixed64()?),
            2 => Wire::Length(self.length()?),
            3 => Wire::Group(self.group(number)?),
            5 => Wire::Fixed32(self.fixed32()?),
            4 => return Err(Broken::rule(start, GROUP)),
            _ => return Err(Broken::rule(start, WIRE_TYPE)),
        };
        Ok(Some((number, wire)))
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Broken> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let mut value = 0;
        for (index, byte) in (0_u32..).zip(rest.iter().take(10)) {
            let bits = u64::from(byte & 0x7f);
            if index == 9 && *byte > 1 {
                return Err(Broken::rule(start, VARINT));
            }
            value |= bits << (index * 7);
            self.at += 1;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Broken::rule(start, BREAKS_OFF))
    }

    pub(crate) fn fixed64(&mut self) -> Result<u64, Broken> {
        self.fixed().map(u64::from_le_bytes)
    }

    pub(crate) fn fixed32(&mut self) -> Result<u32, Broken> {
        self.fixed().map(u32::from_le_bytes)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let bytes = rest.first_chunk().ok_or(Broken::rule(self.at, BREAKS_OFF))?;
        self.at += N;
        Ok(*bytes)
    }

    /// The field's number and wire type.
    fn tag(&mut self) -> Result<(u32, u32), Broken> {
        let start = self.at;
        let tag = u32::try_from(self.varint()?).map_err(|_| Broken::rule(start, TAG))?;
        if tag < 8 {
            return Err(Broken::rule(start, TAG));
        }
        Ok((tag >> 3, tag & 7))
    }

    fn length(&mut self) -> Result<Span, Broken> {
        let start_of_length = self.at;
        let length = usize::try_from(self.varint()?).ok();
        let start = self.at;
        let end = length.and_then(|length| start.checked_add(length));
        match end.filter(|end| *end <= self.bytes.len()) {
            Some(end) => {
                self.at = end;
                Ok(Span { start, end })
            }
            None => Err(Broken::rule(start_of_length, LENGTH)),
        }
    }

    /// The contents of a group whose start tag was just read. Does not recurse.
    fn group(&mut self, number: u32) -> Result<Span, Broken> {
        let start = self.at;
        let mut open = vec![number];
        loop {
            if self.depth + open.len() > DEPTH_LIMIT {
                return Err(Broken::TooDeep);
            }
            let at = self.at;
            if self.is_at_end() {
                return Err(Broken::rule(at, BREAKS_OFF));
            }
            match self.tag()? {
                (_, 0) => drop(self.varint()?),
                (_, 1) => drop(self.fixed64()?),
                (_, 2) => drop(self.length()?),
                (number, 3) => open.push(number),
                (number, 4) if open.pop() == Some(number) => {
                    if open.is_empty() {
                        return Ok(Span { start, end: at });
                    }
                }
                (_, 4) => return Err(Broken::rule(at, GROUP)),
                (_, 5) => drop(self.fixed32()?),
                _ => return Err(Broken::rule(at, WIRE_TYPE)),
            }
        }
    }
}

//! Finds the fields of a message. Later occurrences override earlier ones, as in the language
//! guides ("Last One Wins", merging, oneofs).

use std::collections::BTreeMap;

use super::{
    graph::Node,
    wire::{Broken, Reader, Span, Wire},
};

/// An occurrence of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Occurrence {
    /// Its index among the message's fields.
    pub(crate) field: usize,
    /// Its position in the record.
    pub(crate) at: usize,
}

/// The record, and the nesting depth of the message in it.
#[derive(Clone, Copy)]
pub(crate) struct Within<'p> {
    pub(crate) whole: &'p [u8],
    /// The depth of the message: 1 for the record's own.
    pub(crate) depth: usize,
}

impl<'p> Within<'p> {
    /// One level deeper.
    ///
    /// # Errors
    /// [`Broken::TooDeep`]
    pub(crate) fn deeper(self) -> Result<Self, Broken> {
        let depth = self.depth + 1;
        if depth > super::wire::DEPTH_LIMIT {
            return Err(Broken::TooDeep);
        }
        Ok(Self { depth, ..self })
    }

    pub(crate) fn reader(self, span: Span) -> Reader<'p> {
        Reader::new(self.whole, span, self.depth)
    }

    /// The value of the field at this position.
    pub(crate) fn wire(self, occurrence: Occurrence) -> Result<Wire, Broken> {
        let rest = Span { start: occurrence.at, end: self.whole.len() };
        match self.reader(rest).next()? {
            Some((_, wire)) => Ok(wire),
            // Unreachable: occurrences are valid.
            None => Err(Broken::rule(occurrence.at, "a field must start here")),
        }
    }

    /// The segments of a message that was written in several parts and is merged.
    pub(crate) fn segments(self, run: &[Occurrence]) -> Result<Vec<Span>, Broken> {
        let mut segments = Vec::new();
        if run.len() < 2 {
            return Ok(segments);
        }
        for occurrence in run {
            if let Wire::Length(span) | Wire::Group(span) = self.wire(*occurrence)? {
                segments.push(span);
            }
        }
        Ok(segments)
    }
}

/// Collects the occurrences of a message's wanted fields in `found`, grouped by field and in order.
/// The message's bytes are the concatenated `segments`, which are read completely. Of a oneof, only
/// the member set last is collected.
pub(crate) fn collect(
    node: &Node,
    within: Within<'_>,
    segments: &[Span],
    wanted: impl Fn(usize) -> bool,
    found: &mut Vec<Occurrence>,
) -> Result<(), Broken> {
    // The member set last, and where it replaced another one.
    let mut oneofs: BTreeMap<usize, Occurrence> = BTreeMap::new();
    for segment in segments {
        let mut reader = within.reader(*segment);
        loop {
            let at = reader.at();
            let Some((number, wire)) = reader.next()? else { break };
            let Some(index) = node.position(number) else { continue };
            let Some(field) = node.fields.get(index) else { continue };
            if !field.fits(&wire) {
                let name = &field.name;
                let rule = format!("the field {name} must have the wire type of its declared type");
                return Err(Broken::Rule(at, rule.into()));
            }
            let occurrence = Occurrence { field: index, at };
            if let Some(oneof) = field.oneof {
                let set = oneofs.entry(oneof).or_insert(occurrence);
                if set.field != index {
                    *set = occurrence;
                }
            }
            if wanted(index) {
                found.push(occurrence);
            }
        }
    }
    if !oneofs.is_empty() {
        found.retain(|occurrence| {
            let oneof = node.fields.get(occurrence.field).and_then(|field| field.oneof);
            oneof
                .and_then(|oneof| oneofs.get(&oneof))
                .is_none_or(|set| set.field == occurrence.field && set.at <= occurrence.at)
        });
    }
    // Most messages are already in this order.
    if !found.is_sorted() {
        found.sort_unstable();
    }
    Ok(())
}

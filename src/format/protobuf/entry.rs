//! An entry of a map: a message of a key and a value.

use std::borrow::Cow;

use super::{
    graph::{Field, Graph, Kind},
    occurrences::Within,
    scalar::Scalar,
    wire::{Broken, Span, Wire},
};

/// What an entry holds; what it does not hold is the default of its kind.
pub(crate) struct Entry {
    key: Option<Wire>,
    /// The value that was written last.
    pub(crate) value: Option<Wire>,
    /// Where the value is a message: all the parts that it was written in.
    pub(crate) segments: Vec<Span>,
}

impl Entry {
    pub(crate) fn read(
        within: Within<'_>,
        span: Span,
        (key, value): (&Field, &Field),
    ) -> Result<Self, Broken> {
        let mut entry = Self { key: None, value: None, segments: Vec::new() };
        let mut reader = within.reader(span);
        loop {
            let at = reader.at();
            let Some((number, wire)) = reader.next()? else { return Ok(entry) };
            let (field, place) = match number {
                1 => (key, &mut entry.key),
                2 => (value, &mut entry.value),
                _ => continue,
            };
            if !field.fits(&wire) {
                return Err(Broken::rule(at, "an entry of a map must have the types of its kinds"));
            }
            *place = Some(wire);
            if let (2, Kind::Message(_), Wire::Length(span)) = (number, field.kind, wire) {
                entry.segments.push(span);
            }
        }
    }

    /// The key as text.
    pub(crate) fn key<'p>(
        &self,
        (key, graph): (&Field, &'p Graph),
        whole: &'p [u8],
    ) -> Result<Cow<'p, str>, Broken> {
        let scalar = match self.key {
            Some(wire) => Scalar::of((key.kind, &key.name), wire, graph, whole)?,
            None => Scalar::default_of(key.kind, graph),
        };
        Ok(scalar.map(|scalar| scalar.key()).unwrap_or_default())
    }
}

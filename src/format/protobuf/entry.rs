//! A map entry: a message with a key and a value.

use std::borrow::Cow;

use super::{
    graph::{Field, Graph, Kind},
    occurrences::Within,
    scalar::Scalar,
    wire::{Broken, Span, Wire},
};

/// The contents of an entry; absent ones have the default of their type.
pub(crate) struct Entry {
    key: Option<Wire>,
    /// The last value.
    pub(crate) value: Option<Wire>,
    /// If the value is a message, all its segments.
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
                return Err(Broken::rule(
                    at,
                    "a map entry must have the wire types of its key and value",
                ));
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

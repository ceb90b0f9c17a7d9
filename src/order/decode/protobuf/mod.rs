//! Decodes Protocol Buffers, guided by the schema and the mapping's tree, without an intermediate
//! document.
//!
//! Only messages in the tree are entered. Each is read completely before its values are passed on:
//! a later occurrence of a field replaces an earlier one.

mod leaf;
mod many;
mod plan;

use std::rc::Rc;

use bumpalo::Bump;

use super::{
    ELEMENTS_LIMIT, Found, Sink, json,
    shape::{At, From, Made, Shape},
};
use crate::{
    format::protobuf::{
        Broken, Entry, Field, Graph, Implied, Kind, Message, NodeId, Occurrence, Scalar,
        Shape as Count, Span, Values, Whole, Wire, Within, collect,
    },
    order::{
        Reason, Rejection,
        mapping::{Handling, Opens, Spot, Tree},
        value::{NumberList, Value},
    },
};
use leaf::Leaf;
use plan::{Plan, Plans};

/// The maximum number of absent fields to process, per byte of the record and as a minimum: it
/// bounds the time for a list of empty messages by its size.
const ABSENT_LIMIT: (usize, usize) = (8, 4_096);

/// Reads `bytes`, a message of this type, into `sink`.
///
/// # Errors
/// The bytes are not such a message. Problems with its structure are recorded in the sink.
pub(in crate::order) fn read<'m, 'p>(
    bytes: &'p [u8],
    message: &'p Message,
    root: &'m Spot,
    sink: &mut Sink<'m, 'p>,
    arena: &'p Bump,
) -> Result<(), Rejection> {
    let (per_byte, least) = ABSENT_LIMIT;
    let mut walker = Walker {
        shape: Shape { sink, at: At::Value },
        graph: message.graph(),
        arena,
        plans: Plans::default(),
        spare: Vec::new(),
        absent: bytes.len().saturating_mul(per_byte).saturating_add(least),
    };
    let within = Within { whole: bytes, depth: 1 };
    walker.message(message.id(), within, &[Span::of(bytes)], root, From::Whole).map_err(|error| {
        match error {
            Error::Broken(Broken::TooDeep) => {
                Rejection::new(Reason::TooDeep, Broken::TooDeep.to_string())
            }
            Error::Broken(broken) => Rejection::new(Reason::NotProtobuf, broken.to_string()),
            Error::TooManyAbsent => Rejection::new(
                Reason::OutOfRange,
                "the record contains too many empty messages for its size",
            ),
        }
    })
}

/// Why reading ends.
enum Error {
    Broken(Broken),
    TooManyAbsent,
}

impl std::convert::From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

struct Walker<'s, 'm, 'p> {
    shape: Shape<'s, 'm, 'p>,
    graph: &'p Graph,
    arena: &'p Bump,
    plans: Plans<'m>,
    /// Lists of occurrences for reuse.
    spare: Vec<Vec<Occurrence>>,
    /// The remaining number of absent fields that may be processed.
    absent: usize,
}

impl<'m, 'p> Walker<'_, 'm, 'p> {
    /// A message whose bytes are the concatenation of these segments.
    fn message(
        &mut self,
        id: NodeId,
        within: Within<'p>,
        segments: &[Span],
        spot: &'m Spot,
        from: From,
    ) -> Result<(), Error> {
        let Some(node) = self.graph.node(id) else { return Ok(()) };
        let is_entered = spot.object.is_some();
        if spot.handling == Handling::Enter && is_entered {
            return self.enter(id, within, segments, spot, from);
        }
        let whole = Whole::of(node, self.graph, within, segments, self.arena)?;
        let is_whole = whole.is_some();
        let leaf = match whole {
            Some(whole) => Leaf::of_whole(whole, self.arena),
            None => Leaf::message(segments.iter().all(|segment| segment.is_empty())),
        };
        if !is_entered {
            // A text that contains JSON may be wrapped.
            self.leaf(leaf, spot, from);
            return Ok(());
        }
        if is_whole {
            // Money with its currency is both taken and entered.
            self.shape.sink.take(spot, leaf.found(self.arena));
        }
        self.enter(id, within, segments, spot, From::Field)
    }

    fn enter(
        &mut self,
        id: NodeId,
        within: Within<'p>,
        segments: &[Span],
        spot: &'m Spot,
        from: From,
    ) -> Result<(), Error> {
        let Some(tree) = spot.object.as_deref() else { return Ok(()) };
        let opened = self.shape.sink.open(spot, from == From::Whole);
        self.fields(id, within, segments, tree)?;
        self.shape.sink.close(opened);
        Ok(())
    }

    fn fields(
        &mut self,
        id: NodeId,
        within: Within<'p>,
        segments: &[Span],
        tree: &'m Tree,
    ) -> Result<(), Error> {
        let Some(node) = self.graph.node(id) else { return Ok(()) };
        let plan = self.plans.of(id, node, tree);
        let mut found = self.spare.pop().unwrap_or_default();
        collect(node, within, segments, |index| plan.spot(index).is_some(), &mut found)?;
        for run in found.chunk_by(|one, two| one.field == two.field) {
            let Some(index) = run.first().map(|it| it.field) else { continue };
            let (Some(field), Some(spot)) = (node.fields.get(index), plan.spot(index)) else {
                continue;
            };
            self.field(field, within, run, spot)?;
        }
        self.implied(&plan, node.fields.as_slice(), &found)?;
        found.clear();
        self.spare.push(found);
        Ok(())
    }

    /// Passes on the defaults of absent fields.
    fn implied(
        &mut self,
        plan: &Rc<Plan<'m>>,
        fields: &'p [Field],
        found: &[Occurrence],
    ) -> Result<(), Error> {
        self.absent = self.absent.checked_sub(plan.implied.len()).ok_or(Error::TooManyAbsent)?;
        for (index, spot) in &plan.implied {
            if found.binary_search_by_key(index, |it| it.field).is_ok() {
                continue;
            }
            match fields.get(*index).and_then(|field| field.implied.as_ref()) {
                Some(Implied::Json(json)) => self.shape.sink.imply(spot, Found::Json(json)),
                Some(Implied::Text(text)) => self.shape.sink.imply(spot, Found::Text(text)),
                None => {}
            }
        }
        Ok(())
    }

    /// A present field with all of its occurrences.
    fn field(
        &mut self,
        field: &'p Field,
        within: Within<'p>,
        run: &[Occurrence],
        spot: &'m Spot,
    ) -> Result<(), Error> {
        match field.shape {
            Count::Map => self.map(field, within, run, spot),
            Count::List => self.list(field, within, run, spot),
            Count::One => {
                let Some(last) = run.last() else { return Ok(()) };
                let segments = match field.kind {
                    Kind::Message(_) | Kind::Group(_) => within.segments(run)?,
                    _ => Vec::new(),
                };
                self.value(field, within, within.wire(*last)?, &segments, (spot, From::Field))
            }
        }
    }

    /// One value of a field. `merged` contains all segments of a message that was split into
    /// several.
    fn value(
        &mut self,
        field: &'p Field,
        within: Within<'p>,
        value: Wire,
        merged: &[Span],
        (spot, from): (&'m Spot, From),
    ) -> Result<(), Error> {
        match (field.kind, value) {
            (Kind::Message(id), Wire::Length(span)) | (Kind::Group(id), Wire::Group(span)) => {
                let single = [span];
                let segments = if merged.is_empty() { &single[..] } else { merged };
                self.message(id, within.deeper()?, segments, spot, from)
            }
            _ => {
                let scalar = self.scalar(field, within, value)?;
                self.leaf(scalar.map_or(Leaf::OTHER, Leaf::of), spot, from);
                Ok(())
            }
        }
    }

    fn scalar(
        &self,
        field: &'p Field,
        within: Within<'p>,
        value: Wire,
    ) -> Result<Option<Scalar<'p>>, Broken> {
        Scalar::of((field.kind, &field.name), value, self.graph, within.whole)
    }

    /// A value without fields.
    fn leaf(&mut self, leaf: Leaf<'p>, spot: &'m Spot, from: From) {
        match spot.handling {
            Handling::Take => self.shape.sink.take(spot, leaf.found(self.arena)),
            Handling::Suspect if leaf.is_blank() => {}
            Handling::Suspect => self.shape.sink.suspect(spot, leaf.text()),
            Handling::Enter | Handling::Both => {
                let text = spot.text.as_deref().zip(leaf.text());
                if spot.handling == Handling::Both && text.is_none() {
                    self.shape.sink.take(spot, leaf.found(self.arena));
                    // A value in the place of a list of items is judged as such.
                    if spot.items.is_none() {
                        return;
                    }
                }
                match text {
                    Some((inner, text)) => {
                        json::read_within(text, inner, self.shape.sink, self.arena);
                    }
                    None if spot.handling == Handling::Both => {
                        self.shape.other(spot, From::Field, false);
                    }
                    None => self.shape.other(spot, from, false),
                }
            }
        }
    }
}

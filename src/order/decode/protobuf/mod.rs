//! Decodes Protocol Buffers: walks the bytes beside their schema and the mapping's tree, without an
//! intermediate value.
//!
//! Only messages that the tree names are entered. Each is read once from its beginning to its end,
//! since its last field may take the place of its first; then what was found is handed on.

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
        mapping::{Opens, Spot, Tree, Way},
        value::{NumberList, Value},
    },
};
use leaf::Leaf;
use plan::{Plan, Plans};

/// How many fields that a record does not hold may be looked at, for each of its bytes and at least:
/// a list of empty messages must not take longer than its size allows.
const ABSENT_LIMIT: (usize, usize) = (8, 4_096);

/// Reads `bytes`, a message of that kind, into `sink`.
///
/// # Errors
/// The bytes are no such message. What is wrong with its shape is noted in the sink.
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
                "the record holds too many messages without fields for its size",
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
    /// Lists of occurrences that are no longer needed.
    spare: Vec<Vec<Occurrence>>,
    /// How many absent fields may still be looked at.
    absent: usize,
}

impl<'m, 'p> Walker<'_, 'm, 'p> {
    /// A message, whose bytes are these segments one after the other.
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
        if spot.way == Way::Enter && is_entered {
            return self.enter(id, within, segments, spot, from);
        }
        let whole = Whole::of(node, self.graph, within, segments, self.arena)?;
        let is_whole = whole.is_some();
        let leaf = match whole {
            Some(whole) => Leaf::of_whole(whole, self.arena),
            None => Leaf::message(segments.iter().all(|segment| segment.is_empty())),
        };
        if !is_entered {
            // Text that holds JSON may be wrapped.
            self.leaf(leaf, spot, from);
            return Ok(());
        }
        if is_whole {
            // Money that names its currency is taken and entered.
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

    /// Gives what the fields that are not there say by their schema.
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

    /// A field that is there: all of its occurrences.
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

    /// One value of a field. `merged` are all the segments of a message that was written in several.
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

    /// A value that has no fields.
    fn leaf(&mut self, leaf: Leaf<'p>, spot: &'m Spot, from: From) {
        match spot.way {
            Way::Take => self.shape.sink.take(spot, leaf.found(self.arena)),
            Way::Suspect if leaf.is_blank() => {}
            Way::Suspect => self.shape.sink.suspect(spot, leaf.text()),
            Way::Enter | Way::Both => {
                let text = spot.text.as_deref().zip(leaf.text());
                if spot.way == Way::Both && text.is_none() {
                    self.shape.sink.take(spot, leaf.found(self.arena));
                    // What stands in the place of a list of items is judged as one.
                    if spot.items.is_none() {
                        return;
                    }
                }
                match text {
                    Some((inner, text)) => {
                        json::read_within(text, inner, self.shape.sink, self.arena);
                    }
                    None if spot.way == Way::Both => self.shape.other(spot, From::Field, false),
                    None => self.shape.other(spot, from, false),
                }
            }
        }
    }
}

//! Converts records to JSON for display and for proposing a mapping.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

use bumpalo::Bump;

use super::{
    Message,
    entry::Entry,
    graph::{Field, Graph, Implied, Kind, Meaning, NodeId, Shape},
    occurrences::{Occurrence, Within, collect},
    scalar::{Scalar, Values},
    whole::Whole,
    wire::{Broken, Span, Wire},
};

/// The maximum length of the text: as a multiple of the record's length, and a minimum in bytes.
/// Absent fields are written too, and a list may contain many empty messages.
const LENGTH_LIMIT: (usize, usize) = (64, 1 << 20);

/// Converts the record's bytes to a JSON object. Names are those of the schema; 64-bit integers are
/// numbers; timestamps are in RFC 3339, enums are names, and bytes are text if they are UTF-8,
/// otherwise hexadecimal. Wrapped values are unwrapped, and decimals are numbers. Absent numbers,
/// flags and enums are written with their default.
///
/// # Errors
/// The bytes are not such a message, or the text would be more than 64 times as long.
pub(crate) fn to_json(bytes: &[u8], message: &Message) -> Result<String, Broken> {
    let (per_byte, least) = LENGTH_LIMIT;
    let limit = bytes.len().saturating_mul(per_byte).saturating_add(least);
    let mut writer = Writer { graph: message.graph(), out: String::new(), steps: 0, limit };
    let within = Within { whole: bytes, depth: 1 };
    writer.message(message.id(), within, &[Span::of(bytes)])?;
    Ok(writer.out)
}

struct Writer<'p> {
    graph: &'p Graph,
    out: String,
    /// The number of fields processed.
    steps: usize,
    limit: usize,
}

impl<'p> Writer<'p> {
    fn message(&mut self, id: NodeId, within: Within<'p>, segments: &[Span]) -> Result<(), Broken> {
        let Some(node) = self.graph.node(id) else { return Ok(()) };
        if !matches!(node.meaning, Meaning::Plain | Meaning::Units(..)) {
            let arena = Bump::new();
            match Whole::of(node, self.graph, within, segments, &arena)? {
                Some(Whole::Scalar(scalar)) => self.scalar(&scalar),
                Some(Whole::Number(number)) => self.out.push_str(&number),
                Some(Whole::Moment(moment)) => self.quoted(&moment.to_string()),
                Some(Whole::Day(day)) => self.quoted(&day.to_string()),
                Some(Whole::Units(..) | Whole::Unusable) | None => {
                    return self.fields(id, within, segments);
                }
            }
            return Ok(());
        }
        self.fields(id, within, segments)
    }

    fn fields(&mut self, id: NodeId, within: Within<'p>, segments: &[Span]) -> Result<(), Broken> {
        let Some(node) = self.graph.node(id) else { return Ok(()) };
        self.steps += node.fields.len();
        if self.steps > self.limit || self.out.len() > self.limit {
            let at = segments.first().map_or(0, |segment| segment.start);
            return Err(Broken::rule(
                at,
                "the record's JSON must not be more than 64 times as long as the record",
            ));
        }
        let mut found = Vec::new();
        collect(node, within, segments, |_| true, &mut found)?;
        let mut runs = found.chunk_by(|one, two| one.field == two.field).peekable();
        self.out.push('{');
        let mut is_first = true;
        for (index, field) in node.fields.iter().enumerate() {
            let run = runs.next_if(|run| run.first().is_some_and(|it| it.field == index));
            if run.is_none() && field.implied.is_none() {
                continue;
            }
            if !is_first {
                self.out.push(',');
            }
            is_first = false;
            self.quoted(&field.name);
            self.out.push(':');
            match (run, &field.implied) {
                (Some(run), _) => self.field(field, within, run)?,
                (None, Some(Implied::Json(json))) => self.out.push_str(json),
                (None, Some(Implied::Text(text))) => self.quoted(text),
                (None, None) => {}
            }
        }
        self.out.push('}');
        Ok(())
    }

    fn field(
        &mut self,
        field: &'p Field,
        within: Within<'p>,
        run: &[Occurrence],
    ) -> Result<(), Broken> {
        match field.shape {
            Shape::One => {
                let Some(last) = run.last() else { return Ok(()) };
                let segments = match field.kind {
                    Kind::Message(_) | Kind::Group(_) => within.segments(run)?,
                    _ => Vec::new(),
                };
                self.value(field, within, Some(within.wire(*last)?), &segments)
            }
            Shape::List => {
                self.out.push('[');
                let mut is_first = true;
                for occurrence in run {
                    let mut values =
                        Values::of(field.kind, within.wire(*occurrence)?, within.whole);
                    while let Some(wire) = values.next()? {
                        if !is_first {
                            self.out.push(',');
                        }
                        is_first = false;
                        self.value(field, within, Some(wire), &[])?;
                    }
                }
                self.out.push(']');
                Ok(())
            }
            Shape::Map => self.map(field, within, run),
        }
    }

    /// Writes a value, or the default of its type. `segments` are those of a message in several
    /// parts.
    fn value(
        &mut self,
        field: &'p Field,
        within: Within<'p>,
        wire: Option<Wire>,
        segments: &[Span],
    ) -> Result<(), Broken> {
        if let Kind::Message(id) | Kind::Group(id) = field.kind {
            let single = match wire {
                Some(Wire::Length(span) | Wire::Group(span)) => Some(span),
                _ => None,
            };
            let segments = if segments.is_empty() { single.as_slice() } else { segments };
            return self.message(id, within.deeper()?, segments);
        }
        let scalar = match wire {
            Some(wire) => Scalar::of((field.kind, &field.name), wire, self.graph, within.whole)?,
            None => Scalar::default_of(field.kind, self.graph),
        };
        if let Some(scalar) = scalar {
            self.scalar(&scalar);
        }
        Ok(())
    }

    fn map(
        &mut self,
        field: &'p Field,
        within: Within<'p>,
        run: &[Occurrence],
    ) -> Result<(), Broken> {
        let Kind::Message(id) = field.kind else { return Ok(()) };
        let fields = self.graph.node(id).map(|node| node.fields.as_slice());
        let Some([key, value]) = fields else { return Ok(()) };
        let within = within.deeper()?;
        let mut entries: BTreeMap<Cow<'p, str>, Entry> = BTreeMap::new();
        for occurrence in run {
            let Wire::Length(span) = within.wire(*occurrence)? else { continue };
            let entry = Entry::read(within, span, (key, value))?;
            entries.insert(entry.key((key, self.graph), within.whole)?, entry);
        }
        self.out.push('{');
        let mut is_first = true;
        for (key, entry) in entries {
            if !is_first {
                self.out.push(',');
            }
            is_first = false;
            self.quoted(&key);
            self.out.push(':');
            self.value(value, within, entry.value, &entry.segments)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn scalar(&mut self, scalar: &Scalar<'_>) {
        match scalar {
            Scalar::Text(text) => self.quoted(text),
            Scalar::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.quoted(text),
                Err(_) => {
                    self.out.push('"');
                    for byte in *bytes {
                        // Writing to a text cannot fail.
                        let _ = write!(self.out, "{byte:02x}");
                    }
                    self.out.push('"');
                }
            },
            // As in the JSON mapping of Protocol Buffers.
            Scalar::Double(number) if !number.is_finite() => self.quoted(not_finite(*number)),
            Scalar::Float(number) if !number.is_finite() => {
                self.quoted(not_finite((*number).into()));
            }
            number => {
                if let Some(literal) = number.literal() {
                    self.out.push_str(literal.as_str());
                }
            }
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// The name of a number that is not finite.
const fn not_finite(number: f64) -> &'static str {
    match (number.is_nan(), number.is_sign_negative()) {
        (true, _) => "NaN",
        (false, true) => "-Infinity",
        (false, false) => "Infinity",
    }
}

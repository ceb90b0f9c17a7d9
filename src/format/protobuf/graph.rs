//! Messages and enums for decoders, with all references resolved to indices.

use super::wire::Wire;

/// The messages and enums reachable from a schema's messages.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) enums: Vec<Enum>,
}

/// The index of a message in its [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(super) usize);

/// A message.
#[derive(Debug)]
pub(crate) struct Node {
    /// Sorted by number.
    pub(crate) fields: Vec<Field>,
    /// Its meaning, if it is more than its fields.
    pub(crate) meaning: Meaning,
}

/// The meaning of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Only its fields.
    Plain,
    /// google.protobuf.Timestamp
    Moment,
    /// google.type.Date
    Day,
    /// google.type.Decimal: a number as text.
    DecimalText,
    /// confluent.type.Decimal: an unscaled integer and its scale.
    DecimalBytes,
    /// google.protobuf.StringValue and similar: the value of the field with this index.
    Wrapper(usize),
    /// Money like google.type.Money: the indices of the fields `units` and `nanos`; at least one is
    /// present.
    Units(Option<usize>, Option<usize>),
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// Its name in the schema.
    pub(crate) name: Box<str>,
    /// Its name in JSON (lowerCamelCase), if different.
    pub(crate) json_name: Option<Box<str>>,
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
    /// The index of its oneof, if it is a member of one.
    pub(crate) oneof: Option<usize>,
    /// Its value if it is absent.
    pub(crate) implied: Option<Implied>,
}

/// The cardinality of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// At most one.
    One,
    /// Any number.
    List,
    /// Any number of entries; its kind is the entry message.
    Map,
}

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Flag,
    /// A text; `strict`: it must be UTF-8.
    Text {
        strict: bool,
    },
    Bytes,
    /// The enum with this index.
    Enum(usize),
    Message(NodeId),
    /// A message delimited by group tags.
    Group(NodeId),
}

/// The value of an absent field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Implied {
    /// A number, `true` or `false` in JSON.
    Json(Box<str>),
    /// A text, or the name of an enum value.
    Text(Box<str>),
}

/// The values of an enum.
#[derive(Debug)]
pub(crate) struct Enum {
    /// By their numbers, in ascending order; of several names of one number, the first.
    pub(super) values: Vec<(i32, Box<str>)>,
    /// The number of the first declared value.
    pub(super) first: i32,
}

impl Graph {
    pub(crate) fn node(&self, NodeId(index): NodeId) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The name of an enum value.
    pub(super) fn name(&self, index: usize, number: i32) -> Option<&str> {
        let values = &self.enums.get(index)?.values;
        let at = values.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        values.get(at).map(|(_, name)| &**name)
    }
}

impl Node {
    /// The index of the field with this number.
    pub(crate) fn position(&self, number: u32) -> Option<usize> {
        // Nearly all messages number their fields from 1.
        let near = usize::try_from(number).ok()?.checked_sub(1)?;
        if self.fields.get(near).is_some_and(|field| field.number == number) {
            return Some(near);
        }
        self.fields.binary_search_by_key(&number, |field| field.number).ok()
    }
}

impl Field {
    /// Whether its values can have this wire type.
    pub(crate) const fn fits(&self, wire: &Wire) -> bool {
        match wire {
            Wire::Length(_) => match self.shape {
                Shape::One => self.kind.has_length(),
                // Numbers may be packed, regardless of the schema.
                Shape::List => !matches!(self.kind, Kind::Group(_)),
                Shape::Map => true,
            },
            single => self.kind.is_single(single),
        }
    }
}

impl Kind {
    /// Whether its values are length-delimited.
    pub(crate) const fn has_length(self) -> bool {
        matches!(self, Self::Text { .. } | Self::Bytes | Self::Message(_))
    }

    const fn is_single(self, wire: &Wire) -> bool {
        match wire {
            Wire::Varint(_) => matches!(
                self,
                Self::Int32
                    | Self::Int64
                    | Self::Uint32
                    | Self::Uint64
                    | Self::Sint32
                    | Self::Sint64
                    | Self::Flag
                    | Self::Enum(_)
            ),
            Wire::Fixed64(_) => matches!(self, Self::Double | Self::Fixed64 | Self::Sfixed64),
            Wire::Fixed32(_) => matches!(self, Self::Float | Self::Fixed32 | Self::Sfixed32),
            Wire::Length(_) => self.has_length(),
            Wire::Group(_) => matches!(self, Self::Group(_)),
        }
    }

    /// Whether its values are whole numbers.
    pub(crate) const fn is_whole_number(self) -> bool {
        matches!(
            self,
            Self::Int32
                | Self::Int64
                | Self::Uint32
                | Self::Uint64
                | Self::Sint32
                | Self::Sint64
                | Self::Fixed32
                | Self::Fixed64
                | Self::Sfixed32
                | Self::Sfixed64
        )
    }
}

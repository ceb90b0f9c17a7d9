//! Messages and enums as a decoder needs them: everything of a schema resolved once, by indices.

use super::wire::Wire;

/// The messages and enums of a schema that its file's messages lead to.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) enums: Vec<Enum>,
}

/// Where a message is in its [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(super) usize);

/// A message.
#[derive(Debug)]
pub(crate) struct Node {
    /// By their numbers, in ascending order.
    pub(crate) fields: Vec<Field>,
    /// What it is as a whole, where it is more than its fields.
    pub(crate) meaning: Meaning,
}

/// What a message is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Its fields and nothing else.
    Plain,
    /// google.protobuf.Timestamp
    Moment,
    /// google.type.Date
    Day,
    /// google.type.Decimal: a number in a text.
    DecimalText,
    /// confluent.type.Decimal: an unscaled integer and its scale.
    DecimalBytes,
    /// google.protobuf.StringValue and the like: its field's value, by the field's index.
    Wrapper(usize),
    /// Money as google.type.Money and its likes have it: the indices of the fields `units` and
    /// `nanos`, at least one of which is there.
    Units(Option<usize>, Option<usize>),
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// As its schema names it.
    pub(crate) name: Box<str>,
    /// As JSON names it (lowerCamelCase), where that is another name.
    pub(crate) json_name: Option<Box<str>>,
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
    /// Of which oneof it is a member, by the oneof's index.
    pub(crate) oneof: Option<usize>,
    /// What it says where the record does not hold it.
    pub(crate) implied: Option<Implied>,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// At most one.
    One,
    /// Any number.
    List,
    /// Any number of entries: its kind is the message of an entry.
    Map,
}

/// What a field's values are.
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
    /// A text; whether it must be UTF-8.
    Text {
        strict: bool,
    },
    Bytes,
    /// The enum of this index.
    Enum(usize),
    Message(NodeId),
    /// A message between a group's beginning and its end.
    Group(NodeId),
}

/// What a field says where the record does not hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Implied {
    /// A number, or `true` or `false`, as JSON writes them.
    Json(Box<str>),
    /// A text, or an enum's value by its name.
    Text(Box<str>),
}

/// The values of an enum.
#[derive(Debug)]
pub(crate) struct Enum {
    /// By their numbers, in ascending order; of several names of one number, the first.
    pub(super) values: Vec<(i32, Box<str>)>,
    /// The number of the one that is declared first.
    pub(super) first: i32,
}

impl Graph {
    pub(crate) fn node(&self, NodeId(index): NodeId) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The name of an enum's value.
    pub(super) fn name(&self, index: usize, number: i32) -> Option<&str> {
        let values = &self.enums.get(index)?.values;
        let at = values.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        values.get(at).map(|(_, name)| &**name)
    }
}

impl Node {
    /// The index of the field of this number.
    pub(crate) fn position(&self, number: u32) -> Option<usize> {
        // Nearly all messages number their fields from 1 on.
        let near = usize::try_from(number).ok()?.checked_sub(1)?;
        if self.fields.get(near).is_some_and(|field| field.number == number) {
            return Some(near);
        }
        self.fields.binary_search_by_key(&number, |field| field.number).ok()
    }
}

impl Field {
    /// Whether its values can be of this wire type.
    pub(crate) const fn fits(&self, wire: &Wire) -> bool {
        match wire {
            Wire::Length(_) => match self.shape {
                Shape::One => self.kind.has_length(),
                // Numbers may be packed, whatever the schema says of it.
                Shape::List => !matches!(self.kind, Kind::Group(_)),
                Shape::Map => true,
            },
            single => self.kind.is_single(single),
        }
    }
}

impl Kind {
    /// Whether its values have a length on the wire.
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

//! Compiles resolved descriptors into a graph for decoders.

use std::collections::{BTreeMap, HashMap};

use prost_reflect::{
    EnumDescriptor, FieldDescriptor, Kind as Described, MessageDescriptor, Syntax, Value,
};

use super::{
    graph::{Enum, Field, Graph, Implied, Kind, Meaning, Node, NodeId, Shape},
    scalar::Scalar,
};

/// Builds the graph of all reachable messages.
pub(super) struct Builder {
    nodes: Vec<Node>,
    enums: Vec<Enum>,
    node_ids: HashMap<String, NodeId>,
    enum_ids: HashMap<String, usize>,
    /// Messages whose nodes are not built yet, in index order.
    pending: Vec<MessageDescriptor>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            enums: Vec::new(),
            node_ids: HashMap::new(),
            enum_ids: HashMap::new(),
            pending: Vec::new(),
        }
    }

    pub(super) fn message(&mut self, message: &MessageDescriptor) -> NodeId {
        let next = NodeId(self.node_ids.len());
        let id = *self.node_ids.entry(message.full_name().to_owned()).or_insert(next);
        if id == next {
            self.pending.push(message.clone());
        }
        id
    }

    pub(super) fn finish(mut self) -> Graph {
        let mut done = 0;
        while let Some(message) = self.pending.get(done).cloned() {
            let node = self.node(&message);
            self.nodes.push(node);
            done += 1;
        }
        Graph { nodes: self.nodes, enums: self.enums }
    }

    fn node(&mut self, message: &MessageDescriptor) -> Node {
        let oneofs: Vec<String> = message
            .oneofs()
            .filter(|oneof| !oneof.is_synthetic())
            .map(|oneof| oneof.full_name().to_owned())
            .collect();
        let mut fields: Vec<Field> = message
            .fields()
            .map(|field| {
                let oneof = field.containing_oneof();
                let oneof =
                    oneof.and_then(|own| oneofs.iter().position(|it| it == own.full_name()));
                self.field(&field, oneof)
            })
            .collect();
        fields.sort_by_key(|field| field.number);
        let meaning = meaning(message.full_name(), &fields);
        Node { fields, meaning }
    }

    fn field(&mut self, field: &FieldDescriptor, oneof: Option<usize>) -> Field {
        let is_proto3 = field.parent_file().syntax() == Syntax::Proto3;
        let kind = match field.kind() {
            Described::Double => Kind::Double,
            Described::Float => Kind::Float,
            Described::Int32 => Kind::Int32,
            Described::Int64 => Kind::Int64,
            Described::Uint32 => Kind::Uint32,
            Described::Uint64 => Kind::Uint64,
            Described::Sint32 => Kind::Sint32,
            Described::Sint64 => Kind::Sint64,
            Described::Fixed32 => Kind::Fixed32,
            Described::Fixed64 => Kind::Fixed64,
            Described::Sfixed32 => Kind::Sfixed32,
            Described::Sfixed64 => Kind::Sfixed64,
            Described::Bool => Kind::Flag,
            Described::String => Kind::Text { strict: is_proto3 },
            Described::Bytes => Kind::Bytes,
            Described::Enum(described) => Kind::Enum(self.enumeration(&described)),
            Described::Message(message) if field.is_group() => Kind::Group(self.message(&message)),
            Described::Message(message) => Kind::Message(self.message(&message)),
        };
        let shape = if field.is_map() {
            Shape::Map
        } else if field.is_list() {
            Shape::List
        } else {
            Shape::One
        };
        let json_name = field.json_name();
        Field {
            number: field.number(),
            name: field.name().into(),
            json_name: (json_name != field.name()).then(|| json_name.into()),
            kind,
            shape,
            oneof,
            implied: (shape == Shape::One).then(|| self.implied(field, kind)).flatten(),
        }
    }

    /// The value of the field if it is absent: its declared default, or the default of its type if
    /// the field has no presence.
    fn implied(&self, field: &FieldDescriptor, kind: Kind) -> Option<Implied> {
        let has_default = field.field_descriptor_proto().default_value.is_some();
        if field.supports_presence() && !has_default {
            return None;
        }
        let name = |index: usize, number: i32| {
            let values = &self.enums.get(index)?.values;
            let value = values.iter().find(|(own, _)| *own == number)?;
            Some(Implied::Text(value.1.clone()))
        };
        let json = |scalar: Scalar<'_>| Some(Implied::Json(scalar.literal()?.as_str().into()));
        match (field.default_value(), kind) {
            (Value::EnumNumber(number), Kind::Enum(index)) => {
                name(index, number).or_else(|| json(Scalar::Signed(number.into())))
            }
            (Value::Bool(flag), _) => json(Scalar::Flag(flag)),
            (Value::I32(number), _) => json(Scalar::Signed(number.into())),
            (Value::I64(number), _) => json(Scalar::Signed(number)),
            (Value::U32(number), _) => json(Scalar::Unsigned(number.into())),
            (Value::U64(number), _) => json(Scalar::Unsigned(number)),
            (Value::F32(number), _) => json(Scalar::Float(number)),
            (Value::F64(number), _) => json(Scalar::Double(number)),
            (Value::String(text), _) if !text.is_empty() => Some(Implied::Text(text.into())),
            // An empty text counts as absent.
            _ => None,
        }
    }

    fn enumeration(&mut self, described: &EnumDescriptor) -> usize {
        let next = self.enums.len();
        let id = *self.enum_ids.entry(described.full_name().to_owned()).or_insert(next);
        if id == next {
            let mut values = BTreeMap::new();
            let declared = &described.enum_descriptor_proto().value;
            for value in declared {
                values.entry(value.number()).or_insert_with(|| value.name().into());
            }
            let first = declared.first().map(|value| value.number()).unwrap_or_default();
            self.enums.push(Enum { values: values.into_iter().collect(), first });
        }
        id
    }
}

/// The meaning of a message with this name and these fields. The name alone is not sufficient: the
/// fields must match as well.
fn meaning(name: &str, fields: &[Field]) -> Meaning {
    let is = |expected: &[Kind]| {
        fields.len() == expected.len()
            && (1_u32..).zip(fields).zip(expected).all(|((number, field), kind)| {
                let same = match (field.kind, kind) {
                    (Kind::Text { .. }, Kind::Text { .. }) => true,
                    (own, kind) => own == *kind,
                };
                same && field.number == number && field.shape == Shape::One
            })
    };
    match name {
        "google.protobuf.Timestamp" if is(&[Kind::Int64, Kind::Int32]) => Meaning::Moment,
        "google.type.Date" if is(&[Kind::Int32; 3]) => Meaning::Day,
        "google.type.Decimal" if is(&[Kind::Text { strict: true }]) => Meaning::DecimalText,
        "confluent.type.Decimal" if is(&[Kind::Bytes, Kind::Uint32, Kind::Int32]) => {
            Meaning::DecimalBytes
        }
        // They have nanos but are not money.
        "google.protobuf.Timestamp"
        | "google.protobuf.Duration"
        | "google.type.DateTime"
        | "google.type.TimeOfDay" => Meaning::Plain,
        _ if is_wrapper(name) && fields.len() == 1 => {
            let is_value =
                fields.first().is_some_and(|it| it.shape == Shape::One && it.number == 1);
            if is_value { Meaning::Wrapper(0) } else { Meaning::Plain }
        }
        _ => {
            let whole = |name: &str| {
                fields.iter().position(|field| {
                    *field.name == *name
                        && !matches!(field.kind, Kind::Message(_) | Kind::Group(_))
                        && field.shape == Shape::One
                        && field.oneof.is_none()
                })
            };
            match (whole("units"), whole("nanos")) {
                (None, None) => Meaning::Plain,
                (units, nanos) => Meaning::Units(units, nanos),
            }
        }
    }
}

fn is_wrapper(name: &str) -> bool {
    let kind = name.strip_prefix("google.protobuf.").and_then(|it| it.strip_suffix("Value"));
    kind.is_some_and(|kind| {
        ["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"]
            .contains(&kind)
    })
}

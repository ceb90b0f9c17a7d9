//! Protocol Buffers (protobuf.dev).
//!
//! [`sources`] and [`files`] resolve a schema, [`compile`] makes a [`graph`] of its messages, [`wire`] reads their bytes, [`occurrences`]
//! says which of a message's fields hold, [`scalar`] and [`whole`] what they say, and [`json`] writes
//! a record for people.

mod compile;
mod entry;
mod files;
mod graph;
mod json;
mod known;
mod occurrences;
#[cfg(test)]
pub(crate) mod sample;
mod scalar;
mod sources;
mod whole;
mod wire;

use std::{path::Path, sync::Arc};

use prost_reflect::{FileDescriptor, MessageDescriptor};

use super::{Import, SchemaError};

pub(crate) use entry::Entry;
pub(crate) use graph::{Field, Graph, Implied, Kind, Node, NodeId, Shape};
pub(crate) use json::to_json;
pub(crate) use occurrences::{Occurrence, Within, collect};
pub(crate) use scalar::{Scalar, Values};
pub(crate) use whole::Whole;
pub(crate) use wire::{Broken, Span, Wire};

/// A schema: a file, and those that it imports.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Every message that the file declares, those within others behind them.
    messages: Arc<[Declared<Message>]>,
    /// The one that all records are where no header says which.
    chosen: Option<Message>,
    /// Whether a map's entries are counted among the messages of a header's indexes.
    counts_entries: bool,
}

/// A message of a schema.
#[derive(Clone, Debug)]
pub struct Message {
    graph: Arc<Graph>,
    id: NodeId,
}

/// A message that a file declares.
#[derive(Debug)]
struct Declared<M> {
    message: M,
    /// Within which other one, and the how manyth of it, with and without the entries of maps.
    parent: Option<usize>,
    index: usize,
    index_without_entries: Option<usize>,
}

impl Message {
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) const fn id(&self) -> NodeId {
        self.id
    }
}

impl Schema {
    /// Compiles a file's text (or its descriptor in base64, as some serializers register it), and the
    /// files that it imports.
    ///
    /// # Errors
    /// The text is no schema, or imports what is not there.
    pub fn compile(text: &str, imports: &[Import]) -> Result<Self, SchemaError> {
        let file = sources::file(text, imports)?;
        let first = file.messages().next();
        Ok(Self { counts_entries: sources::is_descriptor(text), ..Self::of_file(&file, first) })
    }

    /// Compiles a schema that stands in a file: a .proto file, whose imports are looked up in its folder
    /// and in those that the folder lies in, or what `protoc --include_imports -o` writes. `message`
    /// names the message that all records are, in full or by its last name; without it there must be
    /// only one that is not within another.
    ///
    /// # Errors
    /// The file cannot be read or is no schema, imports what is not there, or does not say which
    /// message is meant.
    pub fn of_files(path: &Path, message: Option<&str>) -> Result<Self, SchemaError> {
        let file = files::open(path)?;
        let chosen = files::choose(&file, message)?;
        Ok(Self::of_file(&file, Some(chosen)))
    }

    fn of_file(file: &FileDescriptor, chosen: Option<MessageDescriptor>) -> Self {
        let mut builder = compile::Builder::new();
        let chosen = chosen.map(|message| builder.message(&message));
        let mut declared = Vec::new();
        declare(file.messages(), None, &mut builder, &mut declared);
        let graph = Arc::new(builder.finish());
        let message = |id| Message { graph: Arc::clone(&graph), id };
        Self {
            chosen: chosen.map(message),
            messages: declared.into_iter().map(|it| it.map(message)).collect(),
            counts_entries: false,
        }
    }

    /// The message that all records are where no header says which: the file's first one.
    #[must_use]
    pub const fn message(&self) -> Option<&Message> {
        self.chosen.as_ref()
    }

    /// The message at that place in the file: each number is an index into the messages of the one
    /// before it.
    ///
    /// Serializers differ in whether the entries of maps, which are messages of a file's descriptor
    /// and not of its text, are counted: the way of those that register that kind goes first, the
    /// other one where that leads to no message.
    #[must_use]
    pub fn message_at(&self, indexes: &[usize]) -> Option<&Message> {
        self.find(indexes, self.counts_entries).or_else(|| self.find(indexes, !self.counts_entries))
    }

    fn find(&self, indexes: &[usize], counts_entries: bool) -> Option<&Message> {
        let mut at = None;
        for index in indexes {
            at = Some(self.messages.iter().position(|declared| {
                let own = if counts_entries {
                    declared.index_without_entries.map(|_| declared.index)
                } else {
                    declared.index_without_entries
                };
                declared.parent == at && own == Some(*index)
            })?);
        }
        self.messages.get(at?).map(|it| &it.message)
    }
}

impl<M> Declared<M> {
    fn map<N>(self, of: impl Fn(M) -> N) -> Declared<N> {
        let Self { message, parent, index, index_without_entries } = self;
        Declared { message: of(message), parent, index, index_without_entries }
    }
}

/// Adds the messages, each before those that lie within it.
fn declare(
    messages: impl Iterator<Item = MessageDescriptor>,
    parent: Option<usize>,
    builder: &mut compile::Builder,
    declared: &mut Vec<Declared<NodeId>>,
) {
    let mut without_entries = 0;
    for (index, message) in messages.enumerate() {
        let own = (!message.is_map_entry()).then_some(without_entries);
        without_entries += usize::from(own.is_some());
        let at = declared.len();
        let id = builder.message(&message);
        declared.push(Declared { message: id, parent, index, index_without_entries: own });
        declare(message.child_messages(), Some(at), builder, declared);
    }
}

#[cfg(test)]
mod tests;

//! Protocol Buffers (protobuf.dev).
//!
//! [`sources`] and [`files`] resolve a schema, [`compile`] builds a [`graph`] of its messages,
//! [`wire`] reads their bytes, [`occurrences`] finds the effective fields of a message, [`scalar`]
//! and [`whole`] decode their values, and [`json`] converts a record for display.

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

/// A schema: a file and its imports.
#[derive(Clone, Debug)]
pub struct Schema {
    /// All messages declared in the file; nested ones follow their parents.
    messages: Arc<[Declared<Message>]>,
    /// The message of records without message indexes.
    chosen: Option<Message>,
    /// Whether message indexes count map entries.
    counts_entries: bool,
}

/// A message of a schema.
#[derive(Clone, Debug)]
pub struct Message {
    graph: Arc<Graph>,
    id: NodeId,
}

/// A message declared in a file.
#[derive(Debug)]
struct Declared<M> {
    message: M,
    /// Its parent, and its index in it, with and without map entries.
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
    /// Compiles a file's text (or its base64 descriptor, as some serializers register it), and the
    /// files that it imports.
    ///
    /// # Errors
    /// The text is not a schema, or an import is missing.
    pub fn compile(text: &str, imports: &[Import]) -> Result<Self, SchemaError> {
        let file = sources::file(text, imports)?;
        let first = file.messages().next();
        Ok(Self { counts_entries: sources::is_descriptor(text), ..Self::of_file(&file, first) })
    }

    /// Compiles a schema file: a .proto file, whose imports are looked up in its directory and the
    /// parent directories, or the output of `protoc --include_imports -o`. `message` is the full or
    /// simple name of the message of all records; without it, there must be only one top-level
    /// message.
    ///
    /// # Errors
    /// The file cannot be read or is not a schema, an import is missing, or the message is
    /// ambiguous.
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

    /// The message of records without message indexes: the first one of the file.
    #[must_use]
    pub const fn message(&self) -> Option<&Message> {
        self.chosen.as_ref()
    }

    /// The message with these indexes: each is an index into the messages of the previous one.
    ///
    /// Serializers differ in whether they count map entries, which are messages in a file's
    /// descriptor but not in its text. The convention of serializers that register this form is
    /// tried first, and the other one if that yields no message.
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

/// Adds the messages, each before its nested ones.
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

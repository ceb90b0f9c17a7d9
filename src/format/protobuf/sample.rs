//! Messages for tests, encoded by prost-reflect, an independent implementation.

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, prost::Message as _};

use super::sources;
use crate::format::Import;

/// A schema and the compiler's descriptors of it.
pub(crate) struct Sample {
    pub(crate) schema: super::Schema,
    pool: DescriptorPool,
}

impl Sample {
    #[track_caller]
    pub(crate) fn of(text: &str) -> Self {
        Self::importing(text, &[])
    }

    #[track_caller]
    pub(crate) fn importing(text: &str, imports: &[(&str, &str)]) -> Self {
        let imports: Vec<_> = imports
            .iter()
            .map(|(name, text)| Import { name: (*name).to_owned(), text: (*text).to_owned() })
            .collect();
        let pool = sources::file(text, &imports).unwrap().parent_pool().clone();
        Self { schema: super::Schema::compile(text, &imports).unwrap(), pool }
    }

    /// A schema file whose records are all this message.
    #[track_caller]
    pub(crate) fn of_message(text: &str, message: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schema.proto");
        std::fs::write(&path, text).unwrap();
        let schema = super::Schema::of_files(&path, Some(message)).unwrap();
        Self { schema, ..Self::of(text) }
    }

    #[track_caller]
    pub(crate) fn descriptor(&self, message: &str) -> MessageDescriptor {
        self.pool.get_message_by_name(message).unwrap()
    }

    /// A message in the text format.
    #[track_caller]
    pub(crate) fn encode(&self, message: &str, text: &str) -> Vec<u8> {
        let message = DynamicMessage::parse_text_format(self.descriptor(message), text);
        message.unwrap().encode_to_vec()
    }
}

/// A varint of the wire format.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A field of the wire format: its number, wire type and value.
pub(crate) fn field(number: u64, wire_type: u64, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | wire_type), value.to_vec()].concat()
}

/// A length-delimited field.
pub(crate) fn length(number: u64, value: &[u8]) -> Vec<u8> {
    field(number, 2, &[varint(value.len() as u64), value.to_vec()].concat())
}

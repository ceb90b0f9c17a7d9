//! The places outside a record's value: its key, headers, timestamp and coordinates.

use std::borrow::Cow;

use bumpalo::Bump;

use super::{
    super::{
        Rules,
        decode::{Found, Sink, avro},
        mapping::Place,
        value::Value,
    },
    encoded,
};
use crate::{
    format::{Encoded, Schemas},
    kafka::{Record, TopicPartition},
};

impl Rules {
    /// Reads the places outside the record's value.
    pub(super) fn outside<'r, 'p>(
        &'r self,
        sink: &mut Sink<'r, 'p>,
        (partition, record): (&TopicPartition, &'p Record),
        schemas: &'p Schemas,
        arena: &'p Bump,
    ) where
        'r: 'p,
    {
        let key = record.key.as_deref().map(|bytes| self.reading.key(bytes, schemas));
        for outside in self.mapping.outside() {
            let value = match &outside.place {
                Place::Key(None) => match key {
                    None => Value::Null,
                    Some(Ok(Encoded::Json(bytes))) => bytes_value(Some(bytes)),
                    Some(Ok(Encoded::Avro(schema, bytes))) => {
                        avro::single(bytes, schema, arena).map_or(Value::Other, Found::value)
                    }
                    Some(Ok(Encoded::Protobuf(..)) | Err(_)) => Value::Other,
                },
                Place::Header(name) => bytes_value(record.headers.get(name.as_bytes()).flatten()),
                Place::Timestamp => record.timestamp.map_or(Value::Null, |milliseconds| {
                    // In seconds, which are recognized as such by their magnitude.
                    Value::Number(arena.alloc_str(&seconds(milliseconds)))
                }),
                Place::Coordinates => {
                    let TopicPartition { topic, partition, topic_id } = partition;
                    let coordinates = format!("{topic}/{topic_id}/{partition}/{}", record.offset);
                    Value::Text(Cow::Borrowed(arena.alloc_str(&coordinates)))
                }
                Place::Key(Some(_)) | Place::Field { .. } => continue,
            };
            sink.give(outside.taker, Found::Value(arena.alloc(value)));
        }
        if let Some(spot) = self.mapping.key() {
            let encoded = match key {
                None => Encoded::Json(b"null"),
                Some(Ok(encoded)) => encoded,
                Some(Err(_)) => return,
            };
            // A key that cannot be read has no fields.
            let _ = encoded::read(encoded, spot, sink, arena);
        }
    }
}

/// The value of bytes outside the record's value, read as text.
fn bytes_value(bytes: Option<&[u8]>) -> Value<'_> {
    match bytes.map(std::str::from_utf8) {
        None => Value::Null,
        Some(Ok(text)) => Value::Text(text.into()),
        Some(Err(_)) => Value::Other,
    }
}

/// Milliseconds as seconds with a fraction, such as `1795000000.123`.
fn seconds(milliseconds: i64) -> String {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let all = milliseconds.unsigned_abs();
    format!("{sign}{}.{:03}", all / 1_000, all % 1_000)
}

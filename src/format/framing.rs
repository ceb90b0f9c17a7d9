//! The header that a schema registry's serializers write before a record's bytes: a zero byte and
//! the schema id (Confluent's documentation, "Wire format"). For Protocol Buffers, message indexes
//! follow.

use std::fmt;

/// The first byte of the header.
pub(super) const MAGIC: u8 = 0;

/// The id of a schema in a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId(pub u32);

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The schema id and the bytes after the header; `None` without a header.
pub(super) fn split(bytes: &[u8]) -> Option<(SchemaId, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<5>()?;
    let [MAGIC, id @ ..] = *header else { return None };
    Some((SchemaId(u32::from_be_bytes(id)), rest))
}

/// The header of a record with this schema.
pub(crate) fn header(SchemaId(id): SchemaId) -> [u8; 5] {
    let [a, b, c, d] = id.to_be_bytes();
    [MAGIC, a, b, c, d]
}

/// The maximum nesting of messages; more than this is not a header.
const INDEXES_LIMIT: usize = 100;

/// The message indexes and the bytes after them: zigzag varints, preceded by their count. A single
/// zero stands for the first message.
pub(super) fn message_indexes(bytes: &[u8]) -> Option<(Vec<usize>, &[u8])> {
    let (count, mut rest) = zigzag(bytes)?;
    let count = usize::try_from(count).ok().filter(|count| *count <= INDEXES_LIMIT)?;
    if count == 0 {
        return Some((vec![0], rest));
    }
    let mut indexes = Vec::new();
    for _ in 0..count {
        let (index, behind) = zigzag(rest)?;
        indexes.push(usize::try_from(index).ok()?);
        rest = behind;
    }
    Some((indexes, rest))
}

/// A zigzag varint of up to 64 bits.
fn zigzag(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(at * 7).ok()?)?;
        if byte & 0x80 == 0 {
            let half = i64::try_from(value >> 1).ok()?;
            return Some((if value & 1 == 0 { half } else { -half - 1 }, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_zero_byte_and_an_id() {
        assert_eq!(split(&[0, 0, 0, 1, 2, 9]), Some((SchemaId(258), &[9][..])));
        assert_eq!(split(&[0, 0, 0, 0, 1]), Some((SchemaId(1), &[][..])));
        assert_eq!(split(&[0, 0, 0, 0]), None);
        assert_eq!(split(&[1, 0, 0, 0, 1]), None);
        assert_eq!(split(&header(SchemaId(258))), Some((SchemaId(258), &[][..])));
    }

    #[test]
    fn message_indexes_are_counted_and_zigzag() {
        assert_eq!(message_indexes(&[0, 7]), Some((vec![0], &[7][..])));
        assert_eq!(message_indexes(&[2, 2, 7]), Some((vec![1], &[7][..])));
        assert_eq!(message_indexes(&[4, 4, 0]), Some((vec![2, 0], &[][..])));
        assert_eq!(message_indexes(&[2, 0x80, 2]), Some((vec![128], &[][..])));
        for broken in [&[][..], &[4, 2], &[1], &[2, 1], &[0x80], &[0xff; 11]] {
            assert_eq!(message_indexes(broken), None, "{broken:?}");
        }
    }
}

//! Mutates messages field by field, at any depth, and then byte by byte.

use testbed::samples::Random;

use crate::format::protobuf::sample::{field, length, varint};

/// The fields of a message, each with its tag; `None` if the bytes are not a message.
fn split(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (tag, behind) = number(rest)?;
        let length = match tag & 7 {
            0 => behind.len() - number(behind)?.1.len(),
            1 => 8,
            5 => 4,
            2 => {
                let (length, inside) = number(behind)?;
                behind.len() - inside.len() + usize::try_from(length).ok()?
            }
            // Groups are not changed.
            _ => return None,
        };
        let end = rest.len() - behind.len() + length;
        fields.push(rest.get(..end)?);
        rest = &rest[end..];
    }
    Some(fields)
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)?;
    let mut value = 0_u64;
    for (at, byte) in bytes[..=end].iter().enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(at * 7).ok()?)?;
    }
    Some((value, &bytes[end + 1..]))
}

/// The contents of a length-delimited field.
fn inside(field: &[u8]) -> Option<(u64, &[u8])> {
    let (tag, rest) = number(field)?;
    (tag & 7 == 2).then(|| number(rest)).flatten().map(|(_, inside)| (tag >> 3, inside))
}

/// The message with mutated fields, at any depth.
pub(super) fn twisted(bytes: &[u8], other: &[u8], random: &mut Random, depth: usize) -> Vec<u8> {
    let (Some(mut fields), Some(others)) = (split(bytes), split(other)) else {
        return bytes.to_vec();
    };
    if fields.is_empty() || others.is_empty() {
        return other.to_vec();
    }
    let at = random.below(fields.len());
    if depth < 6
        && random.below(2) == 0
        && let Some((number, message)) = inside(fields[at])
    {
        let changed = length(number, &twisted(message, other, random, depth + 1));
        let (before, after) = fields.split_at(at);
        return [before.concat(), changed, after[1..].concat()].concat();
    }
    let values =
        [0, 1, 2, 17, 300, 2026, 1 << 31, (1 << 32) + 5, i64::MAX as u64, u64::MAX, u64::MAX - 4];
    let own = number(fields[at]).map_or(1, |(tag, _)| tag >> 3);
    let made = match random.below(5) {
        0 => field(own, 0, &varint(values[random.below(values.len())])),
        1 => length(
            own,
            [&b""[..], b"SECRET", b"\xff", b"12.5", b"{\"id\": 1}", b"\x08\x01"][random.below(6)],
        ),
        2 => field(own, 1, &random.bits().to_le_bytes()),
        3 => field(own, 1, &[0.0, 0.1, 1e300, f64::NAN, -1.5][random.below(5)].to_le_bytes()),
        _ => field(own, 5, &[0.0, 0.1_f32, 349.9, f32::INFINITY][random.below(4)].to_le_bytes()),
    };
    match random.below(9) {
        0 => drop(fields.remove(at)),
        1 => fields.push(fields[at]),
        2 => fields.insert(at, others[random.below(others.len())]),
        3 => fields.extend(others),
        4 => fields.extend(vec![fields[at]; [1, 2, 50][random.below(3)]]),
        5 => fields[at] = others[random.below(others.len())],
        6 => {
            let to = random.below(fields.len());
            fields.swap(at, to);
        }
        7 => {
            let mut deep = fields.concat();
            for _ in 0..[1, 1, 2, 200][random.below(4)] {
                deep = length([12, 22, 6, 3, 21][random.below(5)], &deep);
            }
            return deep;
        }
        _ => {
            fields[at] = &made;
            return fields.concat();
        }
    }
    fields.concat()
}

/// Mutates arbitrary bytes.
pub(super) fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let until = (at + random.below(20)).min(bytes.len());
    match random.below(7) {
        0 if at < until => bytes[at] ^= 1 << random.below(8),
        1 if at < until => bytes[at] = random.bits().to_le_bytes()[0],
        2 => drop(bytes.drain(at..until)),
        3 => {
            let again = bytes[at..until].to_vec();
            bytes.splice(at..at, again);
        }
        4 => bytes.truncate(at),
        5 => drop(bytes.splice(at..at, varint(random.bits() >> random.below(64)))),
        _ => {
            let some: [&[u8]; 8] =
                [b"\xff", b"\0", b"\x0b\x0c", b"\x13", b"\x14", b"\x80\x80\x80", b"\x0a\x7f", b"{"];
            drop(bytes.splice(at..at, some[random.below(8)].iter().copied()));
        }
    }
}

/// Whether the bytes may contain a map entry of these schemas with a wrong wire type: prost-reflect
/// ignores the wire type of map entries.
pub(super) fn may_mistake_a_map(bytes: &[u8]) -> bool {
    let wrong = [0, 1, 3, 4, 5];
    let tags = [11, 23].into_iter().flat_map(|map| wrong.map(|wire| varint(map << 3 | wire)));
    // The same number may be written in more bytes than necessary.
    let longer = |mut tag: Vec<u8>| {
        if let Some(last) = tag.last_mut() {
            *last |= 0x80;
        }
        tag
    };
    let mut tags = tags.flat_map(|tag| [tag.clone(), longer(tag)]);
    tags.any(|tag| bytes.windows(tag.len()).any(|window| window == tag))
}

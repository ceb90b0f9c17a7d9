//! Reads primitives of the binary encoding, and skips values.

use std::fmt;

use super::{DEPTH_LIMIT, Schema, Type, TypeId, Unit};

/// The maximum number of values without bytes: per byte of input, and in addition.
const EMPTY_PER_BYTE: usize = 8;
const EMPTY_EXTRA: usize = 1_000;

/// The input bytes and position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'p> {
    rest: &'p [u8],
    length: usize,
    /// The remaining number of values without bytes.
    empty: usize,
}

/// Why bytes are not a value of their schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The position, from 0.
    at: usize,
    /// The violated rule.
    rule: &'static str,
}

const TOO_DEEP: &str = "values must be nested at most 128 levels deep";

impl Fault {
    /// Whether values are nested too deeply.
    pub(crate) fn is_too_deep(&self) -> bool {
        self.rule == TOO_DEEP
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.rule)
    }
}

/// A block of elements of an array or a map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// The number of elements; may exceed the input only if they have no bytes.
    pub(crate) count: u64,
    /// Their size in bytes, if stated.
    size: Option<usize>,
}

impl<'p> Input<'p> {
    pub(crate) const fn new(bytes: &'p [u8]) -> Self {
        let length = bytes.len();
        let empty = length.saturating_mul(EMPTY_PER_BYTE).saturating_add(EMPTY_EXTRA);
        Self { rest: bytes, length, empty }
    }

    pub(crate) const fn fault(&self, rule: &'static str) -> Fault {
        Fault { at: self.length - self.rest.len(), rule }
    }

    /// # Errors
    /// Bytes follow the value.
    pub(crate) const fn end(&self) -> Result<(), Fault> {
        match self.rest {
            [] => Ok(()),
            _ => Err(self.fault("no bytes may follow the value")),
        }
    }

    /// Counts a value without bytes, or a record.
    pub(crate) const fn empty(&mut self) -> Result<(), Fault> {
        match self.empty.checked_sub(1) {
            Some(left) => {
                self.empty = left;
                Ok(())
            }
            None => Err(self.fault("there are too many values of length zero")),
        }
    }

    /// The depth of the contents of a value of this depth.
    pub(crate) const fn deeper(&self, depth: usize) -> Result<usize, Fault> {
        if depth >= DEPTH_LIMIT {
            return Err(self.fault(TOO_DEEP));
        }
        Ok(depth + 1)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'p [u8], Fault> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.fault("the bytes must not end within a value"));
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.fault("the bytes must not end within a value"));
        };
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, Fault> {
        let before = *self;
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(before.fault("a boolean must be 0 or 1")),
        }
    }

    /// A zigzag varint of up to 64 bits.
    pub(crate) fn long(&mut self) -> Result<i64, Fault> {
        let bits = match *self.rest {
            [byte @ 0..0x80, ref rest @ ..] => {
                self.rest = rest;
                u64::from(byte)
            }
            [low, high @ 0..0x80, ref rest @ ..] => {
                self.rest = rest;
                u64::from(low & 0x7f) | u64::from(high) << 7
            }
            _ => self.long_bits()?,
        };
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    fn long_bits(&mut self) -> Result<u64, Fault> {
        let mut bits = 0_u64;
        let mut shift = 0_u32;
        for (at, byte) in self.rest.iter().enumerate() {
            // Only one bit of the tenth byte is used.
            if shift == 63 && *byte > 1 {
                break;
            }
            bits |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(at + 1..).unwrap_or_default();
                return Ok(bits);
            }
            shift += 7;
        }
        Err(self.fault(match self.rest.len() {
            10.. => "a number must have at most 64 bits",
            _ => "the bytes must not end within a value",
        }))
    }

    pub(crate) fn int(&mut self) -> Result<i32, Fault> {
        let before = *self;
        i32::try_from(self.long()?).map_err(|_| before.fault("an int must have at most 32 bits"))
    }

    /// Length-prefixed bytes.
    pub(crate) fn bytes(&mut self) -> Result<&'p [u8], Fault> {
        let before = *self;
        match usize::try_from(self.long()?) {
            Ok(length) => self.take(length),
            Err(_) => Err(before.fault("a length must be 0 or more")),
        }
    }

    pub(crate) fn text(&mut self) -> Result<&'p str, Fault> {
        let before = *self;
        std::str::from_utf8(self.bytes()?).map_err(|_| before.fault("a text must be UTF-8"))
    }

    /// An index of a union's branch or an enum's symbol; returns that element of `all`.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Result<&'a T, Fault> {
        let before = *self;
        let index = usize::try_from(self.long()?).ok();
        let one = index.and_then(|index| all.get(index));
        one.ok_or_else(|| {
            before.fault("the index must refer to a branch of the union or a symbol of the enum")
        })
    }

    /// The next block of an array or map; `None` at its end.
    pub(crate) fn block(&mut self) -> Result<Option<Block>, Fault> {
        let before = *self;
        let count = self.long()?;
        let size = match count {
            0 => return Ok(None),
            1.. => None,
            _ => {
                let size = usize::try_from(self.long()?).ok().filter(|it| *it <= self.rest.len());
                Some(size.ok_or_else(|| before.fault("a block must not extend beyond the record"))?)
            }
        };
        Ok(Some(Block { count: count.unsigned_abs(), size }))
    }

    /// Skips the elements of a block of an array or, with keys, of a map.
    pub(crate) fn skip_block(
        &mut self,
        block: Block,
        (schema, of): (&Schema, TypeId),
        has_keys: bool,
        depth: usize,
    ) -> Result<(), Fault> {
        if let Some(size) = block.size {
            return self.take(size).map(|_| ());
        }
        for _ in 0..block.count {
            if has_keys {
                self.bytes()?;
            }
            self.skip(schema, of, depth)?;
        }
        Ok(())
    }

    /// The branch of a union, or the type itself.
    pub(crate) fn branch(&mut self, schema: &Schema, of: TypeId) -> Result<TypeId, Fault> {
        match schema.of(of) {
            Type::Union(branches) => self.one_of(branches).copied(),
            _ => Ok(of),
        }
    }

    /// Skips a value at nesting depth `depth`.
    pub(crate) fn skip(&mut self, schema: &Schema, of: TypeId, depth: usize) -> Result<(), Fault> {
        match schema.of(of) {
            Type::Null => self.empty(),
            Type::Boolean => self.boolean().map(|_| ()),
            Type::Int | Type::Date | Type::Time(Unit::Millis) => self.int().map(|_| ()),
            Type::Long | Type::Time(_) | Type::Timestamp(_) | Type::LocalTimestamp(_) => {
                self.long().map(|_| ())
            }
            Type::Float => self.take(4).map(|_| ()),
            Type::Double => self.take(8).map(|_| ()),
            Type::Bytes | Type::Text | Type::BigDecimal => self.bytes().map(|_| ()),
            Type::Fixed(_, size) => self.fixed(*size).map(|_| ()),
            Type::Decimal(decimal) => match &decimal.fixed {
                Some((_, size)) => self.fixed(*size).map(|_| ()),
                None => self.bytes().map(|_| ()),
            },
            Type::Uuid(_) => self.take(16).map(|_| ()),
            Type::Duration(_) => self.take(12).map(|_| ()),
            Type::Enum(_, symbols) => self.one_of(symbols).map(|_| ()),
            Type::Union(branches) => {
                let of = *self.one_of(branches)?;
                self.skip(schema, of, depth)
            }
            composite => {
                let depth = self.deeper(depth)?;
                match composite {
                    Type::Record(record) => {
                        self.empty()?;
                        record.fields.iter().try_for_each(|it| self.skip(schema, it.of, depth))
                    }
                    Type::Array(of) | Type::Map(of) => {
                        let has_keys = matches!(composite, Type::Map(_));
                        while let Some(block) = self.block()? {
                            self.skip_block(block, (schema, *of), has_keys, depth)?;
                        }
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// The bytes of a `fixed`.
    pub(crate) fn fixed(&mut self, size: usize) -> Result<&'p [u8], Fault> {
        if size == 0 {
            self.empty()?;
        }
        self.take(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(bytes: &[u8]) -> Result<i64, Fault> {
        let mut input = Input::new(bytes);
        let number = input.long()?;
        input.end().map(|()| number)
    }

    #[test]
    fn a_number_is_zigzag_and_has_at_most_64_bits() {
        let cases: [(&[u8], i64); 9] = [
            (&[0], 0),
            (&[1], -1),
            (&[2], 1),
            (&[0x7f], -64),
            (&[0x80, 1], 64),
            (&[0xff, 0x7f], -8_192),
            (&[0x80, 0x80, 1], 8_192),
            (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], i64::MAX),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], i64::MIN),
        ];
        for (bytes, number) in cases {
            assert_eq!(long(bytes), Ok(number), "{bytes:?}");
            for length in 0..bytes.len() {
                assert!(long(&bytes[..length]).is_err(), "{bytes:?} cut at {length}");
            }
        }
        for bytes in [
            &[0x80; 10][..],
            &[0xff; 11],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2],
        ] {
            assert_eq!(long(bytes).unwrap_err().rule, "a number must have at most 64 bits");
        }
        assert_eq!(Input::new(&[0xfe, 0xff, 0xff, 0xff, 0xf]).int(), Ok(i32::MAX));
        assert_eq!(Input::new(&[0xff, 0xff, 0xff, 0xff, 0xf]).int(), Ok(i32::MIN));
        assert!(Input::new(&[0x80, 0x80, 0x80, 0x80, 0x10]).int().is_err());
    }

    #[test]
    fn a_length_is_checked_against_the_rest() {
        assert_eq!(Input::new(&[4, 7, 8, 9]).bytes(), Ok(&[7, 8][..]));
        assert!(Input::new(&[6, 7, 8]).bytes().is_err());
        assert!(Input::new(&[1, 7, 8]).bytes().is_err());
        let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert!(Input::new(&huge).bytes().is_err());
        assert!(Input::new(&[1, 4, 7]).block().is_err());
        assert!(Input::new(&[1, 1, 7]).block().is_err());
        assert!(Input::new(&[0]).block().is_ok_and(|block| block.is_none()));
    }
}

//! Reads the variable-length fields of records, with bounds checks.

use std::ops::Range;

use crate::kafka::log::header::Fault;

const fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

// Separate functions, since faults are rare and should not be inlined into the hot path.

#[cold]
fn ends_early() -> Fault {
    Fault::corrupt("truncated record")
}

#[cold]
fn too_large() -> Fault {
    Fault::corrupt("an integer of more than 32 bits")
}

#[cold]
fn too_long(length: i32) -> Fault {
    Fault::corrupt(format!("invalid field length {length}"))
}

/// A position in a buffer.
pub(in crate::kafka) struct Wire<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Wire<'a> {
    pub(in crate::kafka) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    #[inline(always)]
    pub(in crate::kafka) fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.bytes.get(self.at).ok_or_else(ends_early)?;
        self.at += 1;
        Ok(*byte)
    }

    /// At most ten bytes of seven bits each, zigzag-encoded. Most numbers take one or two bytes.
    #[inline(always)]
    pub(in crate::kafka) fn varlong(&mut self) -> Result<i64, Fault> {
        match self.bytes.get(self.at..) {
            Some([one @ ..0x80, ..]) => {
                self.at += 1;
                Ok(zigzag(u64::from(*one)))
            }
            Some([low, high @ ..0x80, ..]) => {
                self.at += 2;
                Ok(zigzag(u64::from(low & 0x7f) | u64::from(*high) << 7))
            }
            _ => self.long_varlong(),
        }
    }

    #[cold]
    fn long_varlong(&mut self) -> Result<i64, Fault> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(zigzag(value));
            }
        }
        Err(Fault::corrupt("an integer of more than 64 bits"))
    }

    #[inline(always)]
    pub(in crate::kafka) fn varint(&mut self) -> Result<i32, Fault> {
        i32::try_from(self.varlong()?).map_err(|_| too_large())
    }

    /// The range of bytes after their length; `None` if the length is -1.
    #[inline(always)]
    pub(in crate::kafka) fn nullable(&mut self) -> Result<Option<Range<usize>>, Fault> {
        let length = self.varint()?;
        if length == -1 { Ok(None) } else { self.skip(length).map(Some) }
    }

    /// The bytes after their length; `None` if the length is -1.
    pub(in crate::kafka) fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        Ok(self.nullable()?.map(|range| self.bytes.get(range).unwrap_or_default()))
    }

    /// The bytes that were not read yet.
    pub(in crate::kafka) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Skips `length` bytes and returns their range.
    #[inline]
    pub(in crate::kafka) fn skip(&mut self, length: i32) -> Result<Range<usize>, Fault> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        match end.filter(|end| *end <= self.bytes.len()) {
            Some(end) => Ok(std::mem::replace(&mut self.at, end)..end),
            None => Err(too_long(length)),
        }
    }
}

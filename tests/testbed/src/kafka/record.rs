//! Records to send.

use std::collections::BTreeMap;

/// A record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Has no effect on the partition, which is specified separately.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// In milliseconds since 1970; `None` is the time of sending.
    pub timestamp: Option<i64>,
    /// Headers with the same name are sent as one, with the last value.
    pub headers: BTreeMap<String, Vec<u8>>,
}

impl Record {
    /// A record without a key.
    #[must_use]
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self { payload: Some(payload.into()), ..Self::default() }
    }

    /// A record without a payload.
    #[must_use]
    pub fn tombstone(key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }

    /// The same with this key.
    #[must_use]
    pub fn with_key(self, key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// The same with this additional header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// The same with this timestamp, in milliseconds since 1970.
    #[must_use]
    pub fn with_timestamp(self, timestamp: i64) -> Self {
        Self { timestamp: Some(timestamp), ..self }
    }

    pub(super) fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len() + 10);
        let parts = [&self.key, &self.payload].into_iter().flatten().map(Vec::len);
        parts.sum::<usize>() + headers.sum::<usize>() + 32
    }
}

//! What is sent.

/// A record without headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Decides nothing here: the partition is said apart.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
}

impl Record {
    /// One without a key.
    #[must_use]
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self { key: None, payload: Some(payload.into()) }
    }

    /// One without a payload.
    #[must_use]
    pub fn tombstone(key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), payload: None }
    }

    /// The same with this key.
    #[must_use]
    pub fn with_key(self, key: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    pub(super) fn size(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.payload.as_ref().map_or(0, Vec::len) + 32
    }
}

//! Why a call to a broker failed.

use std::fmt;

/// Why a call to a broker failed.
#[derive(Clone, Debug)]
pub(in crate::kafka) enum CallError {
    /// The broker supports no compatible version of this request.
    NoVersion(&'static str),
    /// The deadline passed during this operation.
    Timeout(&'static str),
    /// Connecting failed, or the connection was lost.
    Broken(String),
    /// Authentication failed, of this client or of the broker. The operator has to correct it.
    Denied(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVersion(what) => write!(f, "supports no compatible version of {what}"),
            Self::Timeout(what) => write!(f, "timed out ({what})"),
            Self::Broken(cause) | Self::Denied(cause) => f.write_str(cause),
        }
    }
}

impl CallError {
    pub(super) fn broken(error: impl fmt::Display) -> Self {
        Self::Broken(error.to_string())
    }
}

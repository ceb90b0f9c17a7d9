//! Errors of the registry.

/// Why a request to the registry failed. The texts name its address, and no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It is unreachable, too slow, or the response is not that of a registry. A retry can help.
    #[error("{0}")]
    Transient(String),
    /// The operator has to correct something.
    #[error("{0}")]
    NeedsAttention(String),
}

//! Why the registry cannot be asked.

/// Why the registry cannot be asked. The texts name its address, and no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It is out of reach, too slow, or answers what no registry answers: that may pass.
    #[error("{0}")]
    PassesByItself(String),
    /// A person has to put something right.
    #[error("{0}")]
    NeedsAPerson(String),
}

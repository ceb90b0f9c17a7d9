//! The names that vendas reads without a mapping.

use crate::order::Role;

/// The built-in names of the role with this key in `mapping`.
pub(crate) fn names(role: &str) -> Vec<&'static str> {
    Role::ALL
        .into_iter()
        .filter(|known| known.key() == role)
        .flat_map(|known| known.built_in_names().iter().copied())
        .collect()
}

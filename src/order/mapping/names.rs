//! A lookup table by name, optimized for names that are not in it.

/// Names with their values, indexed by length in bytes, then compared by first and last byte, so
/// that full comparisons are rare.
#[derive(Clone, Debug)]
pub(in crate::order) struct Names<T> {
    by_length: Vec<Vec<Entry<T>>>,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    ends: [u8; 2],
    name: Box<str>,
    value: T,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { by_length: Vec::new() }
    }
}

/// The first and the last byte.
fn ends(name: &str) -> [u8; 2] {
    match name.as_bytes() {
        [first, .., last] => [*first, *last],
        [only] => [*only; 2],
        [] => [0; 2],
    }
}

impl<T> Names<T> {
    pub(in crate::order) fn get(&self, name: &str) -> Option<&T> {
        let entries = self.by_length.get(name.len())?;
        let wanted = ends(name);
        let same = |entry: &&Entry<T>| entry.ends == wanted && *entry.name == *name;
        entries.iter().find(same).map(|entry| &entry.value)
    }

    /// The value of `name`; inserts `T::default()` if it is missing.
    pub(super) fn entry(&mut self, name: &str) -> &mut T
    where
        T: Default,
    {
        if self.by_length.len() <= name.len() {
            self.by_length.resize_with(name.len() + 1, Vec::new);
        }
        // Resized above.
        #[expect(clippy::indexing_slicing, reason = "resized above")]
        let entries = &mut self.by_length[name.len()];
        let index = entries.iter().position(|entry| *entry.name == *name).unwrap_or_else(|| {
            entries.push(Entry { ends: ends(name), name: name.into(), value: T::default() });
            entries.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed above")]
        &mut entries[index].value
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.by_length.iter_mut().flatten().map(|entry| &mut entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_exactly() {
        let mut names = Names::default();
        for (name, value) in [("", 1), ("a", 2), ("ab", 3), ("axb", 4), ("ayb", 5), ("ção", 6)] {
            *names.entry(name) = value;
        }
        *names.entry("ab") += 10;
        for (name, value) in [("", 1), ("a", 2), ("ab", 13), ("axb", 4), ("ayb", 5), ("ção", 6)] {
            assert_eq!(names.get(name), Some(&value));
        }
        for name in ["b", "azb", "AB", "abc", &"a".repeat(1_000)] {
            assert_eq!(names.get(name), None);
        }
    }
}

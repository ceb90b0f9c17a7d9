//! The actual structure of the tables and views, read from the catalogue.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::error::StoreError;

/// The actual structure of a table, from the catalogue.
#[derive(Default)]
pub(super) struct Found {
    pub(super) is_view: bool,
    pub(super) is_logged: bool,
    pub(super) columns: HashMap<String, FoundColumn>,
    pub(super) keys: Vec<Vec<String>>,
    pub(super) privileges: Vec<String>,
}

pub(super) struct FoundColumn {
    pub(super) data_type: String,
    pub(super) demands_value: bool,
}

impl Found {
    pub(super) fn is_readable(&self) -> bool {
        self.privileges.iter().any(|privilege| privilege == "SELECT")
            && self.columns.get("version").is_some_and(|column| column.data_type == "integer")
    }

    pub(super) fn add(&mut self, row: &Row) -> Result<(), StoreError> {
        let column: String = row.try_get("column_name")?;
        let data_type: String = row.try_get("data_type")?;
        // A type outside of search_path is printed with its schema.
        let data_type = match data_type.rsplit_once('.') {
            Some((_, unqualified)) => unqualified.to_owned(),
            None => data_type,
        };
        let demands_value = row.try_get("demands_value")?;
        self.columns.insert(column, FoundColumn { data_type, demands_value });
        self.is_view = row.try_get("is_view")?;
        self.is_logged = row.try_get("is_logged")?;
        if self.privileges.is_empty() {
            self.privileges = row.try_get("privileges")?;
        }
        if self.keys.is_empty() {
            let keys: Vec<String> = row.try_get("unique_keys")?;
            self.keys =
                keys.iter().map(|key| key.split(',').map(str::to_owned).collect()).collect();
        }
        Ok(())
    }
}

/// Whether a column of type `have` satisfies `wanted`, a type of [`Table::columns`](super::tables::Table::columns).
pub(super) fn satisfies(wanted: &str, have: &str) -> bool {
    wanted.split('|').any(|wanted| {
        wanted == have || wanted == "numeric(p,s)" && precision_and_scale(have).is_some()
    })
}

/// Precision and scale of `numeric(p,s)`, unless the scale is negative.
pub(super) fn precision_and_scale(data_type: &str) -> Option<(u32, u32)> {
    let (precision, scale) =
        data_type.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',')?;
    Some((precision.parse().ok()?, scale.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{precision_and_scale, satisfies};

    #[test]
    fn types_are_compared_with_each_that_will_do() {
        let total = "numeric|numeric(p,s)";
        for (have, right) in
            [("numeric", true), ("numeric(12,2)", true), ("numeric(3,-2)", false), ("text", false)]
        {
            assert_eq!(satisfies(total, have), right, "{have}");
        }
        assert!(!satisfies("numeric", "numeric(12,2)"));
        assert!(satisfies("integer|bigint", "bigint"));
        assert_eq!(precision_and_scale("numeric(12,2)"), Some((12, 2)));
        assert_eq!(precision_and_scale("numeric"), None);
    }
}

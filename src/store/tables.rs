//! The tables and views that vendas uses: what they have to be like, and what the catalogue says of
//! them.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::StoreError;

/// What this program needs of a table or a view.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) is_view: bool,
    /// Each column's name and type, the latter as `format_type` prints it; with `|` between those
    /// that will do. `numeric(p,s)` stands for any precision and scale.
    pub(super) columns: &'static [(&'static str, &'static str)],
    /// The columns that tell its rows apart, where any do.
    pub(super) key: &'static [&'static str],
    pub(super) privileges: &'static [&'static str],
}

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "sales",
        is_view: false,
        columns: &[
            ("order_number", "integer|bigint"),
            ("total", "numeric|numeric(p,s)"),
            ("processed_at", "timestamp without time zone|timestamp with time zone"),
            ("counted_at", "timestamp without time zone"),
        ],
        key: &["order_number"],
        privileges: &["SELECT", "INSERT", "UPDATE"],
    },
    Table {
        name: "orders",
        is_view: false,
        columns: &[
            ("order_id", "text"),
            ("numbered", "boolean"),
            ("total", "numeric"),
            ("items", "order_item[]"),
            ("sold_at", "timestamp without time zone"),
            ("processed_at", "timestamp without time zone"),
            ("charges", "numeric"),
            ("kept", "jsonb"),
            ("cancelled", "boolean"),
            ("counted_at", "timestamp without time zone"),
        ],
        key: &["order_id", "numbered"],
        privileges: &["SELECT", "INSERT", "UPDATE", "DELETE"],
    },
    // Only the triggers and functions of schema.sql touch most of the next ones, with their owner's
    // rights.
    Table {
        name: "shop_clock",
        is_view: false,
        columns: &[("timezone", "text")],
        key: &[],
        privileges: &["SELECT"],
    },
    Table {
        name: "sales_ledger",
        is_view: false,
        columns: &[
            ("hours", "timestamp without time zone[]"),
            ("orders", "bigint[]"),
            ("totals", "numeric[]"),
        ],
        key: &[],
        privileges: &["INSERT"],
    },
    Table {
        name: "orders_ledger",
        is_view: false,
        columns: &[
            ("hours", "timestamp without time zone[]"),
            ("orders", "bigint[]"),
            ("totals", "numeric[]"),
            ("charges", "numeric[]"),
            ("days", "date[]"),
            ("products", "text[]"),
            ("product_orders", "bigint[]"),
            ("quantities", "numeric[]"),
            ("amounts", "numeric[]"),
        ],
        key: &[],
        privileges: &["INSERT"],
    },
    Table {
        name: "sales_hours",
        is_view: false,
        columns: &[
            ("hour", "timestamp without time zone"),
            ("orders", "bigint"),
            ("total", "numeric"),
        ],
        key: &["hour"],
        privileges: &[],
    },
    Table {
        name: "orders_hours",
        is_view: false,
        columns: &[
            ("hour", "timestamp without time zone"),
            ("orders", "bigint"),
            ("total", "numeric"),
            ("charges", "numeric"),
        ],
        key: &["hour"],
        privileges: &[],
    },
    Table {
        name: "product_day_sums",
        is_view: false,
        columns: &[
            ("day", "date"),
            ("product", "text"),
            ("orders", "bigint"),
            ("quantity", "numeric"),
            ("amount", "numeric"),
        ],
        key: &["day", "product"],
        privileges: &[],
    },
    Table {
        name: "product_sums",
        is_view: false,
        columns: &[("product", "text"), ("quantity", "numeric"), ("amount", "numeric")],
        key: &["product"],
        privileges: &[],
    },
    Table {
        name: "partitions",
        is_view: false,
        columns: &[
            ("topic", "text"),
            ("partition", "integer"),
            ("topic_id", "uuid"),
            ("next_offset", "bigint"),
            ("leader_epoch", "integer"),
            ("moved_by", "uuid"),
            ("moved_at", "timestamp with time zone"),
        ],
        key: &["topic", "partition", "next_offset"],
        privileges: &["SELECT", "INSERT", "UPDATE"],
    },
    Table {
        name: "offset_resets",
        columns: &[
            ("id", "bigint"),
            ("topic", "text"),
            ("partition", "integer"),
            ("from_topic_id", "uuid"),
            ("from_offset", "bigint"),
            ("to_topic_id", "uuid"),
            ("to_offset", "bigint"),
            ("because", "text"),
            ("reset_by", "text"),
            ("role", "name"),
            ("reset_at", "timestamp with time zone"),
        ],
        key: &[],
        privileges: &["INSERT"],
        is_view: false,
    },
    Table {
        name: "dead_letters",
        is_view: false,
        columns: &[
            ("id", "bigint"),
            ("topic", "text"),
            ("partition", "integer"),
            ("topic_id", "uuid"),
            ("record_offset", "bigint"),
            ("key", "bytea"),
            ("payload", "bytea"),
            ("reason", "text"),
            ("detail", "text"),
            ("failed_at", "timestamp with time zone"),
            ("replayed_at", "timestamp with time zone"),
            ("order_id", "text"),
            ("numbered", "boolean"),
            ("discarded_at", "timestamp with time zone"),
            ("discarded_because", "text"),
            ("record_timestamp", "bigint"),
            ("headers", "bytea"),
        ],
        key: &["topic_id", "partition", "record_offset"],
        privileges: &["SELECT", "INSERT", "UPDATE"],
    },
    Table {
        name: "product_totals",
        is_view: true,
        columns: &[("product", "text"), ("quantity", "numeric"), ("amount", "numeric")],
        key: &[],
        privileges: &["SELECT"],
    },
    Table {
        name: "product_days",
        is_view: true,
        columns: &[
            ("day", "date"),
            ("product", "text"),
            ("orders", "bigint"),
            ("quantity", "numeric"),
            ("amount", "numeric"),
        ],
        key: &[],
        privileges: &["SELECT"],
    },
    Table {
        name: "order_hours",
        is_view: true,
        columns: &[
            ("hour", "timestamp without time zone"),
            ("orders", "bigint"),
            ("total", "numeric"),
            ("charges", "numeric"),
        ],
        key: &[],
        privileges: &["SELECT"],
    },
    Table {
        name: "order_days",
        is_view: true,
        columns: &[
            ("day", "date"),
            ("orders", "bigint"),
            ("total", "numeric"),
            ("charges", "numeric"),
        ],
        key: &[],
        privileges: &["SELECT"],
    },
    Table {
        name: "schema_version",
        is_view: false,
        columns: &[("version", "integer"), ("applied_at", "timestamp with time zone")],
        key: &["version"],
        privileges: &["SELECT"],
    },
];

/// What the catalogue says of one table.
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

/// Whether a column of type `have` will do where `wanted` is one of the types in [`Table::columns`].
pub(super) fn will_do(wanted: &str, have: &str) -> bool {
    wanted.split('|').any(|wanted| {
        wanted == have || wanted == "numeric(p,s)" && precision_and_scale(have).is_some()
    })
}

/// Of `numeric(p,s)`, unless the scale is negative.
pub(super) fn precision_and_scale(data_type: &str) -> Option<(u32, u32)> {
    let (precision, scale) =
        data_type.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',')?;
    Some((precision.parse().ok()?, scale.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{precision_and_scale, will_do};

    #[test]
    fn types_are_compared_with_each_that_will_do() {
        let total = "numeric|numeric(p,s)";
        for (have, right) in
            [("numeric", true), ("numeric(12,2)", true), ("numeric(3,-2)", false), ("text", false)]
        {
            assert_eq!(will_do(total, have), right, "{have}");
        }
        assert!(!will_do("numeric", "numeric(12,2)"));
        assert!(will_do("integer|bigint", "bigint"));
        assert_eq!(precision_and_scale("numeric(12,2)"), Some((12, 2)));
        assert_eq!(precision_and_scale("numeric"), None);
    }
}

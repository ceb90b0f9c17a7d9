//! The tables and views that vendas uses: their required and their actual structure.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::StoreError;

/// The required structure of a table or view.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) is_view: bool,
    /// Each column's name and type, as printed by `format_type`; `|` separates alternatives.
    /// `numeric(p,s)` stands for any precision and scale.
    pub(super) columns: &'static [(&'static str, &'static str)],
    /// The columns of its unique key, if it has one.
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
    // Most of the following are used only by the triggers and functions of schema.sql, with their
    // owner's privileges.
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
        name: "retention",
        is_view: false,
        columns: &[("purged_before", "timestamp without time zone")],
        key: &[],
        privileges: &["SELECT"],
    },
    Table {
        name: "purges",
        is_view: false,
        columns: &[
            ("id", "bigint"),
            ("purged_before", "timestamp without time zone"),
            ("forget_sums", "boolean"),
            ("because", "text"),
            ("purged_by", "text"),
            ("role", "name"),
            ("sales", "bigint"),
            ("orders", "bigint"),
            ("begun_at", "timestamp with time zone"),
            ("ended_at", "timestamp with time zone"),
        ],
        key: &[],
        privileges: &[],
    },
    Table {
        name: "roll_ups",
        is_view: false,
        columns: &[
            ("rolled_up_before", "date"),
            ("because", "text"),
            ("rolled_up_by", "text"),
            ("role", "name"),
            ("rolled_up_at", "timestamp with time zone"),
        ],
        key: &["rolled_up_before"],
        privileges: &["SELECT"],
    },
    Table {
        name: "archived_sales_hours",
        is_view: false,
        columns: &[
            ("hour", "timestamp without time zone"),
            ("orders", "bigint"),
            ("total", "numeric"),
        ],
        key: &["hour"],
        privileges: &["SELECT"],
    },
    Table {
        name: "archived_orders_hours",
        is_view: false,
        columns: &[
            ("hour", "timestamp without time zone"),
            ("orders", "bigint"),
            ("total", "numeric"),
            ("charges", "numeric"),
        ],
        key: &["hour"],
        privileges: &["SELECT"],
    },
    Table {
        name: "archived_product_days",
        is_view: false,
        columns: &[
            ("day", "date"),
            ("product", "text"),
            ("orders", "bigint"),
            ("quantity", "numeric"),
            ("amount", "numeric"),
        ],
        key: &["day", "product"],
        privileges: &["SELECT"],
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
            ("rolled_up", "boolean"),
        ],
        key: &[],
        privileges: &["SELECT"],
    },
    Table {
        name: "product_months",
        is_view: true,
        columns: &[
            ("month", "date"),
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

/// Whether a column of type `have` satisfies `wanted`, a type of [`Table::columns`].
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

//! Sales by product, read in one statement and therefore from one snapshot.
//!
//! All arithmetic is done by PostgreSQL, whose NUMERIC is practically unbounded; numbers arrive
//! here as text.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::{Row, types::Type};

use super::{Store, StoreError};

/// A quantity and an amount, as decimal numbers without trailing zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The quantity sold.
    pub quantity: String,
    /// The amount, in reais.
    pub amount: String,
    /// The share of the whole amount, in percent with one decimal. `None` if the whole is 0.
    pub share: Option<String>,
}

/// One product's total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductTotal {
    /// Its name; empty if an operator stored none.
    pub product: String,
    /// Its sales.
    pub figures: Figures,
    /// The number of products from this one on, itself included.
    pub rest_products: i64,
    /// The sum of their sales.
    pub rest: Figures,
}

/// The totals of all products in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The database's clock.
    pub as_of: Timestamp,
    /// The number of all products.
    pub products: i64,
    /// The sum of all products.
    pub whole: Figures,
    /// The products with the largest amounts, in descending order of amount, then by name.
    pub top: Vec<ProductTotal>,
}

/// A view of sums, with the names of its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// By product.
    ProductTotals,
    /// By product and day.
    ProductDays,
    /// By hour.
    OrderHours,
}

impl View {
    const ALL: [Self; 3] = [Self::ProductTotals, Self::ProductDays, Self::OrderHours];

    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProductTotals => "product_totals",
            Self::ProductDays => "product_days",
            Self::OrderHours => "order_hours",
        }
    }

    /// Its columns of figures.
    #[must_use]
    pub const fn figures(self) -> &'static [&'static str] {
        match self {
            Self::ProductTotals => &["quantity", "amount"],
            Self::ProductDays => &["orders", "quantity", "amount"],
            Self::OrderHours => &["orders", "total", "charges"],
        }
    }
}

/// A row of a view that differs from the sum of the orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The view.
    pub view: View,
    /// The day or hour in the shop's time zone, in ISO 8601, or `unknown`.
    pub time: Option<String>,
    /// The product's name.
    pub product: Option<String>,
    /// The sums of the orders, named by [`View::figures`]: decimal numbers without trailing zeros.
    pub recomputed: Vec<String>,
    /// The figures of the view.
    pub kept: Vec<String>,
}

/// The result of comparing the views with `sales` and `orders`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// The number of orders, including purged ones.
    pub orders: i64,
    /// The number of purged orders among them, of which only the sums remain.
    pub archived: i64,
    /// The number of products compared.
    pub products: i64,
    /// The number of pairs of product and day compared.
    pub product_days: i64,
    /// The number of hours compared.
    pub hours: i64,
    /// The rows that differ, ordered by view, time and name.
    pub differences: Vec<Difference>,
}

impl Store {
    /// The `limit` products with the largest amounts, or all products, and the whole.
    ///
    /// # Errors
    /// [`StoreError::Permanent`] if the tables do not exist or may not be read; otherwise as
    /// [`Store::session`].
    pub async fn totals(&self, limit: Option<i64>) -> Result<Totals, StoreError> {
        let sql = self.sql(include_str!("sql/totals.sql"));
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let rows = connection
            .in_time(connection.client().query_typed(&sql, &[(&limit, Type::INT8)]))
            .await?;
        let mut rows = rows.iter().peekable();
        let mut totals = Totals {
            as_of: Timestamp::UNIX_EPOCH,
            products: 0,
            whole: Figures { quantity: "0".to_owned(), amount: "0".to_owned(), share: None },
            top: Vec::new(),
        };
        if let Some(row) = rows.peek() {
            totals.as_of = row.try_get("as_of")?;
            totals.products = row.try_get("products")?;
            totals.whole = figures(row, "whole_quantity", "whole_amount", "whole_share")?;
        }
        for row in rows {
            let Some(product) = row.try_get("product")? else { break };
            totals.top.push(ProductTotal {
                product,
                figures: figures(row, "quantity", "amount", "share")?,
                rest_products: row.try_get("rest_products")?,
                rest: figures(row, "rest_quantity", "rest_amount", "rest_share")?,
            });
        }
        Ok(totals)
    }

    /// Whether there is any order.
    ///
    /// # Errors
    /// As [`Self::totals`].
    pub async fn has_orders(&self) -> Result<bool, StoreError> {
        let sql = self.sql(
            "SELECT EXISTS (SELECT FROM {schema}.sales) OR EXISTS (SELECT FROM {schema}.orders)",
        );
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let row = connection.in_time(connection.client().query_typed_one(&sql, &[])).await?;
        Ok(row.try_get(0)?)
    }

    /// Adds up all orders again, with the archived sums of purged ones, and compares the result
    /// with the stored sums, for at most `limit`.
    ///
    /// # Errors
    /// As [`Self::totals`]; [`StoreError::Permanent`] also after `limit`.
    pub async fn verify_totals(&self, limit: Duration) -> Result<Verification, StoreError> {
        let sql = self.sql(include_str!("sql/verify.sql"));
        let rows = self.long_query("adding up all orders", limit, &sql, &[]).await?;
        let mut verification = Verification::default();
        for row in &rows {
            verification.orders = row.try_get("orders")?;
            verification.archived = row.try_get("archived")?;
            verification.products = row.try_get("products")?;
            verification.product_days = row.try_get("product_days")?;
            verification.hours = row.try_get("hours")?;
            let name: Option<&str> = row.try_get("view")?;
            let Some(view) = View::ALL.into_iter().find(|view| Some(view.name()) == name) else {
                break;
            };
            let figures = |columns: [&str; 3]| -> Result<Vec<String>, StoreError> {
                let skipped = columns.len() - view.figures().len();
                let columns = columns.into_iter().skip(skipped);
                columns.map(|column| Ok(row.try_get(column)?)).collect()
            };
            verification.differences.push(Difference {
                view,
                time: row.try_get("time")?,
                product: row.try_get("product")?,
                recomputed: figures(["first", "second", "third"])?,
                kept: figures(["kept_first", "kept_second", "kept_third"])?,
            });
        }
        Ok(verification)
    }
}

fn figures(row: &Row, quantity: &str, amount: &str, share: &str) -> Result<Figures, StoreError> {
    Ok(Figures {
        quantity: row.try_get(quantity)?,
        amount: row.try_get(amount)?,
        share: row.try_get(share)?,
    })
}

//! What each product has sold, read in one statement, and so as of one moment.
//!
//! PostgreSQL's NUMERIC has no bound that a shop would reach, so all arithmetic is left to it, and
//! numbers come here as the text that it writes.

use jiff::Timestamp;
use tokio_postgres::{Row, types::Type};

use super::{Store, StoreError};

/// A quantity and what it sold for, as decimal numbers without trailing zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// How many.
    pub quantity: String,
    /// In reais.
    pub amount: String,
    /// Of the whole amount, in percent with one decimal. `None` where the whole is 0.
    pub share: Option<String>,
}

/// One product's total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductTotal {
    /// Its name; empty where an operator stored none.
    pub product: String,
    /// What it sold.
    pub figures: Figures,
    /// How many products come from this one on, itself included.
    pub rest_products: i64,
    /// What these sold together.
    pub rest: Figures,
}

/// The totals of all products at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The database's clock.
    pub as_of: Timestamp,
    /// How many products there are, in `top` or not.
    pub products: i64,
    /// What all of them sold together.
    pub whole: Figures,
    /// Those that sold for most, in falling order of the amount, then by name.
    pub top: Vec<ProductTotal>,
}

/// A product whose kept total is not what its orders come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub product: String,
    /// The quantity that `orders` comes to.
    pub quantity: String,
    /// The amount that `orders` comes to.
    pub amount: String,
    /// The quantity that `product_totals` says.
    pub kept_quantity: String,
    /// The amount that `product_totals` says.
    pub kept_amount: String,
}

/// What a comparison of `product_totals` with `orders` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// How many orders were added up.
    pub orders: i64,
    /// How many products were compared.
    pub products: i64,
    /// Those that differ, by name.
    pub differences: Vec<Difference>,
}

impl Store {
    /// The `limit` products that sold for most, or all of them, and the whole.
    ///
    /// # Errors
    /// [`StoreError::Permanent`] if there are no tables or they may not be read, else as
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

    /// Adds up all orders anew and compares with the totals that are kept. It takes as long as it
    /// takes: `database.statement_timeout` is meant for statements that a batch waits for.
    ///
    /// # Errors
    /// As [`Self::totals`].
    pub async fn verify_totals(&self) -> Result<Verification, StoreError> {
        let sql = self.sql(include_str!("sql/verify.sql"));
        let lent = self.lend().await?;
        let rows = lent.connection()?.client().query_typed(&sql, &[]).await?;
        let mut verification = Verification { orders: 0, products: 0, differences: Vec::new() };
        for row in &rows {
            verification.orders = row.try_get("orders")?;
            verification.products = row.try_get("products")?;
            let Some(product) = row.try_get("product")? else { break };
            verification.differences.push(Difference {
                product,
                quantity: row.try_get("quantity")?,
                amount: row.try_get("amount")?,
                kept_quantity: row.try_get("kept_quantity")?,
                kept_amount: row.try_get("kept_amount")?,
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

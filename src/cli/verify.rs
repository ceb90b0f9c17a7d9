//! `vendas verify`: are the totals that are kept what the orders come to?

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::Serialize;

use super::{CliError, Format, print, progress::Progress, store};
use crate::{
    config::Config,
    report,
    store::{Difference, Verification},
};

#[derive(Serialize)]
struct Document<'a> {
    orders: i64,
    products: i64,
    differences: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    product: &'a str,
    kept: Figures<'a>,
    recomputed: Figures<'a>,
}

impl<'a> From<&'a Difference> for Line<'a> {
    fn from(difference: &'a Difference) -> Self {
        let Difference { product, quantity, amount, kept_quantity, kept_amount } = difference;
        Self {
            product,
            kept: Figures { quantity: kept_quantity, amount: kept_amount },
            recomputed: Figures { quantity, amount },
        }
    }
}

/// Texts, as in `vendas report --format json`.
#[derive(Serialize)]
struct Figures<'a> {
    quantity: &'a str,
    amount: &'a str,
}

pub(super) async fn verify(config: &Config, format: Format) -> Result<(), CliError> {
    let store = store(config);
    let progress = Progress::new("adding up all orders");
    let verification = progress.during(store.verify_totals(), || (None, None)).await?;
    let Verification { orders, products, differences } = &verification;
    let text = match format {
        Format::Json => json(&verification)?,
        Format::Table if differences.is_empty() => {
            format!("the totals of {products} products are exactly what {orders} orders come to\n")
        }
        Format::Table => format!(
            "{}\n{} of {products} products differ from what {orders} orders come to\n",
            table(differences),
            differences.len()
        ),
    };
    print(&text)?;
    match differences.len() {
        0 => Ok(()),
        1 => Err(CliError::Reported("one total in product_totals is wrong")),
        _ => Err(CliError::Reported("several totals in product_totals are wrong")),
    }
}

fn json(verification: &Verification) -> Result<String, CliError> {
    let document = Document {
        orders: verification.orders,
        products: verification.products,
        differences: verification.differences.iter().map(Line::from).collect(),
    };
    let json = serde_json::to_string_pretty(&document)
        .map_err(|error| CliError::Failed(error.to_string()))?;
    Ok(report::tame(&json) + "\n")
}

fn table(differences: &[Difference]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "product",
        "quantity kept",
        "quantity of orders",
        "amount kept",
        "amount of orders",
    ]);
    for difference in differences {
        table.add_row([
            &report::visible(&difference.product),
            &difference.kept_quantity,
            &difference.quantity,
            &difference.kept_amount,
            &difference.amount,
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

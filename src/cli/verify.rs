//! `vendas verify`: compares the stored sums with sums that are recomputed from the orders.

use std::{collections::BTreeMap, time::Duration};

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::Serialize;

use super::{CliError, Format, print, progress::Progress, store};
use crate::{
    config::Config,
    report,
    store::{Difference, Verification, View},
};

#[derive(Serialize)]
struct Document<'a> {
    orders: i64,
    archived_orders: i64,
    products: i64,
    product_days: i64,
    hours: i64,
    differences: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    view: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    kept: Figures<'a>,
    recomputed: Figures<'a>,
}

/// Strings, as in `vendas report --format json`, by column name.
type Figures<'a> = BTreeMap<&'static str, &'a str>;

impl<'a> From<&'a Difference> for Line<'a> {
    fn from(difference: &'a Difference) -> Self {
        let Difference { view, time, product, recomputed, kept } = difference;
        let figures = |values: &'a [String]| {
            let names = view.figures().iter().copied();
            names.zip(values.iter().map(String::as_str)).collect()
        };
        Self {
            view: view.name(),
            time: time.as_deref(),
            product: product.as_deref(),
            kept: figures(kept),
            recomputed: figures(recomputed),
        }
    }
}

pub(super) async fn verify(
    config: &Config,
    format: Format,
    timeout: Duration,
) -> Result<(), CliError> {
    let store = store(config);
    let progress = Progress::new("summing up all orders");
    let verification = progress.during(store.verify_totals(timeout), || (None, None)).await?;
    let differences = &verification.differences;
    let text = match format {
        Format::Json => json(&verification)?,
        Format::Table if differences.is_empty() => {
            format!("{} match the {}\n", compared(&verification), orders(&verification))
        }
        Format::Table => format!(
            "{}{} of {} differ from the {}\n",
            tables(differences),
            differences.len(),
            compared(&verification),
            orders(&verification),
        ),
    };
    print(&text)?;
    match differences.len() {
        0 => Ok(()),
        1 => Err(CliError::Reported(
            "one sum is wrong: see \"Wrong totals\" in docs/troubleshooting.md",
        )),
        _ => Err(CliError::Reported(
            "several sums are wrong: see \"Wrong totals\" in docs/troubleshooting.md",
        )),
    }
}

fn compared(verification: &Verification) -> String {
    let Verification { products, product_days, hours, .. } = verification;
    format!("{products} sums by product, {product_days} by product and day, and {hours} by hour")
}

fn orders(verification: &Verification) -> String {
    let Verification { orders, archived, .. } = verification;
    match archived {
        0 => format!("{orders} orders"),
        _ => format!("{orders} orders ({archived} of them purged)"),
    }
}

fn json(verification: &Verification) -> Result<String, CliError> {
    let document = Document {
        orders: verification.orders,
        archived_orders: verification.archived,
        products: verification.products,
        product_days: verification.product_days,
        hours: verification.hours,
        differences: verification.differences.iter().map(Line::from).collect(),
    };
    let json = serde_json::to_string_pretty(&document)
        .map_err(|error| CliError::Failed(error.to_string()))?;
    Ok(report::terminal_safe(&json) + "\n")
}

/// One table for each view that differs, each followed by an empty line.
fn tables(differences: &[Difference]) -> String {
    let of_one_view = differences.chunk_by(|one, next| one.view == next.view);
    of_one_view.filter_map(|of| Some(table(of.first()?.view, of) + "\n\n")).collect()
}

fn table(view: View, differences: &[Difference]) -> String {
    let keys: &[&str] = match view {
        View::ProductTotals => &["product"],
        View::ProductDays => &["day", "product"],
        View::OrderHours => &["hour"],
    };
    let mut table = Table::new();
    let figures = view.figures().iter();
    let figures = figures.flat_map(|name| [format!("{name} stored"), format!("{name} recomputed")]);
    table.load_style(NOTHING).set_header(keys.iter().map(|key| (*key).to_owned()).chain(figures));
    for Difference { time, product, recomputed, kept, .. } in differences {
        let keys = [time, product].into_iter().flatten().map(|key| report::visible(key));
        let figures = kept.iter().zip(recomputed).flat_map(|(kept, of)| [kept.clone(), of.clone()]);
        table.add_row(keys.chain(figures));
    }
    for column in table.column_iter_mut().skip(keys.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

//! `vendas orders purge`.

use std::time::Duration;

use jiff::civil::{Date, Time};

use super::{CliError, Limit, Progress, TIME_LIMIT, confirm, print, store, time_limit, whoami};
use crate::{
    config::Config,
    purge::{self, PurgeOrders},
    store::{PurgeableOrders, Purged, ShopDay},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    limit: Limit,
    /// Also delete the sums of these orders, and the sums that earlier purges kept.
    #[arg(long)]
    forget_sums: bool,
    /// The reason, stored in the table `purges`.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    because: String,
    /// Do not ask for confirmation. Without a terminal and without this flag, nothing is changed.
    #[arg(long)]
    yes: bool,
    /// The time limit for each statement that reads whole tables, such as 30m.
    #[arg(long, value_name = "TIME", default_value = TIME_LIMIT, value_parser = time_limit)]
    timeout: Duration,
}

pub(super) async fn purge(config: &Config, arguments: &Arguments) -> Result<(), CliError> {
    let Arguments { limit, forget_sums, because, yes, timeout } = arguments;
    let store = store(config);
    let (day, clock) = limit.day(&store).await?;
    let before = day.to_datetime(Time::midnight());
    let progress = Progress::new("counting orders");
    let purgeable = store.purgeable_orders(before, *timeout);
    let purgeable = progress.during(purgeable, || (None, None)).await?;
    print(&shown(&purgeable, &clock, day, *forget_sums))?;
    if !yes && !confirm("Delete them?")? {
        return print("nothing was changed: use --yes to delete them\n");
    }
    let orders = PurgeOrders {
        before,
        forget_sums: *forget_sums,
        because,
        purged_by: &whoami(),
        time_limit: *timeout,
    };
    let all = u64::try_from(purgeable.sales_rows + purgeable.orders_rows).ok();
    let mut progress = Progress::new("rows");
    let purged = purge::purge(&store, orders, |rows| progress.show(Some(rows), all)).await;
    drop(progress);
    let Purged { sales_rows, orders_rows } = purged?;
    print(&format!("deleted {sales_rows} rows of sales and {orders_rows} of orders\n"))
}

/// What would be deleted, and the consequences.
fn shown(purgeable: &PurgeableOrders, clock: &ShopDay, day: Date, forget_sums: bool) -> String {
    let PurgeableOrders { sales_rows, orders_rows, orders, total, days, unknown, archived } =
        purgeable;
    let timezone = &clock.timezone;
    let mut text = format!("orders before {day} ({timezone}): {orders}");
    if let Some((first, last)) = days {
        text.push_str(&format!(", of {first} to {last}, total {total}"));
    }
    text.push_str(&format!("\nrows to delete: {sales_rows} of sales, {orders_rows} of orders\n"));
    if *unknown > 0 {
        text.push_str(&format!("orders with an unknown time: {unknown}, kept\n"));
    }
    text.push_str(&match (forget_sums, archived) {
        (false, _) => {
            "the sums of these orders are kept, except in reports by a kept field\n".to_owned()
        }
        (true, 0) => "the sums of these orders are deleted too\n".to_owned(),
        (true, archived) => format!(
            "the sums of these orders are deleted too, and those of {archived} orders that were \
             purged before\n"
        ),
    });
    text.push_str(
        "after that, records of orders before that day become dead letters (purged); PostgreSQL reuses \
         the space after VACUUM, and VACUUM FULL returns it to the system\n",
    );
    text
}

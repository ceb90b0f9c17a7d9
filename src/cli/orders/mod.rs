//! `vendas orders`: retention of orders and of sums by day.

mod purge;
mod roll_up;

use clap::Subcommand;
use jiff::{Span, civil::Date};

use super::{
    CliError,
    asking::{confirm, whoami},
    duration::{TIME_LIMIT, time_limit},
    examples, print,
    progress::Progress,
    store,
};
use crate::{
    config::Config,
    store::{ShopDay, Store},
};

#[derive(Debug, Subcommand)]
pub(super) enum OrdersCommand {
    /// Delete old orders; `vendas run` may continue during this. Needs the privileges in
    /// packaging/grants-purge.sql, which `vendas run` does not need.
    #[command(after_help = examples::ORDERS_PURGE)]
    Purge(purge::Arguments),
    /// Merge old sums of products by day into sums by month. Needs the privileges in
    /// packaging/grants-purge.sql, which `vendas run` does not need.
    #[command(after_help = examples::ORDERS_ROLL_UP)]
    RollUp(roll_up::Arguments),
}

/// The boundary.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Limit {
    /// The boundary as an age in whole days, such as 400d, 13mo or 2y, in the shop's time zone.
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Span>,
    /// The boundary as a day, such as 2025-01-01: days before it are affected.
    #[arg(long, value_name = "DAY")]
    before: Option<Date>,
}

impl Limit {
    /// The day of the boundary, and the shop's clock.
    async fn day(&self, store: &Store) -> Result<(Date, ShopDay), CliError> {
        let ago = self.older_than.unwrap_or_default().to_string();
        let clock = store.shop_day(&ago).await?;
        let day = self.before.unwrap_or(clock.then);
        if day > clock.today {
            return Err(CliError::Failed(format!(
                "--before {day} is after today, {}, in the shop's time zone: use today or an earlier day",
                clock.today
            )));
        }
        Ok((day, clock))
    }
}

fn age(text: &str) -> Result<Span, String> {
    let age = text.parse::<Span>().ok().filter(|age| age.is_positive() && has_whole_days(age));
    age.ok_or_else(|| "must be an age in whole days, such as 400d, 13mo or 2y".to_owned())
}

/// In jiff's format `m` means minutes: an age of `3m` would be less than a day.
fn has_whole_days(age: &Span) -> bool {
    age.get_hours() == 0
        && age.get_minutes() == 0
        && age.get_seconds() == 0
        && age.get_milliseconds() == 0
        && age.get_microseconds() == 0
        && age.get_nanoseconds() == 0
}

pub(super) async fn orders(config: &Config, command: OrdersCommand) -> Result<(), CliError> {
    match command {
        OrdersCommand::Purge(arguments) => purge::purge(config, &arguments).await,
        OrdersCommand::RollUp(arguments) => roll_up::roll_up(config, &arguments).await,
    }
}

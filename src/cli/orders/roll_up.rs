//! `vendas orders roll-up`.

use std::time::Duration;

use jiff::ToSpan;

use super::{CliError, Limit, Progress, TIME_LIMIT, confirm, print, store, time_limit, whoami};
use crate::{config::Config, store::RollUp};

/// The dashboard compares 30 days with the 30 before.
const DAYS_KEPT: i32 = 92;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    limit: Limit,
    /// The reason, stored in the table `roll_ups`.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    because: String,
    /// Do not ask for confirmation. Without a terminal and without this flag, nothing is changed.
    #[arg(long)]
    yes: bool,
    /// The time limit for each statement that reads or merges sums, such as 30m.
    #[arg(long, value_name = "TIME", default_value = TIME_LIMIT, value_parser = time_limit)]
    timeout: Duration,
}

/// Rolls up whole months that end before the boundary.
pub(super) async fn roll_up(config: &Config, arguments: &Arguments) -> Result<(), CliError> {
    let Arguments { limit, because, yes, timeout } = arguments;
    let store = store(config);
    let (day, clock) = limit.day(&store).await?;
    let before = day.first_of_month();
    let latest = clock.today.saturating_sub(DAYS_KEPT.days());
    if before > latest {
        return Err(CliError::Failed(format!(
            "sums of the last {DAYS_KEPT} days are kept by day, for reports and the dashboard: use \
             {latest} or an earlier day"
        )));
    }
    let progress = Progress::new("counting sums");
    let counted = store.roll_up(before, *timeout);
    let RollUp { days, months } = progress.during(counted, || (None, None)).await?;
    print(&format!(
        "{days} sums by product and day, before {before}, become {months} by product and month\n\
         in these months, reports by product must then cover whole months; sums of orders by hour and \
         day do not change\n"
    ))?;
    if !yes && !confirm("Roll them up? It cannot be undone.")? {
        return print("nothing was changed: use --yes to roll them up\n");
    }
    store.begin_roll_up(before, because, &whoami()).await?;
    let mut progress = Progress::new("months");
    let (mut rolled_up, mut done) = (0, None);
    while let Some(month) = store.roll_up_month(done, *timeout).await? {
        rolled_up += 1;
        progress.show(Some(rolled_up), None);
        done = Some(month);
    }
    drop(progress);
    print(&format!("rolled up {rolled_up} months\n"))
}

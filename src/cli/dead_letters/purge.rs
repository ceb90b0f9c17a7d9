//! `vendas dead-letters purge`.

use jiff::Timestamp;

use super::{CliError, count, print, store, time};
use crate::{config::Config, report, store::Purgeable};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The minimum age, such as 90d, 6mo or 2y; m means minutes.
    #[arg(long, value_name = "AGE", value_parser = time::ago)]
    older_than: Timestamp,
    /// Delete them; without this flag they are only counted.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn purge(config: &Config, arguments: &Arguments) -> Result<(), CliError> {
    let limit = arguments.older_than;
    let store = store(config);
    let Purgeable { letters, open } = store.purgeable_dead_letters(limit).await?;
    let letters = count(u64::try_from(letters).unwrap_or_default());
    print(&format!(
        "{letters} of records rejected before {}, {open} of them open\n",
        report::local(limit)
    ))?;
    if arguments.yes {
        let deleted = store.purge_dead_letters(limit).await?;
        print(&format!("{} deleted\n", count(deleted)))
    } else {
        print("nothing was changed: use --yes to delete them\n")
    }
}

//! `vendas report`: sales by product or by time, once or continuously.

mod answer;
mod watch;

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use clap::{Args, CommandFactory, ValueEnum, error::ErrorKind};

use super::{Cli, CliError, duration::interval, print, store};
use crate::{
    config::Config,
    order::Currency,
    report::{self, Locale, Moment, Room, Style},
    store::{SalesBy, SalesQuestion, Unit},
};
use answer::{Answer, Query};

/// Terminals have fewer lines than this. More products need not be read to fill one.
const MOST_LINES: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Group by product, day, hour, month, or a field of mapping.keep, by its name (keep.NAME if it
    /// is named product, day, hour or month). By product, an order of several products counts once
    /// for each.
    #[arg(long, value_name = "WHAT", value_parser = by, default_value = "product")]
    by: SalesBy,
    /// The first day, in the shop's time zone; with --by hour, optionally an hour: 2026-11-22T14:00.
    #[arg(long, value_name = "DATE", value_parser = report::moment)]
    from: Option<Moment>,
    /// The last day, or with --by hour the last hour, inclusive.
    #[arg(long, value_name = "DATE", value_parser = report::moment)]
    to: Option<Moment>,
    /// The last days (7d), months (3m) or, with --by hour, hours (24h), including the current one.
    #[arg(
        long, value_name = "PERIOD", value_parser = report::last, conflicts_with_all = ["from", "to"]
    )]
    last: Option<(i32, Unit)>,
    /// Only this product.
    #[arg(long, value_name = "NAME", conflicts_with = "top")]
    product: Option<String>,
    /// Compare with the previous period of the same length, and show the change in percent.
    #[arg(long)]
    compare: bool,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The number format of tables; by default pt-BR if LC_ALL, or else LANG, begins with pt_BR.
    #[arg(long, value_enum)]
    locale: Option<Locale>,
    /// Only the N best-selling products or values; the others are summed up in one line.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Repeat until Ctrl-C: a table on a terminal is redrawn in place, other output is printed again.
    #[arg(long)]
    watch: bool,
    /// The interval of --watch, such as 500ms.
    #[arg(long, value_name = "TIME", requires = "watch", default_value = "1s", value_parser = interval)]
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for reading. Control characters in names are escaped: \n, \u{1b}.
    Table,
    /// One JSON object on one line. Amounts are exact, as strings.
    Json,
    /// CSV with a header. Names are exact, but a name that a spreadsheet could interpret as a
    /// formula, or that begins with ', is prefixed with '. On a terminal, control characters are
    /// escaped.
    Csv,
}

/// A report with all options resolved.
#[derive(Clone, Debug)]
struct Request {
    format: Format,
    style: Style,
    time_zone: String,
    top: Option<usize>,
    query: Query,
}

pub(super) async fn report(
    config: &Config,
    arguments: Arguments,
    environment: &[(String, String)],
) -> Result<(), CliError> {
    let currency = config.rules.general.currency();
    let request = Request {
        format: arguments.format,
        style: Style {
            locale: arguments.locale.unwrap_or_else(|| Locale::of(environment)),
            currency,
        },
        time_zone: config.database.shop_timezone.clone(),
        top: arguments.top.map(usize::try_from).transpose().unwrap_or(None),
        query: query(&arguments, currency).map_err(|text| {
            CliError::Usage(Cli::command().error(ErrorKind::ArgumentConflict, text))
        })?,
    };
    let store = store(config);
    if let SalesBy::Kept(field) = &arguments.by
        && let Err(fields) = store.has_kept(field).await?
    {
        return Err(CliError::Failed(not_kept(field, &fields)));
    }
    if arguments.watch {
        return watch::watch(request, store, arguments.interval).await;
    }
    let answer = request.query.answer(&store, request.top).await?;
    print(&request.text(&answer)?)
}

/// The query for these arguments, or why they cannot be combined.
fn query(arguments: &Arguments, currency: Currency) -> Result<Query, String> {
    let Arguments { from, to, last, compare, .. } = *arguments;
    let by = arguments.by.clone();
    let by_product = by == SalesBy::Product;
    let period = report::period(&by, from, to, last)?;
    if arguments.top.is_some() && matches!(by, SalesBy::Time(_)) {
        return Err("--top needs --by product, or --by a kept field".to_owned());
    }
    if arguments.product.is_some() && matches!(by, SalesBy::Kept(_)) {
        return Err("totals by kept field do not exist per product: remove --product".to_owned());
    }
    if arguments.product.is_some() && by == SalesBy::Time(Unit::Hour) {
        return Err(
            "totals per product do not exist by hour: with --product, use --by day or --by month"
                .to_owned(),
        );
    }
    if compare && last.is_none() && from.and(to).is_none() {
        return Err("--compare needs a period: --last, or --from and --to".to_owned());
    }
    let has_period = from.is_some() || to.is_some() || last.is_some();
    if by_product && !has_period && arguments.product.is_none() {
        return Ok(Query::Totals);
    }
    Ok(Query::Sales(SalesQuestion {
        by,
        period,
        compare,
        product: arguments.product.clone(),
        limit: None,
        decimals: currency.decimals(),
    }))
}

impl Request {
    fn text(&self, answer: &Answer) -> Result<String, CliError> {
        let terminal = io::stdout().is_terminal();
        Ok(match self.format {
            Format::Table => {
                let columns = terminal.then(report::size).flatten();
                let room = columns
                    .and_then(|(columns, _)| u16::try_from(columns).ok())
                    .map_or(Room::Enough, Room::Columns);
                let mut lines = Vec::new();
                if matches!(answer, Answer::Sales(..)) {
                    lines.extend(answer.heading(self));
                }
                lines.extend(answer.table(self, room));
                lines.extend(answer.note(self));
                format!("{}\n", lines.join("\n"))
            }
            Format::Json => answer.json(self)? + "\n",
            Format::Csv => report::csv_text(&answer.csv(self)?, terminal),
        })
    }
}

/// Reads `--by`.
///
/// # Errors
/// The allowed values.
fn by(text: &str) -> Result<SalesBy, String> {
    Ok(match text {
        "product" => SalesBy::Product,
        "day" => SalesBy::Time(Unit::Day),
        "hour" => SalesBy::Time(Unit::Hour),
        "month" => SalesBy::Time(Unit::Month),
        field => match field.strip_prefix("keep.").unwrap_or(field) {
            "" => return Err("must be product, day, hour, month or a kept field".to_owned()),
            field => SalesBy::Kept(field.to_owned()),
        },
    })
}

fn not_kept(field: &str, fields: &[String]) -> String {
    let field = report::visible(field);
    let known = if fields.is_empty() {
        "no order has any; `mapping.keep` sets which fields are kept".to_owned()
    } else {
        format!("available: {}", report::visible(&fields.join(", ")))
    };
    format!("--by {field}: must be product, day, hour, month, or an existing kept field: {known}")
}

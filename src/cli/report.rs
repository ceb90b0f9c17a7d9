//! `vendas report`: what each product has sold, once or again and again.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{CliError, print, store};
use crate::{
    config::Config,
    outage::{Gravity, Outage},
    report::{self, Locale, Room, Screen},
    store::{Store, StoreError, Totals},
};

/// No terminal has more lines than this, so more products need not be read to fill one.
const MOST_LINES: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How they are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// How a table writes numbers; else pt-BR where LC_ALL, or without it LANG, begins with pt_BR.
    #[arg(long, value_enum)]
    locale: Option<Locale>,
    /// Only the N products that sold for most; the others are summed up in one line.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Go on until Ctrl-C: a table on a terminal is redrawn in place, all else is printed anew.
    #[arg(long)]
    watch: bool,
    /// How often --watch looks, such as 500ms.
    #[arg(long, value_name = "TIME", requires = "watch", default_value = "1s", value_parser = time)]
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people. What would act on the terminal is spelt out in names: \n, \u{1b}.
    Table,
    /// One object on one line. Amounts are exact, as texts.
    Json,
    /// With a header. A name that a spreadsheet could take for a formula, or that begins with ',
    /// has a ' in front; all else in a name is exact, but on a terminal.
    Csv,
}

/// What is asked for, with everything decided.
#[derive(Clone, Copy, Debug)]
struct Request {
    format: Format,
    locale: Locale,
    top: Option<usize>,
}

pub(super) async fn report(
    config: &Config,
    arguments: Arguments,
    environment: &[(String, String)],
) -> Result<(), CliError> {
    let request = Request {
        format: arguments.format,
        locale: arguments.locale.unwrap_or_else(|| Locale::of(environment)),
        top: arguments.top.map(usize::try_from).transpose().unwrap_or(None),
    };
    let store = store(config);
    if !arguments.watch {
        let totals = store.totals(limit(request.top)).await?;
        return print(&request.text(&totals)?);
    }
    let mut stop = Stop::new()?;
    let on_screen = request.format == Format::Table && io::stdout().is_terminal();
    let top = if on_screen {
        Some(request.top.map_or(MOST_LINES, |top| top.min(MOST_LINES)))
    } else {
        request.top
    };
    let looks = look(store, limit(top), arguments.interval);
    if on_screen {
        redraw(request, looks, &mut stop).await
    } else {
        print_each(request, looks, &mut stop).await
    }
}

impl Request {
    fn text(self, totals: &Totals) -> Result<String, CliError> {
        let terminal = io::stdout().is_terminal();
        Ok(match self.format {
            Format::Table => {
                let columns = terminal.then(report::size).flatten();
                let room = columns
                    .and_then(|(columns, _)| u16::try_from(columns).ok())
                    .map_or(Room::Enough, Room::Columns);
                let lines = report::table(totals, self.top, self.locale, room);
                format!("{}\n", lines.join("\n"))
            }
            Format::Json => {
                let json = report::json(totals, self.top)
                    .map_err(|error| CliError::Failed(error.to_string()))?;
                format!("{json}\n")
            }
            Format::Csv => report::csv_text(&report::csv(totals, self.top)?, terminal),
        })
    }
}

/// One product more is read than is shown: with it comes what all the others come to.
fn limit(top: Option<usize>) -> Option<i64> {
    i64::try_from(top?).ok()?.checked_add(1)
}

type Look = Result<Totals, StoreError>;

/// Looks at once and then at each interval, until nobody wants to know any more.
fn look(store: Store, limit: Option<i64>, every: Duration) -> mpsc::Receiver<Look> {
    let (sender, looks) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if sender.send(store.totals(limit).await).await.is_err() {
                return;
            }
        }
    });
    looks
}

async fn print_each(
    request: Request,
    mut looks: mpsc::Receiver<Look>,
    stop: &mut Stop,
) -> Result<(), CliError> {
    let outage = Outage::new("PostgreSQL");
    let mut printed = false;
    loop {
        let asked = Instant::now();
        let look = tokio::select! {
            () = stop.asked() => return Ok(()),
            look = looks.recv() => look,
        };
        match look {
            None => return Ok(()),
            Some(Ok(totals)) => {
                outage.recovered(asked);
                // A JSON object is a line; other blocks are told apart by what is between them.
                let before = if printed && request.format != Format::Json { "\n" } else { "" };
                let heading = match request.format {
                    Format::Table => report::heading(&totals) + "\n",
                    Format::Json | Format::Csv => String::new(),
                };
                print(&format!("{before}{heading}{}", request.text(&totals)?))?;
                printed = true;
            }
            Some(Err(StoreError::Transient(cause))) => {
                outage.failed(Gravity::PassesByItself, &cause);
            }
            Some(Err(error)) if printed => outage.failed(Gravity::NeedsAPerson, &error),
            Some(Err(error)) => return Err(error.into()),
        }
    }
}

async fn redraw(
    request: Request,
    mut looks: mpsc::Receiver<Look>,
    stop: &mut Stop,
) -> Result<(), CliError> {
    let mut resized = signal(SignalKind::window_change())?;
    let mut screen = Screen::enter()?;
    let mut seen: Option<Totals> = None;
    let mut trouble = None;
    loop {
        tokio::select! {
            () = stop.asked() => return Ok(()),
            _ = resized.recv() => {}
            look = looks.recv() => match look {
                None => return Ok(()),
                Some(Ok(totals)) => {
                    seen = Some(totals);
                    trouble = None;
                }
                Some(Err(StoreError::Transient(cause))) => {
                    trouble = Some(format!("PostgreSQL is away: {cause}"));
                }
                Some(Err(error)) if seen.is_some() => {
                    trouble = Some(format!("paused until this is put right: {error}"));
                }
                Some(Err(error)) => return Err(error.into()),
            },
        }
        let (columns, height) = screen.size();
        let mut lines = Vec::with_capacity(height);
        lines.push(match &seen {
            None => "product totals, not seen yet".to_owned(),
            Some(totals) => report::heading(totals),
        });
        if let Some(trouble) = &trouble {
            lines.push(report::visible(trouble));
        }
        if let Some(totals) = &seen {
            let room = Room::Window { columns, lines: height.saturating_sub(lines.len()) };
            lines.extend(report::table(totals, request.top, request.locale, room));
        }
        screen.draw(&lines)?;
    }
}

/// The signals that end a watch, all of them an orderly end: there is nothing to be finished.
struct Stop([Signal; 3]);

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

fn time(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|time| Duration::try_from(time).ok())
        .filter(|time| (Duration::from_millis(100)..=Duration::from_secs(86_400)).contains(time))
        .ok_or_else(|| {
            "must be a duration such as \"500ms\" or \"2s\", from 100ms to 24h".to_owned()
        })
}

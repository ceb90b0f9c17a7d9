//! `vendas simulate`: generates and sends simulated orders.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use clap::{Args, CommandFactory, ValueEnum, error::ErrorKind};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{Timestamp, tz::TimeZone};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;
use uuid::Uuid;

use super::{Cli, CliError, print, produce::Target, signals};
use crate::{
    config::Config,
    kafka::Producer,
    simulate::{Before, Clock, Days, Kind, Rate, Shape, Share, Shop, ShopSettings},
};

/// Records generated before other tasks may run.
const CHUNK: u64 = 256;

/// Records per past day without --count.
const RECORDS_A_DAY: u64 = 2_000;

/// With --rate, how long records are gathered before they are sent together.
const TICK: Duration = Duration::from_millis(10);

const REDRAW: Duration = Duration::from_millis(100);

/// The interval of log lines without a terminal.
const LOG_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The fields of orders: products with prices, products and a total, or numbered orders.
    #[arg(long, value_enum, default_value_t = ShapeName::Ecommerce)]
    shape: ShapeName,
    /// Records per second or minute, such as 100/s or 90/min; by default as fast as possible.
    #[arg(long, value_name = "N/s")]
    rate: Option<Rate>,
    /// Stop after N records, including invalid ones; by default, run until stopped.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// The seed of the random generator: the same seed gives the same records. Without --seed,
    /// orders have the current time. With it, their times start at 2026-01-01, some seconds apart;
    /// with --past, they end at that day.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// First send orders of this many past days, including today, such as 30d: 2,000 records for
    /// each day, or --count in total, as fast as possible. There are more in the evening than at
    /// night, and more on Monday than on Sunday.
    #[arg(long, value_name = "DAYS")]
    past: Option<Days>,
    /// Also generate orders that are hard to process exactly: weights, many decimals, tiny and huge
    /// amounts, quotes, braces and emoji in names.
    #[arg(long)]
    hard: bool,
    /// The first number of numbered orders.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    first_number: i32,
    /// The share of invalid records, such as 1%.
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    invalid: Share,
    /// The share of corrections, orders that are sent again with changes, such as 1%.
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    corrections: Share,
    /// The key of records. Without keys, a correction may be processed before its order.
    #[arg(long, value_enum, default_value_t = Key::Order)]
    key: Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShapeName {
    Ecommerce,
    EcommerceStatedTotal,
    Numbered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    /// The order's number or id: all versions of an order are in one partition.
    Order,
    /// No key: records are distributed over the partitions in turn.
    None,
}

impl Arguments {
    fn habits(&self, config: &Config) -> Result<ShopSettings, CliError> {
        let usage = |text| CliError::Usage(Cli::command().error(ErrorKind::ValueValidation, text));
        if self.invalid.parts() + self.corrections.parts() > Share::WHOLE {
            return Err(usage("--invalid and --corrections add up to more than 100%"));
        }
        if self.past.is_some() && self.shape == ShapeName::Numbered {
            return Err(usage(
                "--past needs orders with a time of sale: --shape numbered has none",
            ));
        }
        Ok(ShopSettings {
            shape: match self.shape {
                ShapeName::Ecommerce => Shape::Ecommerce,
                ShapeName::EcommerceStatedTotal => Shape::EcommerceStatedTotal,
                ShapeName::Numbered => Shape::Numbered,
            },
            seed: self.seed.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0),
            clock: match self.seed {
                Some(_) => Clock::Drawn,
                None => Clock::Now(config.rules.general.shop_timezone().clone()),
            },
            before: self.before(config.rules.general.shop_timezone()),
            first_number: self.first_number,
            invalid: self.invalid,
            corrections: self.corrections,
            hard: self.hard,
        })
    }

    fn before(&self, shop_timezone: &TimeZone) -> Option<Before> {
        let days = self.past?.count();
        Some(Before {
            days,
            until: match self.seed {
                Some(_) => Clock::BEGINNING,
                None => Timestamp::now().to_zoned(shop_timezone.clone()).datetime(),
            },
            records: self.count.unwrap_or(u64::from(days) * RECORDS_A_DAY),
        })
    }
}

pub(super) async fn simulate(config: &Config, arguments: Arguments) -> Result<(), CliError> {
    let habits = arguments.habits(config)?;
    let before = habits.before.map_or(0, |before| before.records);
    let shop = Shop::open(habits);
    let stop = CancellationToken::new();
    signals::cancel_on_signal(&stop)?;
    let Arguments { target, rate, count, key, .. } = arguments;
    let mut sender = target.open(config).await?;
    let started = Instant::now();
    let mut run = Run {
        shop,
        before,
        rate,
        count: count.unwrap_or(u64::MAX),
        keyed: key == Key::Order,
        started,
        made: Made::default(),
        progress: Progress::start(count, started),
    };
    // A signal interrupts it at any await.
    let sent = stop.run_until_cancelled(run.send(&mut sender.producer)).await.unwrap_or(Ok(()));
    let finished = sender.producer.finish().await.map_err(CliError::from);
    run.progress.bar.finish_and_clear();
    let Made { orders, corrections, invalid } = run.made;
    let elapsed = started.elapsed();
    let sum = sender.producer.acknowledged().iter().map(|(_, records)| records).sum();
    print(&sender.summary(&format!(
        ", {}/s in {elapsed:.1?}: {orders} orders, {corrections} corrections, {invalid} invalid",
        per_second(sum, elapsed)
    )))?;
    sent.and(finished)
}

/// Records that were generated and passed to the producer.
#[derive(Clone, Copy, Debug, Default)]
struct Made {
    orders: u64,
    corrections: u64,
    invalid: u64,
}

impl Made {
    const fn sum(&self) -> u64 {
        self.orders + self.corrections + self.invalid
    }
}

struct Run {
    shop: Shop,
    /// The number of records of past days; they are sent first, without a rate.
    before: u64,
    rate: Option<Rate>,
    count: u64,
    keyed: bool,
    started: Instant,
    made: Made,
    progress: Progress,
}

impl Run {
    async fn send(&mut self, producer: &mut Producer) -> Result<(), CliError> {
        let mut rated_since = self.started;
        while self.made.sum() < self.count {
            let due = match self.rate {
                _ if self.made.sum() < self.before => {
                    rated_since = Instant::now();
                    self.before.min(self.made.sum() + CHUNK)
                }
                Some(rate) => self.before.saturating_add(rate.due(rated_since.elapsed())),
                None => self.made.sum() + CHUNK,
            };
            while self.made.sum() < due.min(self.count) {
                self.send_one(producer).await?;
            }
            if self.rate.is_some() && self.made.sum() >= self.before {
                producer.flush().await?;
                sleep(TICK).await;
            }
            self.progress.show(producer, self.started);
            // Without a rate there may be no other await at which a signal can interrupt.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn send_one(&mut self, producer: &mut Producer) -> Result<(), CliError> {
        let record = self.shop.next_record();
        let record = record.map_err(|error| CliError::Failed(error.to_string()))?;
        let key = Some(record.key).filter(|_| self.keyed);
        producer.send(key, record.payload).await?;
        match record.kind {
            Kind::Order => self.made.orders += 1,
            Kind::Correction => self.made.corrections += 1,
            Kind::Invalid => self.made.invalid += 1,
        }
        Ok(())
    }
}

/// A line that is redrawn on a terminal; without a terminal, a log line every 10 s.
struct Progress {
    bar: ProgressBar,
    terminal: bool,
    shown: Instant,
}

impl Progress {
    fn start(count: Option<u64>, started: Instant) -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = match count {
            _ if !terminal => ProgressBar::hidden(),
            Some(count) => ProgressBar::new(count),
            None => ProgressBar::no_length(),
        };
        let template = match count {
            Some(_) => "{bar:30} {human_pos} of {human_len} records  {msg}  {eta} left",
            None => "{spinner} {human_pos} records  {msg}  {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, terminal, shown: started }
    }

    fn show(&mut self, producer: &Producer, started: Instant) {
        let pause = if self.terminal { REDRAW } else { LOG_EVERY };
        if self.shown.elapsed() < pause {
            return;
        }
        self.shown = Instant::now();
        let records: u64 = producer.acknowledged().iter().map(|(_, records)| records).sum();
        let per_second = per_second(records, started.elapsed());
        if self.terminal {
            self.bar.set_position(records);
            self.bar.set_message(format!("{per_second}/s"));
            self.bar.tick();
        } else {
            info!(records, per_second, "simulating");
        }
    }
}

/// In whole records.
fn per_second(records: u64, elapsed: Duration) -> u128 {
    (u128::from(records) * 1_000_000_000).checked_div(elapsed.as_nanos()).unwrap_or_default()
}

//! The command line: arguments, and the commands that they name.

mod asking;
mod check;
mod completions;
mod dead_letters;
mod duration;
mod error;
mod examples;
mod healthcheck;
mod init;
mod logging;
mod notify;
mod offsets;
mod orders;
mod produce;
mod progress;
mod report;
mod run;
mod sampling;
mod schemas;
mod settings;
mod signals;
mod simulate;
mod verify;

#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    io::{self, Write},
    time::Duration,
};

use clap::{Parser, Subcommand, ValueEnum};
use uuid::Uuid;

pub use error::CliError;

use dead_letters::DeadLettersCommand;
use duration::{TIME_LIMIT, time_limit};
use orders::OrdersCommand;
use settings::{Settings, flag, sources};

use crate::{
    config::{self, Config, LogFormat},
    store::{SCHEMA, Store},
};

/// Reads sales orders from Apache Kafka and maintains their totals in PostgreSQL, exactly once.
#[derive(Debug, Parser)]
#[command(name = "vendas", version, after_help = examples::ALL)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: TopCommand,
}

#[derive(Debug, Subcommand)]
enum TopCommand {
    #[command(flatten)]
    WithSettings(Command),
    /// Generate shell completions.
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Generate the manual page of vendas, or of one of its commands, in troff.
    #[command(after_help = examples::MAN)]
    Man {
        /// The command, such as `offsets reset`.
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Process orders from Kafka and maintain their totals in PostgreSQL.
    #[command(after_help = examples::RUN)]
    Run {
        /// Process the current backlog, then exit: with code 0, or 1 if a partition is halted or the run
        /// is interrupted.
        #[arg(long)]
        until_end: bool,
        /// Sets pipeline.on_dead_letter: record dead letters, or halt the partition.
        #[arg(long, value_name = "record|halt")]
        on_dead_letter: Option<String>,
    },
    /// Check the configuration, the servers, topics, tables and privileges.
    #[command(after_help = examples::CHECK)]
    Check(check::Arguments),
    /// Propose a mapping for the records of the configured topics.
    #[command(after_help = examples::INIT)]
    Init(init::Arguments),
    /// Check whether the instance at http.listen is ready: exit code 1 if it is not ready or does not
    /// answer.
    #[command(after_help = examples::HEALTHCHECK)]
    Healthcheck(healthcheck::Arguments),
    /// Send the orders of a file to a topic.
    #[command(after_help = examples::PRODUCE)]
    Produce(produce::Arguments),
    /// Generate simulated orders, for demos and tests.
    #[command(after_help = examples::SIMULATE)]
    Simulate(simulate::Arguments),
    /// Show or reset the stored offsets of partitions.
    #[command(after_help = examples::OFFSETS)]
    Offsets {
        #[command(subcommand)]
        command: OffsetsCommand,
    },
    /// Inspect, replay, discard and purge dead letters.
    #[command(after_help = examples::DEAD_LETTERS)]
    DeadLetters {
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Delete old orders, or roll up their sums.
    #[command(after_help = examples::ORDERS)]
    Orders {
        #[command(subcommand)]
        command: OrdersCommand,
    },
    /// Show sales by product, day, hour or month.
    #[command(after_help = examples::REPORT)]
    Report(report::Arguments),
    /// Recompute all totals from the orders and compare them with the stored ones: exit code 1 if
    /// they differ.
    #[command(after_help = examples::VERIFY)]
    Verify {
        /// The output format.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        /// The time limit for adding up all orders, such as 30m.
        #[arg(long, value_name = "TIME", default_value = TIME_LIMIT, value_parser = time_limit)]
        timeout: Duration,
    },
    /// Print the SQL that creates the tables, or apply it.
    #[command(after_help = examples::SCHEMA)]
    Schema {
        /// Create what is missing in database.schema, as database.user.
        #[arg(long)]
        apply: bool,
        /// The time limit for applying it, such as 30m: an upgrade may add up all orders.
        #[arg(
            long,
            value_name = "TIME",
            requires = "apply",
            default_value = TIME_LIMIT,
            value_parser = time_limit
        )]
        timeout: Duration,
    },
}

#[derive(Debug, Subcommand)]
enum OffsetsCommand {
    /// Show the next offset, log end and lag of each partition.
    #[command(after_help = examples::OFFSETS_SHOW)]
    Show {
        /// The output format.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Set the next offset of partitions: the records in between are skipped or processed again.
    #[command(after_help = examples::OFFSETS_RESET)]
    Reset {
        /// This partition of every topic of kafka.topics; by default, all partitions.
        #[arg(long, value_name = "N")]
        partition: Option<i32>,
        /// The new next offset: earliest, latest, or an offset.
        #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
        to: offsets::Target,
        /// The reason, stored in the table `offset_resets`.
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        because: String,
        /// Do not ask for confirmation. Without a terminal and without this flag, nothing is changed.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for reading.
    Table,
    /// JSON for other programs.
    Json,
}

/// Runs the command that the arguments name.
///
/// # Errors
/// [`CliError`], with the text for the user and the exit code.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(), CliError> {
    // Reads $FAILPOINTS; only test builds have this feature.
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // clap also returns --help and --version as errors.
        Err(error) if !error.use_stderr() => return Ok(error.print()?),
        Err(error) => return Err(CliError::Usage(error)),
    };
    let command = match cli.command {
        TopCommand::WithSettings(command) => command,
        TopCommand::Completions { shell } => return completions::completions(shell),
        TopCommand::Man { command } => return completions::man(&command),
    };
    let mut sources = sources(cli.settings, environment)?;
    if let Command::Run { on_dead_letter: Some(value), .. } = &command {
        sources.flags.push(flag("--on-dead-letter", "pipeline.on_dead_letter", value.clone()));
    }
    let config = config::load(&sources)?;
    logging::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    let result = runtime.block_on(dispatch(command, &config, &sources.environment));
    // Does not wait for blocking tasks, such as a name lookup.
    runtime.shutdown_background();
    match config.log.format {
        LogFormat::Text => result,
        LogFormat::Json => result.map_err(CliError::in_log),
    }
}

async fn dispatch(
    command: Command,
    config: &Config,
    environment: &[(String, String)],
) -> Result<(), CliError> {
    match command {
        Command::Run { until_end, .. } => run::run(config, until_end).await,
        Command::Check(arguments) => check::check(config, arguments).await,
        Command::Init(arguments) => init::init(config, arguments).await,
        Command::Healthcheck(arguments) => healthcheck::healthcheck(config, &arguments).await,
        Command::Produce(arguments) => produce::produce(config, arguments).await,
        Command::Simulate(arguments) => simulate::simulate(config, arguments).await,
        Command::Offsets { command: OffsetsCommand::Show { format } } => {
            offsets::show(config, format).await
        }
        Command::Offsets { command: OffsetsCommand::Reset { partition, to, because, yes } } => {
            offsets::reset(config, partition, to, &because, yes).await
        }
        Command::DeadLetters { command } => dead_letters::dead_letters(config, command).await,
        Command::Orders { command } => orders::orders(config, command).await,
        Command::Report(arguments) => report::report(config, arguments, environment).await,
        Command::Verify { format, timeout } => verify::verify(config, format, timeout).await,
        Command::Schema { apply: false, .. } => print(SCHEMA),
        Command::Schema { apply: true, timeout } => {
            store(config).apply_schema(Some(timeout)).await?;
            print(&format!("the tables are in schema \"{}\"\n", config.database.schema))
        }
    }
}

fn store(config: &Config) -> Store {
    Store::new(&config.database, Uuid::new_v4())
}

fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

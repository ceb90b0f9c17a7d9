//! The command line: what can be asked, and who answers it.

mod asking;
mod check;
mod completions;
mod dead_letters;
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
};

use clap::{Parser, Subcommand, ValueEnum};
use uuid::Uuid;

pub use error::CliError;

use dead_letters::DeadLettersCommand;
use orders::OrdersCommand;
use settings::{Settings, flag, sources};

use crate::{
    config::{self, Config, LogFormat},
    store::{SCHEMA, Store},
};

/// Takes sales orders from Apache Kafka and keeps their totals in PostgreSQL, exactly once.
#[derive(Debug, Parser)]
#[command(name = "vendas", version, after_help = examples::ALL)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    #[command(flatten)]
    ByTheSettings(Command),
    /// Print what lets a shell complete commands and flags.
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// Whose.
        shell: clap_complete::Shell,
    },
    /// Print the manual page of vendas, or of one of its commands, in troff.
    #[command(after_help = examples::MAN)]
    Man {
        /// The command, such as `offsets reset`.
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take orders from Kafka and keep their totals in PostgreSQL.
    #[command(after_help = examples::RUN)]
    Run {
        /// Stop with exit code 0 once everything is committed that is there now.
        #[arg(long)]
        until_end: bool,
        /// pipeline.on_dead_letter: record, or halt the partition.
        #[arg(long, value_name = "WHAT")]
        on_dead_letter: Option<String>,
    },
    /// Tell whether configuration, servers, topics, tables and privileges are in order.
    #[command(after_help = examples::CHECK)]
    Check(check::Arguments),
    /// Propose a mapping for the records of the configured topics.
    #[command(after_help = examples::INIT)]
    Init(init::Arguments),
    /// Ask the run at http.listen whether it is ready: exit code 1 if it is not, or does not answer.
    #[command(after_help = examples::HEALTHCHECK)]
    Healthcheck(healthcheck::Arguments),
    /// Send the orders of a file to a topic.
    #[command(after_help = examples::PRODUCE)]
    Produce(produce::Arguments),
    /// Send the orders of a shop that doesn't exist, for demos and tests.
    #[command(after_help = examples::SIMULATE)]
    Simulate(simulate::Arguments),
    /// Show or set how far each partition has been worked.
    #[command(after_help = examples::OFFSETS)]
    Offsets {
        #[command(subcommand)]
        command: OffsetsCommand,
    },
    /// Find, look at, replay, discard and delete the records that became no order.
    #[command(after_help = examples::DEAD_LETTERS)]
    DeadLetters {
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Delete old orders.
    #[command(after_help = examples::ORDERS)]
    Orders {
        #[command(subcommand)]
        command: OrdersCommand,
    },
    /// Show sales by product, day, hour or month.
    #[command(after_help = examples::REPORT)]
    Report(report::Arguments),
    /// Add up all orders anew and compare with the totals that are kept: exit code 1 if they differ.
    #[command(after_help = examples::VERIFY)]
    Verify {
        /// How the differences are printed.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Print the SQL that makes the tables, or apply it.
    #[command(after_help = examples::SCHEMA)]
    Schema {
        /// Make what is missing, as database.user in database.schema.
        #[arg(long)]
        apply: bool,
    },
}

#[derive(Debug, Subcommand)]
enum OffsetsCommand {
    /// Next offset, log end and lag of each partition.
    #[command(after_help = examples::OFFSETS_SHOW)]
    Show {
        /// How they are printed.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Set the next offset of partitions, deliberately: what lies between is skipped or repeated.
    #[command(after_help = examples::OFFSETS_RESET)]
    Reset {
        /// The partition; without it, all partitions of the configured topics.
        #[arg(long, value_name = "N")]
        partition: Option<i32>,
        /// earliest, latest, or an offset.
        #[arg(long, value_name = "WHERE", allow_hyphen_values = true)]
        to: offsets::Target,
        /// Why, for those who come later: it is kept in the table `offset_resets`.
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        because: String,
        /// Do it without asking; where nobody can be asked it is only shown.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Does what the arguments ask for.
///
/// # Errors
/// [`CliError`], whose text is for the person at the terminal and which knows its exit code.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(), CliError> {
    // Reads $FAILPOINTS, for tests alone.
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // --help and --version come this way too, and are no failure.
        Err(error) if !error.use_stderr() => return Ok(error.print()?),
        Err(error) => return Err(CliError::Usage(error)),
    };
    let command = match cli.asked {
        Asked::ByTheSettings(command) => command,
        Asked::Completions { shell } => return completions::completions(shell),
        Asked::Man { command } => return completions::man(&command),
    };
    let mut sources = sources(cli.settings, environment)?;
    if let Command::Run { on_dead_letter: Some(value), .. } = &command {
        sources.flags.push(flag("--on-dead-letter", "pipeline.on_dead_letter", value.clone()));
    }
    let config = config::load(&sources)?;
    logging::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(dispatch(command, &config, &sources.environment));
    // What still waits for a server, such as a look-up of its name, is not waited for.
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
        Command::Verify { format } => verify::verify(config, format).await,
        Command::Schema { apply: false } => print(SCHEMA),
        Command::Schema { apply: true } => {
            store(config).apply_schema().await?;
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

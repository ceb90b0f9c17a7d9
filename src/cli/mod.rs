//! The command line: what can be asked, and who answers it.

mod check;
mod dead_letters;
mod error;
mod healthcheck;
mod logging;
mod offsets;
mod produce;
mod report;
mod run;
mod signals;
mod simulate;
mod verify;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use uuid::Uuid;

pub use error::CliError;

use dead_letters::DeadLettersCommand;

use crate::{
    config::{self, Config, FILE_VARIABLE, Flag, PREFIX, Problem, Problems, Sources},
    store::{SCHEMA, Store},
};

/// The file that is read where it is, without being named.
const DEFAULT_FILE: &str = "vendas.toml";

const AFTER_HELP: &str = "\
Settings come from vendas.toml, are overridden by the environment \
(VENDAS_DATABASE__HOST is database.host), and that by flags. Exit codes: 0 done, 1 failed, \
2 usage or configuration.

Examples:
  vendas run                                  work the topic `sales` until told to stop
  vendas run --until-end --topics a,b         work what is there now, then exit
  vendas produce orders.json                  send the orders of a file to the topic
  vendas simulate --rate 100/s                let a shop that doesn't exist sell
  vendas check                                is everything in order?
  vendas offsets show --format json           how far is each partition, and what is its lag?
  vendas dead-letters list --counts           what became no order, and why?
  vendas dead-letters replay --all            understand it anew, with what is corrected now
  vendas report --watch --top 10              what sells best, live
  vendas report --format csv > totals.csv     all products, exact
  vendas verify                               are the totals what the orders come to?";

/// Takes sales orders from Apache Kafka and keeps their totals in PostgreSQL, exactly once.
#[derive(Debug, Parser)]
#[command(name = "vendas", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
struct Settings {
    /// The configuration file; else $VENDAS_CONFIG, else vendas.toml where it exists.
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// kafka.brokers, separated by commas.
    #[arg(long, global = true, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// kafka.topics, separated by commas.
    #[arg(long, global = true, value_name = "NAME,…")]
    topics: Option<String>,
    /// Any setting by its key, such as database.host=db.example. Never a password: other users of
    /// this machine can see the arguments of your programs.
    #[arg(short, long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take orders from Kafka and keep their totals in PostgreSQL.
    Run {
        /// Stop with exit code 0 once everything is committed that is there now.
        #[arg(long)]
        until_end: bool,
        /// pipeline.on_dead_letter: record, or halt the partition.
        #[arg(long, value_name = "WHAT")]
        on_dead_letter: Option<String>,
    },
    /// Tell whether configuration, servers, topics, tables and privileges are in order.
    Check,
    /// Ask the run at http.listen whether it is ready: exit code 1 if it is not, or does not answer.
    Healthcheck(healthcheck::Arguments),
    /// Send the orders of a file to a topic.
    Produce(produce::Arguments),
    /// Send the orders of a shop that doesn't exist, for demos and tests.
    Simulate(simulate::Arguments),
    /// Show or set how far each partition has been worked.
    Offsets {
        #[command(subcommand)]
        command: OffsetsCommand,
    },
    /// Find, look at, replay, discard and delete the records that became no order.
    DeadLetters {
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Show what each product has sold, and its share of the whole.
    Report(report::Arguments),
    /// Add up all orders anew and compare with the totals that are kept: exit code 1 if they differ.
    Verify {
        /// How the differences are printed.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Print the SQL that makes the tables, or apply it.
    Schema {
        /// Make what is missing, as database.user in database.schema.
        #[arg(long)]
        apply: bool,
    },
}

#[derive(Debug, Subcommand)]
enum OffsetsCommand {
    /// Next offset, log end and lag of each partition.
    Show {
        /// How they are printed.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Set the next offset of partitions, deliberately: what lies between is skipped or repeated.
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
    let mut sources = sources(cli.settings, environment)?;
    if let Command::Run { on_dead_letter: Some(value), .. } = &cli.command {
        sources.flags.push(flag("--on-dead-letter", "pipeline.on_dead_letter", value.clone()));
    }
    let config = config::load(&sources)?;
    logging::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(dispatch(cli.command, &config, &sources.environment));
    // What still waits for a server, such as a look-up of its name, is not waited for.
    runtime.shutdown_background();
    result
}

async fn dispatch(
    command: Command,
    config: &Config,
    environment: &[(String, String)],
) -> Result<(), CliError> {
    match command {
        Command::Run { until_end, .. } => run::run(config, until_end).await,
        Command::Check => check::check(config).await,
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

fn sources(
    settings: Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Sources, Problems> {
    let environment = texts(environment)?;
    let named = environment
        .iter()
        .find(|(name, value)| name == FILE_VARIABLE && !value.is_empty())
        .map(|(_, value)| PathBuf::from(value));
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
    let file = settings.config.or(named).or_else(default);

    let mut flags = Vec::new();
    for (name, key, value) in [
        ("--brokers", "kafka.brokers", settings.brokers),
        ("--topics", "kafka.topics", settings.topics),
    ] {
        flags.extend(value.map(|value| flag(name, key, value)));
    }
    flags.extend(settings.set.into_iter().map(|(key, value)| Flag {
        name: format!("--set {key}"),
        key,
        value,
    }));
    Ok(Sources { file, environment, flags })
}

fn flag(name: &str, key: &str, value: String) -> Flag {
    Flag { name: name.to_owned(), key: key.to_owned(), value }
}

/// All variables as text, which those of our prefix have to be.
fn texts(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, Problems> {
    let (mut texts, mut problems) = (Vec::new(), Vec::new());
    for (name, value) in environment {
        let name = name.to_string_lossy().into_owned();
        match value.into_string() {
            Ok(value) => texts.push((name, value)),
            Err(_) if name.starts_with(PREFIX) => problems
                .push(Problem { origin: Some(name), text: "is no text in UTF-8".to_owned() }),
            Err(_) => {}
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(Problems(problems)) }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or("must be KEY=VALUE, such as database.port=5433")?;
    let is_name =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if !key.split('.').all(is_name) {
        return Err(format!("{key:?} is no key, which looks like database.port"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

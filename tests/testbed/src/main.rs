//! The servers and helpers of the tests as a command, for manual use and for scripts.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use serde_json::value::RawValue;
use testbed::{
    Browser, Context, Database, Kafka, Record, Result, Testbed, end_everything, ensure, eventually,
    free_port, samples::Sample,
};
use tokio::{
    io::AsyncReadExt,
    signal::unix::{SignalKind, signal},
};

/// How long a page may take to show the selected element.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs private Kafka and PostgreSQL servers, and accesses them
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Starts both on free ports, prints their addresses as `export` lines, and stops them when its
    /// standard input ends or a signal arrives
    Up {
        /// Ignores the standard input: only a signal stops the servers
        #[arg(long)]
        until_signal: bool,
        /// A database to create, and to print as VENDAS_DATABASE__DBNAME
        #[arg(long, default_value = "salesdb")]
        database: String,
    },
    /// Creates a topic
    CreateTopic {
        name: String,
        #[arg(long, default_value_t = 1)]
        partitions: u16,
        #[command(flatten)]
        broker: Broker,
    },
    /// Sends a file's records unchanged: the elements of a JSON array, otherwise each line. Records
    /// of one order go to one partition
    Produce {
        #[arg(long)]
        topic: String,
        file: PathBuf,
        #[command(flatten)]
        broker: Broker,
    },
    /// Prints the sample orders
    Samples {
        /// The hard cases instead of the shop's orders
        #[arg(long)]
        hard: bool,
    },
    /// Runs SQL statements and prints the result of the last one
    Query {
        sql: String,
        #[command(flatten)]
        at: At,
    },
    /// Prints a free port
    Port,
    /// Takes screenshots of a web page with Chromium: FILE-light.png and FILE-dark.png
    Picture {
        url: String,
        file: String,
        /// Of the window, in CSS pixels
        #[arg(long, default_value_t = 1366)]
        width: u32,
        #[arg(long, default_value_t = 768)]
        height: u32,
        /// The preferred language
        #[arg(long, default_value = "en-US")]
        language: String,
        /// A CSS selector of an element to wait for
        #[arg(long, default_value = "body")]
        until: String,
    },
    /// Runs one of Kafka's Java tools, such as org.apache.kafka.tools.TopicCommand
    Tool {
        class: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
        #[command(flatten)]
        broker: Broker,
    },
}

#[derive(clap::Args)]
struct Broker {
    /// host:port
    #[arg(long = "kafka", env = "VENDAS_KAFKA__BROKERS", default_value = "localhost:9092")]
    address: String,
}

#[derive(clap::Args)]
struct At {
    #[arg(long, env = "VENDAS_DATABASE__HOST", default_value = "localhost")]
    host: String,
    #[arg(long, env = "VENDAS_DATABASE__PORT", default_value_t = 5432)]
    port: u16,
    #[arg(long, env = "VENDAS_DATABASE__USER", default_value = "postgres")]
    user: String,
    #[arg(
        long,
        env = "VENDAS_DATABASE__PASSWORD",
        default_value = "postgres",
        hide_env_values = true
    )]
    password: String,
    #[arg(long, env = "VENDAS_DATABASE__DBNAME", default_value = "salesdb")]
    dbname: String,
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let result = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| {
        let result = runtime.block_on(run(command));
        // A thread may still be reading the standard input, and only its end would end that.
        runtime.shutdown_background();
        result
    });
    match result.and(end_everything()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "testbed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &testbed::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}

async fn run(what: What) -> Result<()> {
    match what {
        What::Up { until_signal, database } => up(until_signal, &database).await,
        What::CreateTopic { name, partitions, broker } => {
            Kafka::external(&broker.address).create_topic(&name, partitions, &[]).await
        }
        What::Produce { topic, file, broker } => {
            let bytes =
                std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            produce(&Kafka::external(&broker.address), &topic, &bytes).await
        }
        What::Samples { hard } => print(&if hard { Sample::Hard } else { Sample::Shop }.file()),
        What::Query { sql, at } => {
            let database = Database::new(&at.host, at.port, &at.user, &at.password, &at.dbname);
            let table = database.table(&sql).await?;
            if table.columns.is_empty() {
                return Ok(());
            }
            let mut shown = comfy_table::Table::new();
            shown.load_style(comfy_table::presets::ASCII_MARKDOWN);
            shown.set_header(table.columns);
            for row in table.rows {
                shown.add_row(row.into_iter().map(Option::unwrap_or_default));
            }
            print(&format!("{shown}\n"))
        }
        What::Port => print(&format!("{}\n", free_port()?)),
        What::Picture { url, file, width, height, language, until } => {
            let browser = Browser::start(&language).await?;
            browser.resize(width, height).await?;
            browser.open(&url).await?;
            eventually(&until, DEADLINE, async || browser.text(&until).await).await?;
            for theme in ["light", "dark"] {
                browser.prefer(&[("prefers-color-scheme", theme)]).await?;
                browser.screenshot(format!("{file}-{theme}.png").as_ref()).await?;
            }
            Ok(())
        }
        What::Tool { class, args, broker } => {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            print(&Kafka::external(&broker.address).tool(&class, &args, b"").await?)
        }
    }
}

async fn up(until_signal: bool, database: &str) -> Result<()> {
    // Before anything is started, so that no signal is missed.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let serve = async {
        let servers = Testbed::private().await?;
        let database = servers.postgres.named_database(database).await?;
        let mut lines = format!("export VENDAS_KAFKA__BROKERS={}\n", servers.kafka.address());
        for (name, value) in database.settings() {
            lines.push_str(&format!("export {name}={value}\n"));
        }
        print(&lines)?;
        if until_signal {
            return std::future::pending().await;
        }
        tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
        Ok(())
    };
    tokio::select! {
        result = serve => result,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    }
}

async fn produce(kafka: &Kafka, topic: &str, bytes: &[u8]) -> Result<()> {
    let payloads: Vec<Vec<u8>> = match serde_json::from_slice::<Vec<&RawValue>>(bytes) {
        Ok(elements) => elements.iter().map(|element| element.get().into()).collect(),
        Err(_) => {
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.map(<[u8]>::to_vec).collect()
        }
    };
    let partitions = kafka.partitions(topic).await?;
    ensure!(!partitions.is_empty(), "there is no topic {topic}");
    let mut records: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
    for (position, payload) in payloads.into_iter().enumerate() {
        let key = order_key(&payload);
        let at = key.as_ref().map_or(position as u64, |key| {
            // The same in every run: this hasher has no random keys.
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            hasher.finish()
        });
        let partition = partitions[usize::try_from(at % partitions.len() as u64)?];
        let record = Record::new(payload);
        let record = if let Some(key) = key { record.with_key(key) } else { record };
        records.entry(partition).or_default().push(record);
    }
    let mut report = String::new();
    for (partition, records) in records {
        let sent = kafka.produce(topic, partition, &records).await?.len();
        report.push_str(&format!("{topic}-{partition}: {sent} records\n"));
    }
    print(&report)
}

/// The identity of a record's order, since versions of one order must stay in sequence.
fn order_key(payload: &[u8]) -> Option<String> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(payload).ok()?;
    ["order_number", "numero_pedido", "order_id", "id_ordem", "id_pedido"]
        .iter()
        .find_map(|name| Some(fields.get(*name)?.get().trim_matches('"').to_owned()))
}

fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

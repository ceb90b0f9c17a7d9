//! The commands in the documents: those of vendas are run as written, in a shell, on servers of
//! this test; for other commands (build, installation, other programs) the test checks that they
//! exist.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use tempfile::TempDir;
use testbed::{
    Context, Database, Record, Registry, Result, SchemaKind, Serializers, Signal, Testbed, Vendas,
    VendasCommand, bail, ensure, eventually, free_port,
};

use super::{
    documents,
    markdown::{Document, without_comment},
    root,
};
use crate::shop::{DEADLINE, VENDAS, numbered};

/// The topics in the documents.
const TOPICS: [&str; 2] = ["sales", "vendas_ecommerce"];

/// More than the greatest id of a dead letter in the documents.
const RUBBISH: usize = 30;

/// A folder with the files that the documents' commands name.
struct Scene {
    servers: Testbed,
    registry: String,
    database: Database,
    folder: TempDir,
}

/// Commands that run until they are stopped, and their sign of success.
#[derive(Clone, Copy, Debug)]
enum Endless {
    Run,
    Watch,
    Simulate,
}

impl Scene {
    async fn open() -> Result<Self> {
        let servers = Testbed::private().await?;
        for topic in TOPICS {
            servers.kafka.create_topic(topic, 4, &[]).await?;
        }
        let database = servers.postgres.named_database("salesdb").await?;
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        fs::create_dir(path.join("bin"))?;
        symlink(VENDAS, path.join("bin/vendas"))?;
        fs::copy(root().join("vendas.example.toml"), path.join("vendas.example.toml"))?;
        fs::write(path.join("orders.json"), format!("[{}, {}]", numbered(1), numbered(2)))?;
        let registry = Registry::shared().await?;
        let schema = fs::read_to_string(root().join("samples/schemas/order.avsc"))?;
        let serializers = Serializers::start(&servers.kafka, registry, &[]).await?;
        serializers.register("sales-value", SchemaKind::Avro, &schema).await?;
        let scene = Self { servers, registry: registry.url().to_owned(), database, folder };
        let mut letters = vec!["rubbish"; RUBBISH];
        letters.push(r#"{"id_ordem": "a", "itens": [{"produto": "p", "amount": 1, "valor": 2}], "total": 2}"#);
        letters.push(r#"{"id_ordem": "b", "itens": [{"produto": "p", "qty": 3}], "total": 2}"#);
        let records: Vec<_> = letters.into_iter().map(Record::new).collect();
        scene.servers.kafka.produce("sales", 0, &records).await?;
        scene.run("vendas run --until-end").await?;
        Ok(scene)
    }

    /// Runs a line in a shell.
    fn shell(&self, line: &str) -> VendasCommand {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.folder.path().join("bin");
        VendasCommand::new("/bin/sh")
            .args(["-c", &format!("cd \"$SCENE\" || exit; {line}")])
            .env("SCENE", self.folder.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .kafka(&self.servers.kafka, &["sales"])
            .database(&self.database)
            .env("VENDAS_REGISTRY__URL", &self.registry)
    }

    async fn run(&self, line: &str) -> Result<()> {
        // Redirections to system paths write to the temporary folder instead.
        let line = match line.split_once("> /") {
            Some((command, _)) => format!("{command}> printed"),
            None => line.to_owned(),
        };
        // This port may be in use.
        let line = line.replace(":8080", &format!(":{}", free_port()?));
        let line = line.replace("http://localhost:8081", Registry::shared().await?.url());
        match endless(&line) {
            None => {
                self.shell(&line).run(DEADLINE).await?.expect_code(0)?;
            }
            Some(kind) => {
                let end = self.end().await?;
                // Replaces the shell, so that the signal reaches the program.
                let line = line.replacen("vendas ", "exec vendas ", 1);
                let running = self.shell(&line).start()?;
                self.until_working(kind, &running, end).await?;
                running.signal(Signal::TERM)?;
                running.wait_exit(DEADLINE).await?.expect_code(0)?;
            }
        }
        Ok(())
    }

    async fn until_working(&self, kind: Endless, it: &Vendas, end: i64) -> Result<()> {
        eventually("a sign of success", DEADLINE, async || {
            let works = match kind {
                Endless::Run => it.stderr()?.contains("processing partition"),
                Endless::Watch => !it.stdout()?.is_empty(),
                Endless::Simulate => self.end().await? > end,
            };
            ensure!(works, "{}", it.state());
            Ok(())
        })
        .await
    }

    /// The number of records in the topic `sales`.
    async fn end(&self) -> Result<i64> {
        let mut end = 0;
        for partition in 0..4 {
            end += self.servers.kafka.log_end("sales", partition).await?;
        }
        Ok(end)
    }
}

fn endless(line: &str) -> Option<Endless> {
    let (_, words) = line.split_once("vendas ")?;
    let has = |flag: &str| words.split(' ').any(|word| word == flag);
    match words.split(' ').next()? {
        "run" if !has("--until-end") => Some(Endless::Run),
        "report" if has("--watch") => Some(Endless::Watch),
        "simulate" if !has("--count") => Some(Endless::Simulate),
        _ => None,
    }
}

/// The output of a program outside this project.
fn ask(program: &str, args: &[&str]) -> Result<String> {
    let asked = Command::new(program).args(args).current_dir(root()).output();
    let asked = asked.with_context(|| format!("cannot start {program}"))?;
    ensure!(asked.status.success(), "{program} {args:?}: {asked:?}");
    Ok(String::from_utf8(asked.stdout)?)
}

/// Checks that a command exists without running it.
fn look_up(words: &[&str]) -> Result<()> {
    match words {
        [variable, rest @ ..] if is_variable(variable) => return look_up(rest),
        ["./dev", command, ..] => {
            let help = ask("./dev", &["help"])?;
            ensure!(help.contains(&format!("./dev {command}")), "./dev has no {command}");
        }
        [".ci/run"] => {
            let mode = fs::metadata(root().join(".ci/run"))?.permissions().mode();
            ensure!(mode & 0o111 != 0, ".ci/run cannot be run");
        }
        ["cargo", command, ..] => {
            let known = ask("cargo", &["--list"])?;
            let mut known = known.lines().filter_map(|line| line.split_whitespace().next());
            ensure!(known.any(|known| known == *command), "cargo has no {command}");
        }
        ["docker", "compose", rest @ ..] => {
            let compose = fs::read_to_string(root().join("compose.yaml"))?;
            let verbs = ["up", "down", "run", "logs", "ps", "build", "exec"];
            let names = rest.iter().filter(|word| !word.starts_with('-') && !verbs.contains(word));
            for name in names {
                let is_service = compose.contains(&format!("\n  {name}:\n"));
                let is_profile = compose.contains(&format!("profiles: [{name}]"));
                ensure!(is_service || is_profile, "compose.yaml has no {name}");
            }
        }
        [
            "install" | "systemctl" | "journalctl" | "psql" | "curl" | "dpkg" | "kubectl" | "helm"
            | "sha256sum",
            rest @ ..,
        ]
        | ["docker", "build", rest @ ..] => {
            // The results of a build and the name of the service do not exist here.
            for file in rest.iter().filter(|word| word.contains('/') && !word.starts_with('/')) {
                let is_made = file.starts_with("target/") || file.contains("://");
                ensure!(is_made || root().join(file).exists(), "there is no {file}");
            }
        }
        _ => bail!("unknown command: add a check for it here"),
    }
    Ok(())
}

/// Whether it runs vendas, with or without variables in front.
fn is_vendas(words: &[&str]) -> bool {
    matches!(words.iter().find(|word| !is_variable(word)), Some(&"vendas" | &"cp"))
}

fn is_variable(word: &str) -> bool {
    word.starts_with("VENDAS_") && word.contains('=')
}

#[tokio::test]
async fn every_command_of_the_documents_works() -> Result<()> {
    let scene = Scene::open().await?;
    let (mut run, mut looked_up) = (0, 0);
    for Document { path, commands, sql, .. } in documents()? {
        // The translation has the same commands.
        if path.ends_with("README.pt-BR.md") {
            continue;
        }
        for line in &commands {
            let line = without_comment(line);
            let words: Vec<_> = line.split_whitespace().collect();
            let place = || format!("{}: {line}", path.display());
            if is_vendas(&words) {
                run += 1;
                scene.run(line).await.with_context(place)?;
            } else {
                looked_up += 1;
                look_up(&words).with_context(place)?;
            }
        }
        for sql in &sql {
            scene.database.execute(sql).await.with_context(|| path.display().to_string())?;
            scene.run("vendas verify").await?;
        }
    }
    ensure!(run > 40 && looked_up > 10, "only {run} were run and {looked_up} looked up");
    Ok(())
}

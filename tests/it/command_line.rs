//! Conventions of the command line: suggestions, completions, manual pages, colours, JSON logs, and
//! running as a service.

use std::{path::Path, process::Command as Program};

use testbed::{Context, Result, Signal, VendasCommand, ensure, free_port};
use tokio::net::UnixDatagram;

use crate::{
    shop::{DEADLINE, Shop, VENDAS},
    terminal::Terminal,
};

async fn vendas(args: &[&str], code: i32) -> Result<testbed::Ended> {
    VendasCommand::new(VENDAS).args(args.iter().copied()).run(DEADLINE).await?.expect_code(code)
}

#[tokio::test]
async fn typing_errors_get_suggestions() -> Result<()> {
    let cases: [(&[&str], &str); 7] = [
        (&["reprot"], "'report'"),
        (&["dead-letters", "lst"], "'list'"),
        (&["report", "--formt", "csv"], "'--format'"),
        (&["report", "--format", "jso"], "'json'"),
        (&["run", "--set", "kafka.topic=sales"], "did you mean kafka.topics?"),
        (&["run", "--set", "pipelin.depth=8"], "did you mean pipeline.depth?"),
        (&["run", "--log-format", "xml"], "--log-format: log.format is \"xml\""),
    ];
    for (args, meant) in cases {
        let told = vendas(args, 2).await?.stderr;
        ensure!(told.contains(meant), "{args:?}: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn shells_complete_commands_and_flags_whatever_the_settings_are() -> Result<()> {
    let completions = async |shell: &str| {
        let command = VendasCommand::new(VENDAS).args(["completions", shell]);
        let broken = command.env("VENDAS_DATABASE__PORT", "none");
        Ok::<_, testbed::Error>(broken.run(DEADLINE).await?.expect_code(0)?.stdout)
    };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = completions(shell).await?;
        for word in ["dead-letters", "until-end", "log-format"] {
            ensure!(script.contains(word), "{shell} knows no {word}");
        }
    }
    let ask = r#"eval "$1"; COMP_WORDS=(vendas off); COMP_CWORD=1; _vendas vendas off vendas
                 echo "${COMPREPLY[*]}"
                 COMP_WORDS=(vendas run --unt); COMP_CWORD=2; _vendas vendas --unt run
                 echo "${COMPREPLY[*]}""#;
    let script = completions("bash").await?;
    let asked = Program::new("bash").args(["-c", ask, "bash", &script]).output()?;
    let told = String::from_utf8_lossy(&asked.stdout).into_owned();
    ensure!(told.lines().collect::<Vec<_>>() == ["offsets", "--until-end"], "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn every_command_has_a_manual_page() -> Result<()> {
    let page = vendas(&["man"], 0).await?.stdout;
    ensure!(page.contains(".TH vendas 1") && page.contains("exactly once"), "{page}");
    let page = vendas(&["man", "offsets", "reset"], 0).await?.stdout;
    ensure!(page.contains("because") && page.contains("offset_resets"), "{page}");
    let told = vendas(&["man", "offsets", "rest"], 2).await?.stderr;
    ensure!(told.contains("there is no command `offsets rest`"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_json_log_has_one_object_per_line() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &["rubbish"]).await?;
    let run = shop.vendas(&["run", "--until-end", "--log-format", "json"]);
    let done = run.clone().run(DEADLINE).await?.expect_code(0)?.stderr;
    ensure!(done.lines().count() > 3, "{done}");
    // The final error is logged there too.
    let failed =
        run.args(["--topics", "no-such-topic"]).run(DEADLINE).await?.expect_code(1)?.stderr;
    ensure!(failed.contains("topic no-such-topic does not exist"), "{failed}");
    for line in done.lines().chain(failed.lines()) {
        let object: serde_json::Value = serde_json::from_str(line)?;
        ensure!(object["level"].is_string() && object["message"].is_string(), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn with_the_log_off_only_the_error_of_a_failed_command_is_written() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &["rubbish"]).await?;
    for format in ["text", "json"] {
        let run = shop.vendas(&["run", "--until-end", "--log-format", format]);
        let run = run.args(["--set", "log.level=off"]);
        let done = run.clone().run(DEADLINE).await?.expect_code(0)?;
        ensure!(done.stdout.is_empty() && done.stderr.is_empty(), "{format}: {}", done.state());
        let failed = run.args(["--topics", "no-such-topic"]).run(DEADLINE).await?.expect_code(1)?;
        let lines: Vec<_> = failed.stderr.lines().collect();
        ensure!(failed.stdout.is_empty() && lines.len() == 1, "{format}: {}", failed.state());
        let told = match format {
            "json" => serde_json::from_str::<serde_json::Value>(lines[0])?["message"].to_string(),
            _ => lines[0].to_owned(),
        };
        ensure!(told.contains("topic no-such-topic does not exist"), "{format}: {told}");
    }
    Ok(())
}

/// The output of `args` on a terminal.
async fn on_terminal(shop: &Shop, args: &[&str], environment: &[(&str, &str)]) -> Result<String> {
    let command = pty_process::Command::new(VENDAS)
        .args(args)
        .envs(shop.database.settings())
        .env("VENDAS_KAFKA__BROKERS", shop.servers.kafka.address())
        .env("VENDAS_KAFKA__TOPICS", &shop.topic)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("CI")
        .envs(environment.iter().copied());
    Terminal::start(command, 24, 120)?.wait_output().await
}

#[tokio::test]
async fn colours_are_used_on_terminals_only_and_respect_no_color() -> Result<()> {
    let shop = Shop::open(1).await?;
    for args in [&["run", "--until-end"][..], &["--help"]] {
        let shown = on_terminal(&shop, args, &[]).await?;
        ensure!(shown.contains("\u{1b}["), "{args:?}: {shown}");
        // By convention an empty value has no effect.
        let shown = on_terminal(&shop, args, &[("NO_COLOR", "")]).await?;
        ensure!(shown.contains("\u{1b}["), "{args:?}, NO_COLOR empty: {shown}");
        for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let shown = on_terminal(&shop, args, &[plain]).await?;
            ensure!(shown.len() > 100 && !shown.contains('\u{1b}'), "{args:?}, {plain:?}: {shown}");
        }
        let ended = shop.vendas(args).run(DEADLINE).await?.expect_code(0)?;
        let piped = ended.stdout + &ended.stderr;
        ensure!(piped.len() > 100 && !piped.contains('\u{1b}'), "{args:?} in a pipe: {piped}");
    }
    Ok(())
}

/// A service manager that receives notifications.
struct ServiceManager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
    notifications: Vec<String>,
}

impl ServiceManager {
    fn listen() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = UnixDatagram::bind(folder.path().join("notify"))?;
        Ok(Self { socket, folder, notifications: Vec::new() })
    }

    fn supervise(&self, command: VendasCommand) -> VendasCommand {
        command
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .env("WATCHDOG_USEC", "200000")
    }

    /// Waits for a notification that begins with `line`.
    async fn receives(&mut self, line: &str) -> Result<()> {
        let mut buffer = [0; 4096];
        // Of all of it, since the watchdog's notifications never end.
        let received = tokio::time::timeout(DEADLINE, async {
            while !self.notifications.iter().any(|told| told.starts_with(line)) {
                let count = self.socket.recv(&mut buffer).await?;
                let text = String::from_utf8_lossy(&buffer[..count]);
                self.notifications.extend(text.lines().map(str::to_owned));
            }
            Result::Ok(())
        })
        .await;
        received.with_context(|| format!("no {line}: {:?}", self.notifications))?
    }
}

#[tokio::test]
async fn a_service_manager_is_notified_of_start_status_watchdog_and_stop() -> Result<()> {
    let shop = Shop::open(2).await?;
    let mut manager = ServiceManager::listen()?;
    let running = manager.supervise(shop.vendas(&["run"])).start()?;
    manager.receives("READY=1").await?;
    manager.receives("STATUS=processing 2 partitions").await?;
    manager.notifications.clear();
    manager.receives("WATCHDOG=1").await?;
    running.signal(Signal::TERM)?;
    manager.receives("STOPPING=1").await?;
    running.wait_exit(DEADLINE).await?.expect_code(0)?;

    // It may be started before its servers, and is not ready then.
    let mut manager = ServiceManager::listen()?;
    let nowhere = format!("127.0.0.1:{}", free_port()?);
    let waiting = shop.vendas(&["run", "--brokers", &nowhere]);
    let waiting = manager.supervise(waiting).start()?;
    manager.receives("STATUS=kafka: ").await?;
    manager.receives("WATCHDOG=1").await?;
    ensure!(
        !manager.notifications.iter().any(|told| told == "READY=1"),
        "{:?}",
        manager.notifications
    );
    waiting.signal(Signal::TERM)?;
    waiting.wait_exit(DEADLINE).await?.expect_code(0)?;
    Ok(())
}

/// Checks the unit with systemd's own tools.
#[test]
fn systemd_accepts_the_unit_and_finds_little_exposure() -> Result<()> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/vendas.service");
    let text = std::fs::read_to_string(&unit)?;
    for setting in ["Type=notify", "DynamicUser=yes", "LoadCredential=", "Restart=on-failure"] {
        ensure!(text.contains(setting), "the unit has no {setting}");
    }
    let version = Program::new("systemd-analyze").arg("--version").output();
    ensure!(version.is_ok(), "there is no systemd-analyze: apt-get install systemd");
    // The program must be at the path that the unit names.
    let folder = tempfile::tempdir()?;
    let here = folder.path().join("vendas.service");
    std::fs::write(&here, text.replace("ExecStart=vendas", &format!("ExecStart={VENDAS}")))?;
    for args in [&["verify"][..], &["security", "--offline=yes", "--threshold=15", "--no-pager"]] {
        let checked = Program::new("systemd-analyze").args(args).arg(&here).output()?;
        ensure!(checked.status.success(), "{args:?}: {checked:?}");
        // systemd ignores what it does not understand, with a warning.
        let told = String::from_utf8_lossy(&checked.stderr).into_owned();
        ensure!(!told.contains("vendas.service:"), "{args:?}: {told}");
    }
    Ok(())
}

//! `vendas report --watch` in a pseudo-terminal, and what a terminal makes of its output.

use std::{
    num::NonZeroU16,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use pty_process::{Command, OwnedWritePty, Size};
use testbed::{Context, Database, Postgres, Result, ensure, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Child,
};
use unicode_width::UnicodeWidthStr;

use crate::shop::{DEADLINE, VENDAS};

/// A shell runs it, so that what it leaves behind can be seen.
const SCRIPT: &str = r#"trap : INT; before=$(stty -g); echo "the first screen"
"$0" report --locale plain --watch --interval 100ms "$@"; echo "exit code $?"
test "$before" = "$(stty -g)" && echo "as it was""#;

struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

struct Terminal {
    keyboard: OwnedWritePty,
    seen: Arc<Mutex<Seen>>,
    shell: Child,
}

impl Terminal {
    fn start(database: &Database, args: &[&str], rows: u16, columns: u16) -> Result<Self> {
        let (pty, pts) = pty_process::open()?;
        pty.resize(Size::new(rows, columns))?;
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, VENDAS])
            .args(args)
            .envs(database.settings())
            .current_dir(std::env::temp_dir())
            .kill_on_drop(true)
            .spawn(pts)?;
        let (mut output, keyboard) = pty.into_split();
        let parser = vt100::Parser::new(size(rows)?, size(columns)?, 0);
        let seen = Arc::new(Mutex::new(Seen { parser, bytes: Vec::new() }));
        let terminal = Self { keyboard, seen: Arc::clone(&seen), shell };
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            // An error is what the end of all writers looks like.
            while let Ok(count @ 1..) = output.read(&mut buffer).await {
                let mut seen = lock(&seen);
                seen.parser.process(&buffer[..count]);
                seen.bytes.extend(&buffer[..count]);
            }
        });
        Ok(terminal)
    }

    fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        lock(&self.seen).parser.screen_mut().set_size(size(rows)?, size(columns)?);
        Ok(self.keyboard.resize(Size::new(rows, columns))?)
    }

    /// The lines that can be seen, once they pass.
    async fn shows(&self, what: &str, pass: impl Fn(&[String]) -> bool) -> Result<Vec<String>> {
        self.eventually(what, |lines| {
            ensure!(pass(lines), "{}", lines.join("\n"));
            Ok(())
        })
        .await
    }

    async fn eventually(
        &self,
        what: &str,
        look: impl Fn(&[String]) -> Result<()>,
    ) -> Result<Vec<String>> {
        eventually(what, DEADLINE, async || {
            let contents = lock(&self.seen).parser.screen().contents();
            let lines: Vec<String> = contents.lines().map(str::to_owned).collect();
            look(&lines)?;
            Ok(lines)
        })
        .await
    }

    /// Ctrl-C, after which all has to be as it was.
    async fn interrupt(mut self) -> Result<()> {
        self.keyboard.write_all(b"typed\x03").await?;
        self.shows("first screen again", |lines| {
            lines == ["the first screen", "exit code 0", "as it was"]
        })
        .await?;
        tokio::time::timeout(DEADLINE, self.shell.wait()).await??;
        let seen = lock(&self.seen);
        let screen = seen.parser.screen();
        ensure!(!screen.alternate_screen() && !screen.hide_cursor(), "not restored");
        Ok(())
    }
}

fn size(cells: u16) -> Result<NonZeroU16> {
    NonZeroU16::new(cells).context("no cells")
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn sell(database: &Database, products: std::ops::Range<u32>) -> Result<()> {
    database
        .execute(&format!(
            "INSERT INTO orders (order_id, numbered, total, items, processed_at) \
             SELECT 'n' || n, false, n, ARRAY[(CASE n % 3 WHEN 0 THEN '日本語 🍵 ' ELSE '' END \
                 || repeat('produto ', 4) || n, 1, n)]::order_item[], now() \
             FROM generate_series({}, {}) AS n",
            products.start,
            products.end - 1
        ))
        .await
}

async fn apply_schema(database: &Database) -> Result<()> {
    let schema = testbed::VendasCommand::new(VENDAS).args(["schema", "--apply"]).database(database);
    schema.run(DEADLINE).await?.expect_code(0).map(drop)
}

/// Heading, header, and last the total, each within the terminal.
fn ensure_table(lines: &[String], rows: usize, columns: usize) -> Result<()> {
    let all = lines.join("\n");
    ensure!(lines.len() <= rows && lines.len() >= 3, "{all}");
    ensure!(lines.iter().all(|line| line.width() <= columns), "{all}");
    ensure!(lines[0].starts_with("product totals as of "), "{all}");
    ensure!(lines[1].starts_with(" product "), "{all}");
    ensure!(lines.iter().filter(|line| line.starts_with(" product ")).count() == 1, "{all}");
    ensure!(lines[1..].iter().all(|line| line.width() == lines[1].width()), "{all}");
    ensure!(lines.last().is_some_and(|last| last.starts_with(" total (")), "{all}");
    Ok(())
}

#[tokio::test]
async fn on_a_terminal_it_redraws_in_place_fits_any_size_and_leaves_all_as_it_was() -> Result<()> {
    let database = testbed::Testbed::shared().await?.database().await?;
    apply_schema(&database).await?;
    sell(&database, 1..31).await?;
    let terminal = Terminal::start(&database, &[], 20, 100)?;
    let ends = |end: &'static str| {
        move |lines: &[String]| lines.last().is_some_and(|last| last.starts_with(end))
    };
    let lines = terminal.shows("thirty products", ends(" total (30) ")).await?;
    ensure_table(&lines, 20, 100)?;
    ensure!(lines.len() == 20 && lines[18].starts_with(" others (14) "), "{lines:#?}");
    ensure!(lines[2].contains(" produto produto produto produto 30 "), "{lines:#?}");

    sell(&database, 31..32).await?;
    let lines = terminal.shows("one more", ends(" total (31) ")).await?;
    ensure_table(&lines, 20, 100)?;

    for (rows, columns) in [(10, 40), (50, 120), (3, 30), (24, 45)] {
        terminal.resize(rows, columns)?;
        // What is seen at first is the old picture, cut by the terminal.
        terminal
            .eventually("table of that size", |lines| {
                ensure_table(lines, rows.into(), columns.into())?;
                ensure!(lines.len() == usize::from(rows).min(34), "{}", lines.join("\n"));
                Ok(())
            })
            .await?;
    }

    // One screen was opened, and each picture came as one, over the one before.
    let bytes = String::from_utf8(lock(&terminal.seen).bytes.clone())?;
    ensure!(
        bytes.matches("\u{1b}[?1049h").count() == 1 && !bytes.contains("\u{1b}[2J"),
        "{bytes:?}"
    );
    let (_, pictures) = bytes.split_once("\u{1b}[?2026h").context("no synchronized output")?;
    for picture in pictures.split("\u{1b}[?2026h") {
        ensure!(
            picture.matches("\u{1b}[?2026l").count() <= 1 && !picture.contains('\n'),
            "{picture:?}"
        );
    }
    terminal.interrupt().await
}

#[tokio::test]
async fn on_a_terminal_it_says_that_postgresql_is_away_and_goes_on() -> Result<()> {
    let postgres = Postgres::start().await?;
    let database = postgres.database().await?;
    apply_schema(&database).await?;
    sell(&database, 1..4).await?;
    let terminal = Terminal::start(&database, &["--top", "2"], 24, 100)?;
    let away =
        |lines: &[String]| lines.iter().any(|line| line.starts_with("PostgreSQL is unavailable: "));
    terminal.shows("totals", |lines| lines.len() == 6).await?;
    postgres.kill()?;
    // The last totals stay.
    terminal.shows("outage", |lines| away(lines) && lines.len() == 7).await?;
    postgres.restart().await?;
    terminal.shows("totals again", |lines| !away(lines) && lines.len() == 6).await?;
    terminal.interrupt().await
}

#[tokio::test]
async fn on_a_terminal_the_newest_days_are_seen_and_the_note_below() -> Result<()> {
    let database = testbed::Testbed::shared().await?.database().await?;
    apply_schema(&database).await?;
    database
        .execute(
            "INSERT INTO sales (order_number, total, counted_at) \
             SELECT n, n, timestamp '2026-03-01' + make_interval(days => n) \
             FROM generate_series(1, 30) AS n; \
             INSERT INTO sales (order_number, total, processed_at) VALUES (31, 1, NULL)",
        )
        .await?;
    let terminal = Terminal::start(&database, &["--by", "day"], 10, 60)?;
    let begins = ["Sales by day, since ", " day ", " earlier (25)", " 2026-03-27 "];
    let ends = [" 2026-03-31 ", " total ", "1 order is not included"];
    let lines = terminal
        .shows("ten lines", |lines| {
            let at = |(line, text): (&String, &&str)| line.starts_with(*text);
            lines.len() == 10
                && lines.iter().zip(&begins).all(at)
                && lines[7..].iter().zip(&ends).all(at)
        })
        .await?;
    ensure!(lines[8].contains(" 465.00 "), "{lines:#?}");
    terminal.interrupt().await
}

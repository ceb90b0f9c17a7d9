//! `vendas report --watch` in a pseudo-terminal.

use testbed::{Context, Database, Postgres, Result, ensure};
use unicode_width::UnicodeWidthStr;

use crate::{
    shop::{DEADLINE, VENDAS},
    terminal::Terminal,
};

/// Run in a shell, so that the state of the terminal after the exit can be checked.
const SCRIPT: &str = r#"trap : INT; before=$(stty -g); echo "the first screen"
"$0" report --locale plain --watch --interval 100ms "$@"; echo "exit code $?"
test "$before" = "$(stty -g)" && echo "as it was""#;

fn watch(database: &Database, args: &[&str], rows: u16, columns: u16) -> Result<Terminal> {
    let shell = pty_process::Command::new("sh")
        .args(["-c", SCRIPT, VENDAS])
        .args(args)
        .envs(database.settings());
    Terminal::start(shell, rows, columns)
}

/// Presses Ctrl-C, and checks that the terminal is restored.
async fn interrupt(mut terminal: Terminal) -> Result<()> {
    terminal.type_text("typed\x03").await?;
    terminal
        .shows_lines("first screen again", |lines| {
            lines == ["the first screen", "exit code 0", "as it was"]
        })
        .await?;
    terminal.wait_exit().await?;
    let screen = terminal.screen();
    ensure!(!screen.alternate_screen() && !screen.hide_cursor(), "not restored");
    Ok(())
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

/// A heading, a header and the total in the last line, all within the terminal.
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
async fn on_a_terminal_it_redraws_in_place_fits_any_size_and_restores_the_terminal() -> Result<()> {
    let database = testbed::Testbed::shared().await?.database().await?;
    apply_schema(&database).await?;
    sell(&database, 1..31).await?;
    let terminal = watch(&database, &[], 20, 100)?;
    let ends = |end: &'static str| {
        move |lines: &[String]| lines.last().is_some_and(|last| last.starts_with(end))
    };
    let lines = terminal.shows_lines("thirty products", ends(" total (30) ")).await?;
    ensure_table(&lines, 20, 100)?;
    ensure!(lines.len() == 20 && lines[18].starts_with(" others (14) "), "{lines:#?}");
    ensure!(lines[2].contains(" produto produto produto produto 30 "), "{lines:#?}");

    sell(&database, 31..32).await?;
    let lines = terminal.shows_lines("one more", ends(" total (31) ")).await?;
    ensure_table(&lines, 20, 100)?;

    for (rows, columns) in [(10, 40), (50, 120), (3, 30), (24, 45)] {
        terminal.resize(rows, columns)?;
        // At first the terminal shows the old picture, cut.
        terminal
            .eventually_lines("table of that size", |lines| {
                ensure_table(lines, rows.into(), columns.into())?;
                ensure!(lines.len() == usize::from(rows).min(34), "{}", lines.join("\n"));
                Ok(())
            })
            .await?;
    }

    // One alternate screen was opened, and each picture was written as a whole over the one before.
    let bytes = String::from_utf8(terminal.output())?;
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
    interrupt(terminal).await
}

#[tokio::test]
async fn on_a_terminal_it_reports_an_outage_of_postgresql_and_recovers() -> Result<()> {
    let postgres = Postgres::start().await?;
    let database = postgres.database().await?;
    apply_schema(&database).await?;
    sell(&database, 1..4).await?;
    let terminal = watch(&database, &["--top", "2"], 24, 100)?;
    let away =
        |lines: &[String]| lines.iter().any(|line| line.starts_with("PostgreSQL is unavailable: "));
    terminal.shows_lines("totals", |lines| lines.len() == 6).await?;
    postgres.kill()?;
    // The last totals stay.
    terminal.shows_lines("outage", |lines| away(lines) && lines.len() == 7).await?;
    postgres.restart().await?;
    terminal.shows_lines("totals again", |lines| !away(lines) && lines.len() == 6).await?;
    interrupt(terminal).await
}

#[tokio::test]
async fn on_a_terminal_the_newest_days_and_the_note_below_are_visible() -> Result<()> {
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
    let terminal = watch(&database, &["--by", "day"], 10, 60)?;
    let begins = ["Sales by day, since ", " day ", " earlier (25)", " 2026-03-27 "];
    let ends = [" 2026-03-31 ", " total ", "1 order is not included"];
    let lines = terminal
        .shows_lines("ten lines", |lines| {
            let at = |(line, text): (&String, &&str)| line.starts_with(*text);
            lines.len() == 10
                && lines.iter().zip(&begins).all(at)
                && lines[7..].iter().zip(&ends).all(at)
        })
        .await?;
    ensure!(lines[8].contains(" 465.00 "), "{lines:#?}");
    interrupt(terminal).await
}

//! A program in a pseudo-terminal.

use std::{
    num::NonZeroU16,
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use pty_process::{Command, OwnedWritePty, Size};
use testbed::{Context, Result, ensure, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Child,
    task::JoinHandle,
    time::timeout,
};

use crate::shop::DEADLINE;

/// A program that runs in a pseudo-terminal of its own.
pub(crate) struct Terminal {
    keyboard: OwnedWritePty,
    display: Arc<Mutex<Display>>,
    program: Child,
    reader: JoinHandle<()>,
}

/// The output so far, and how a terminal displays it.
struct Display {
    parser: vt100::Parser,
    output: Vec<u8>,
}

impl Terminal {
    pub(crate) fn start(command: Command, rows: u16, columns: u16) -> Result<Self> {
        let (pty, pts) = pty_process::open()?;
        pty.resize(Size::new(rows, columns))?;
        let program = command.current_dir(std::env::temp_dir()).kill_on_drop(true).spawn(pts)?;
        let (mut output, keyboard) = pty.into_split();
        let parser = vt100::Parser::new(size(rows)?, size(columns)?, 0);
        let display = Arc::new(Mutex::new(Display { parser, output: Vec::new() }));
        let shared = Arc::clone(&display);
        let reader = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            // The end of all writers is reported as an error.
            while let Ok(count @ 1..) = output.read(&mut buffer).await {
                let mut display = lock(&shared);
                display.parser.process(&buffer[..count]);
                display.output.extend(&buffer[..count]);
            }
        });
        Ok(Self { keyboard, display, program, reader })
    }

    pub(crate) async fn type_text(&mut self, text: &str) -> Result<()> {
        Ok(self.keyboard.write_all(text.as_bytes()).await?)
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        lock(&self.display).parser.screen_mut().set_size(size(rows)?, size(columns)?);
        Ok(self.keyboard.resize(Size::new(rows, columns))?)
    }

    /// All bytes that were written so far.
    pub(crate) fn output(&self) -> Vec<u8> {
        lock(&self.display).output.clone()
    }

    /// All text that was written so far, with its control sequences.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output()).into_owned()
    }

    /// The current screen.
    pub(crate) fn screen(&self) -> vt100::Screen {
        lock(&self.display).parser.screen().clone()
    }

    /// Waits until the output contains `text`.
    pub(crate) async fn shows_text(&self, text: &str) -> Result<()> {
        eventually(text, DEADLINE, async || {
            let shown = self.text();
            ensure!(shown.contains(text), "{shown}");
            Ok(())
        })
        .await
    }

    /// Waits until the lines on the screen pass, and returns them.
    pub(crate) async fn shows_lines(
        &self,
        what: &str,
        pass: impl Fn(&[String]) -> bool,
    ) -> Result<Vec<String>> {
        self.eventually_lines(what, |lines| {
            ensure!(pass(lines), "{}", lines.join("\n"));
            Ok(())
        })
        .await
    }

    /// Waits until `look` succeeds with the lines on the screen, and returns them.
    pub(crate) async fn eventually_lines(
        &self,
        what: &str,
        look: impl Fn(&[String]) -> Result<()>,
    ) -> Result<Vec<String>> {
        eventually(what, DEADLINE, async || {
            let screen = self.screen();
            // By row: a picture that was written before the terminal became narrower has wrapped.
            let rows = screen.rows(0, screen.size().1.get());
            let mut lines: Vec<_> = rows.map(|row| row.trim_end().to_owned()).collect();
            while lines.pop_if(|last| last.is_empty()).is_some() {}
            look(&lines)?;
            Ok(lines)
        })
        .await
    }

    /// Waits until the program exits, and returns its status.
    pub(crate) async fn wait_exit(&mut self) -> Result<ExitStatus> {
        Ok(timeout(DEADLINE, self.program.wait()).await.context("the program still runs")??)
    }

    /// Waits until the program exits, and returns all that it wrote.
    pub(crate) async fn wait_output(mut self) -> Result<String> {
        self.wait_exit().await?;
        timeout(DEADLINE, &mut self.reader).await.context("the terminal is still open")??;
        Ok(String::from_utf8(self.output())?)
    }
}

fn size(cells: u16) -> Result<NonZeroU16> {
    NonZeroU16::new(cells).context("a terminal has at least one cell")
}

fn lock(display: &Mutex<Display>) -> MutexGuard<'_, Display> {
    display.lock().unwrap_or_else(PoisonError::into_inner)
}

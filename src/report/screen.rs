//! A terminal on which something is drawn again and again.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use crossterm::{
    Command,
    cursor::{Hide, MoveTo, Show},
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap,
        EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    },
};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::text::{cut, width};

/// The second screen that terminals have, from its making to its drop, which brings the first one
/// back as it was. What is typed meanwhile is not shown, and forgotten; Ctrl-C is a signal as ever.
#[derive(Debug)]
pub struct Screen {
    typing: Option<Termios>,
}

impl Screen {
    /// Takes the terminal that standard output is.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn enter() -> io::Result<Self> {
        let stdin = io::stdin();
        let typing = stdin.is_terminal().then(|| tcgetattr(&stdin)).transpose()?;
        // Made first, so that whatever is done is undone.
        let screen = Self { typing };
        if let Some(mut quiet) = screen.typing.clone() {
            quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
            // Ctrl-Z would leave the shell on our screen. Zero is no character (termios(3)).
            quiet.special_codes[SpecialCodeIndex::VSUSP] = 0;
            tcsetattr(&stdin, OptionalActions::Now, &quiet)?;
        }
        let mut frame = String::new();
        ansi(&mut frame, &[&EnterAlternateScreen, &Hide, &DisableLineWrap]);
        put(&frame)?;
        Ok(screen)
    }

    /// Columns and lines that it has now.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        size().unwrap_or((80, 24))
    }

    /// Puts these lines in the place of what is shown, all at once: nothing is cleared before, and
    /// terminals that know synchronized output show no half of it.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let (columns, height) = self.size();
        let mut frame = String::new();
        ansi(&mut frame, &[&BeginSynchronizedUpdate]);
        let mut row = 0;
        for line in lines.iter().take(height) {
            let line = cut(line, columns);
            ansi(&mut frame, &[&MoveTo(0, row)]);
            frame.push_str(&line);
            // Behind a full line the cursor stands on its last character and would clear that.
            if width(&line) < columns {
                ansi(&mut frame, &[&Clear(ClearType::UntilNewLine)]);
            }
            row += 1;
        }
        if usize::from(row) < height {
            ansi(&mut frame, &[&MoveTo(0, row), &Clear(ClearType::FromCursorDown)]);
        }
        ansi(&mut frame, &[&EndSynchronizedUpdate]);
        put(&frame)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut frame = String::new();
        ansi(&mut frame, &[&EnableLineWrap, &Show, &LeaveAlternateScreen]);
        // A terminal that is gone needs nothing restored.
        let _restored = put(&frame).is_ok();
        if let Some(typing) = &self.typing {
            let _restored = tcsetattr(io::stdin(), OptionalActions::Flush, typing).is_ok();
        }
    }
}

/// Columns and lines of the terminal that standard output is; `None` where it is none, or one that
/// does not know.
#[must_use]
pub(crate) fn size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// A command of any kind; [`Command`] itself cannot be put in a list.
trait Ansi {
    fn write(&self, frame: &mut String) -> fmt::Result;
}

impl<C: Command> Ansi for C {
    fn write(&self, frame: &mut String) -> fmt::Result {
        self.write_ansi(frame)
    }
}

fn ansi(frame: &mut String, commands: &[&dyn Ansi]) {
    for command in commands {
        // A String takes everything.
        let _written = command.write(frame).is_ok();
    }
}

fn put(frame: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(frame.as_bytes())?;
    stdout.flush()
}

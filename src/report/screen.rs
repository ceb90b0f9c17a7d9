//! A terminal screen that is redrawn in place.

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

/// The alternate screen of the terminal. Dropping it restores the main screen. Input is not echoed
/// and is discarded; Ctrl-C still sends a signal.
#[derive(Debug)]
pub struct Screen {
    typing: Option<Termios>,
}

impl Screen {
    /// Switches standard output to the alternate screen.
    ///
    /// # Errors
    /// If standard output cannot be written to.
    pub fn enter() -> io::Result<Self> {
        let stdin = io::stdin();
        let typing = stdin.is_terminal().then(|| tcgetattr(&stdin)).transpose()?;
        // Created first, so that its drop undoes all changes.
        let screen = Self { typing };
        if let Some(mut quiet) = screen.typing.clone() {
            quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
            // Ctrl-Z would leave the shell on the alternate screen. Zero disables the character
            // (termios(3)).
            quiet.special_codes[SpecialCodeIndex::VSUSP] = 0;
            tcsetattr(&stdin, OptionalActions::Now, &quiet)?;
        }
        let mut frame = String::new();
        ansi(&mut frame, &[&EnterAlternateScreen, &Hide, &DisableLineWrap]);
        put(&frame)?;
        Ok(screen)
    }

    /// The current number of columns and lines.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        size().unwrap_or((80, 24))
    }

    /// Replaces the content with these lines without flicker: nothing is cleared first, and terminals
    /// with synchronized output show only complete frames.
    ///
    /// # Errors
    /// If the terminal is closed.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let (columns, height) = self.size();
        let mut frame = String::new();
        ansi(&mut frame, &[&BeginSynchronizedUpdate]);
        let mut row = 0;
        for line in lines.iter().take(height) {
            let line = cut(line, columns);
            ansi(&mut frame, &[&MoveTo(0, row)]);
            frame.push_str(&line);
            // After a full line, the cursor is on its last character, which would be cleared.
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
        // A closed terminal does not need to be restored.
        let _restored = put(&frame).is_ok();
        if let Some(typing) = &self.typing {
            let _restored = tcsetattr(io::stdin(), OptionalActions::Flush, typing).is_ok();
        }
    }
}

/// Columns and lines of standard output; `None` if it is not a terminal, or does not know its size.
#[must_use]
pub(crate) fn size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// Any terminal command; [`Command`] itself is not object safe.
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

//! Confirmation prompts, and the identity of the operator.

use std::{
    env,
    io::{self, IsTerminal},
};

use super::{CliError, print};

/// Asks on the terminal; without a terminal, the answer is no.
pub(super) fn confirm(question: &str) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Ok(false);
    }
    print(&format!("{question} [y/N] "))?;
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| CliError::Failed(format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// USER@HOST, for the records of manual changes.
pub(super) fn whoami() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| env::var(name).ok());
    let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}")
}

//! Errors of commands.

use std::{fmt, io, process::ExitCode};

use tracing::error;

use super::logging::COMMAND_FAILED;
use crate::{
    config::Problems,
    http::ListenError,
    kafka::{GroupError, KafkaError, ProduceError},
    pipeline::RunError,
    purge::PurgeError,
    registry::RegistryError,
    replay::ReplayError,
    store::StoreError,
};

/// Why a command failed.
#[derive(Debug)]
pub enum CliError {
    /// The arguments are invalid.
    Usage(clap::Error),
    /// The settings are invalid.
    Config(Problems),
    /// The command failed, with this message.
    Failed(String),
    /// The command failed and has already printed the details.
    Reported(&'static str),
    /// The command failed and has already logged the cause.
    Logged,
    /// The output could not be written.
    Output(io::Error),
}

impl CliError {
    /// Whether the reader of standard output has closed the pipe.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the error has already been logged.
    #[must_use]
    pub const fn is_logged(&self) -> bool {
        matches!(self, Self::Logged)
    }

    /// Writes the error to the log, at any `log.level`. Errors in arguments and settings are not
    /// logged: they are for the user.
    pub(super) fn in_log(self) -> Self {
        match self {
            Self::Failed(text) => error!(target: COMMAND_FAILED, "{text}"),
            Self::Reported(text) => error!(target: COMMAND_FAILED, "{text}"),
            other => return other,
        }
        Self::Logged
    }

    /// 1 failed, 2 usage or configuration.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Config(_) => ExitCode::from(2),
            Self::Failed(_) | Self::Reported(_) | Self::Logged | Self::Output(_) => {
                ExitCode::from(1)
            }
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // It ends with a newline.
            Self::Usage(error) => f.write_str(error.to_string().trim_end()),
            Self::Config(problems) => {
                let lines = problems.0.iter().map(|problem| format!("vendas: {problem}"));
                f.write_str(&lines.collect::<Vec<_>>().join("\n"))
            }
            Self::Failed(text) => write!(f, "vendas: {text}"),
            Self::Reported(text) => write!(f, "vendas: {text}"),
            Self::Logged => f.write_str("vendas: failed, see the log"),
            Self::Output(error) => write!(f, "vendas: cannot write: {error}"),
        }
    }
}

impl std::error::Error for CliError {}

impl From<Problems> for CliError {
    fn from(problems: Problems) -> Self {
        Self::Config(problems)
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ListenError> for CliError {
    fn from(error: ListenError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<KafkaError> for CliError {
    fn from(error: KafkaError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<GroupError> for CliError {
    fn from(error: GroupError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ProduceError> for CliError {
    fn from(error: ProduceError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<PurgeError> for CliError {
    fn from(error: PurgeError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<RegistryError> for CliError {
    fn from(error: RegistryError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

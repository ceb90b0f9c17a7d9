//! `[log]`: the log.

use tracing_subscriber::EnvFilter;

use super::reader::Reader;

/// The settings of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// In the syntax of tracing-subscriber's `EnvFilter`: `info`, or `info,vendas::kafka=debug`.
    pub level: String,
    /// The format of lines.
    pub format: LogFormat,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Plain text.
    Text,
    /// One JSON object per line.
    Json,
}

pub(super) fn log(reader: &mut Reader) -> Option<Log> {
    let level = reader.text("log.level", "info").filter(|level| {
        let problem = EnvFilter::try_new(level).err();
        if let Some(problem) = &problem {
            let text = format!("is {level:?}, must be a level such as \"info\", or \"info,vendas::kafka=debug\": {problem}");
            reader.problem("log.level", &text);
        }
        problem.is_none()
    });
    let format =
        reader.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    Some(Log { level: level?, format: format? })
}

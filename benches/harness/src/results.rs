//! Results: a row for each run as JSON, and their medians as a table.

use std::{collections::BTreeMap, fs, path::Path};

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use serde::{Deserialize, Serialize};
use testbed::{Context, Result};

/// CPU seconds of the program and the servers.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Cpu {
    pub(crate) candidate: f64,
    pub(crate) kafka: f64,
    pub(crate) postgres: f64,
}

/// From the producer's acknowledgement until another connection sees the row.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// The varied setting.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: u64,
}

/// One run of one candidate, after which the tables were correct.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Run {
    pub(crate) part: String,
    pub(crate) candidate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) setting: Option<Setting>,
    /// Processed orders.
    pub(crate) orders: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: Cpu,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peak_rss_bytes: Option<u64>,
    /// From the start of the process to the first visible row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_row_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
    /// The longest wait of a partition with a backlog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) longest_wait_seconds: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
impl Run {
    pub(crate) fn rate(&self) -> f64 {
        self.orders as f64 / self.seconds
    }

    /// CPU seconds per million orders.
    pub(crate) fn cpu_per_million(&self) -> Cpu {
        let millions = self.orders as f64 / 1e6;
        let Cpu { candidate, kafka, postgres } = self.cpu_seconds;
        Cpu {
            candidate: candidate / millions,
            kafka: kafka / millions,
            postgres: postgres / millions,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: u64) -> Self {
        self.setting = Some(Setting { name: name.to_owned(), value });
        self
    }
}

/// All measurements, with the machine and the versions.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: String,
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) runs: Vec<Run>,
}

impl Results {
    /// The contents of a file; empty if it does not exist.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not a result file", path.display()))
    }

    /// Replaces all earlier runs of the same parts.
    pub(crate) fn put(&mut self, runs: Vec<Run>) {
        self.runs.retain(|old| runs.iter().all(|new| new.part != old.part));
        self.runs.extend(runs);
    }

    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| path.display().to_string())
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(below), Some(above)) if values.len().is_multiple_of(2) => {
            f64::midpoint(*below, *above)
        }
        (_, Some(middle)) => *middle,
        _ => f64::NAN,
    }
}

/// Runs of one candidate with one setting.
pub(crate) struct Group<'r>(pub(crate) Vec<&'r Run>);

impl Group<'_> {
    pub(crate) fn median(&self, value: impl Fn(&Run) -> f64) -> f64 {
        median(self.0.iter().map(|run| value(run)).collect())
    }

    fn optional(&self, value: impl Fn(&Run) -> Option<f64>, decimals: usize) -> String {
        let values: Vec<_> = self.0.iter().filter_map(|run| value(run)).collect();
        if values.is_empty() { String::new() } else { format!("{:.decimals$}", median(values)) }
    }

    fn range(&self) -> (f64, f64) {
        let rates: Vec<_> = self.0.iter().map(|run| run.rate()).collect();
        (
            rates.iter().copied().fold(f64::INFINITY, f64::min),
            rates.iter().copied().fold(0.0, f64::max),
        )
    }
}

/// Groups of equal runs, in the order of their first appearance.
pub(crate) fn groups(runs: &[Run]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for run in runs {
        let of_kind = |group: &&mut Group<'_>| {
            group.0.first().is_some_and(|first| {
                (&first.part, &first.candidate, &first.setting)
                    == (&run.part, &run.candidate, &run.setting)
            })
        };
        match groups.iter_mut().find(of_kind) {
            Some(group) => group.0.push(run),
            None => groups.push(Group(vec![run])),
        }
    }
    groups
}

/// Medians, with the ratio of the first candidate's rate to each other's.
#[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
pub(crate) fn table(runs: &[Run]) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let titles = [
        "candidate",
        "setting",
        "runs",
        "orders",
        "orders/s",
        "min–max",
        "first is × as fast",
        "CPU s/million: its own",
        "Kafka",
        "PostgreSQL",
        "peak RSS MiB",
        "first row s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "longest wait s",
    ];
    table.set_header(titles);
    let groups = groups(runs);
    let first = groups.first().map_or(f64::NAN, |group| group.median(Run::rate));
    for group in &groups {
        let Some(run) = group.0.first() else { continue };
        let rate = group.median(Run::rate);
        let (least, most) = group.range();
        let cpu = |part: fn(Cpu) -> f64| {
            format!("{:.2}", group.median(|run| part(run.cpu_per_million())))
        };
        let setting = run.setting.as_ref();
        table.add_row([
            run.candidate.clone(),
            setting.map_or_else(String::new, |it| format!("{} {}", it.value, it.name)),
            group.0.len().to_string(),
            run.orders.to_string(),
            format!("{rate:.0}"),
            format!("{least:.0}–{most:.0}"),
            format!("{:.2}", first / rate),
            cpu(|cpu| cpu.candidate),
            cpu(|cpu| cpu.kafka),
            cpu(|cpu| cpu.postgres),
            group.optional(|run| Some(run.peak_rss_bytes? as f64 / f64::from(1 << 20)), 0),
            group.optional(|run| run.first_row_seconds, 3),
            group.optional(|run| Some(run.latency?.p50_ms), 2),
            group.optional(|run| Some(run.latency?.p99_ms), 2),
            group.optional(|run| Some(run.latency?.max_ms), 1),
            group.optional(|run| run.longest_wait_seconds, 2),
        ]);
    }
    // Columns without values are omitted.
    let empty: Vec<_> = (0..titles.len())
        .filter(|&index| {
            groups.iter().enumerate().all(|(row, _)| {
                table
                    .row(row)
                    .and_then(|row| row.cell_iter().nth(index))
                    .is_none_or(|cell| cell.content().is_empty())
            })
        })
        .collect();
    for (index, column) in table.column_iter_mut().enumerate() {
        if index >= 2 {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if empty.contains(&index) {
            column.set_constraint(comfy_table::ColumnConstraint::Hidden);
        }
    }
    format!("{table}\n")
}

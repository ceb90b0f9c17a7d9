//! Counts the instructions that vendas executes per record, and compares them with those recorded
//! in instructions.tsv: this shows a regression without measuring time, on a machine of any speed
//! and load. `cargo bench -p micro --bench instructions` needs valgrind; with `-- --record` it
//! records new counts.
//!
//! Each benchmark runs in its own process under callgrind, once with few rounds and once with more.
//! Only the difference counts, since start and preparation are in both.
#![expect(clippy::expect_used, reason = "a benchmark cannot return an error")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::{collections::BTreeMap, env, fs, path::Path, process::Command, process::ExitCode};

use micro::Case;

/// The recorded counts: a line for each benchmark, with its name and a tab before the count.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.tsv");

/// The tolerance of a count, in percent. Differences between processors (the C library's way of
/// copying memory) and between versions of the compiler are smaller; if a new compiler exceeds it,
/// record new counts.
const TOLERANCE: u64 = 4;

/// Tells a process of this program which benchmark to run; another argument is the number of
/// rounds.
const RUN: &str = "--run";

/// Records in both processes, and additional records in the second one.
const WARM_UP: u64 = 1_000;
const COUNTED: u64 = 4_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [RUN, name, records] => {
            run(name, records.parse().expect("a number of records"));
            ExitCode::SUCCESS
        }
        arguments => check(arguments.contains(&"--record")),
    }
}

/// One thread does everything, so that every run does the same.
fn cases() -> Vec<Case> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    micro::all(runtime.expect("a runtime"))
}

fn run(name: &str, records: u64) {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == name).expect("a benchmark of that name");
    for _ in 0..records / case.records {
        (case.work)();
    }
}

/// Counts all benchmarks, and records or compares the counts.
fn check(record: bool) -> ExitCode {
    let counts: Vec<_> = cases().iter().map(|case| (case.name, count(case.name))).collect();
    if record {
        let lines: String =
            counts.iter().map(|(name, count)| format!("{name}\t{count}\n")).collect();
        fs::write(RECORDED, lines).expect("a file that can be written");
    }
    let recorded = fs::read_to_string(RECORDED).unwrap_or_default();
    let recorded: BTreeMap<_, _> =
        recorded.lines().filter_map(|line| line.split_once('\t')).collect();
    let mut failures = Vec::new();
    println!("{:<28} {:>10} {:>10}", "instructions a record", "recorded", "now");
    for (name, count) in counts {
        let before: Option<u64> = recorded.get(name).and_then(|before| before.parse().ok());
        let shown = before.map_or("none".to_owned(), |before| before.to_string());
        println!("{name:<28} {shown:>10} {count:>10}");
        let is_near = |before: u64| before.abs_diff(count) * 100 <= before * TOLERANCE;
        if !before.is_some_and(is_near) {
            failures.push(format!("{name}: {count} instructions a record, recorded is {shown}"));
        }
    }
    if failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!(
        "\nmore than {TOLERANCE} % from the counts recorded in {}:\n{}\n\nIf the change is intended \
         (including an improvement), record the new counts:\n\
         cargo bench -p micro --bench instructions -- --record",
        Path::new(RECORDED).file_name().unwrap_or_default().display(),
        failures.join("\n"),
    );
    ExitCode::FAILURE
}

/// The instructions of one record.
fn count(name: &str) -> u64 {
    let [few, more] = [WARM_UP, WARM_UP + COUNTED].map(|records| total(name, records));
    more.saturating_sub(few) / COUNTED
}

/// The instructions of a whole process with this number of records, from callgrind.
fn total(name: &str, records: u64) -> u64 {
    let me = env::current_exe().expect("the path of this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(me)
        .args([RUN, name, &records.to_string()])
        .output()
        .expect("valgrind: apt-get install valgrind");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {log}");
    let total = log.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    total.expect("callgrind's total")
}

//! CPU time and memory of processes, from the kernel (proc(5)).

use std::{collections::HashMap, fs};

use testbed::{Context, Result};

/// Ticks per second in the kernel's accounting: USER_HZ, which is 100 on every current Linux.
const TICKS: f64 = 100.0;

/// The contents of /proc/ID/stat.
struct Stat {
    id: u32,
    parent: u32,
    /// Its own time, and that of children that have ended and were waited for.
    ticks: u64,
    ticks_of_ended: u64,
}

fn stat(id: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may itself contain spaces and parentheses.
    let fields: Vec<_> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        id: text.split_whitespace().next()?.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        ticks: number(11)? + number(12)?,
        ticks_of_ended: number(13)? + number(14)?,
    })
}

/// A process and all its running descendants.
fn family(root: u32) -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all: Vec<_> = entries.filter_map(|entry| stat(entry.file_name().to_str()?)).collect();
    let parents: HashMap<u32, u32> = all.iter().map(|stat| (stat.id, stat.parent)).collect();
    let belongs = |stat: &Stat| {
        let mut id = stat.id;
        while id != root {
            match parents.get(&id) {
                Some(parent) => id = *parent,
                None => return false,
            }
        }
        true
    };
    all.into_iter().filter(belongs).collect()
}

/// CPU seconds of a process and its descendants so far, including those that have ended.
pub(crate) fn cpu_seconds(root: u32) -> f64 {
    seconds(family(root).iter().map(|stat| stat.ticks + stat.ticks_of_ended).sum())
}

/// CPU seconds of this process's children that have ended.
pub(crate) fn cpu_seconds_of_ended() -> f64 {
    stat("self").map_or(0.0, |stat| seconds(stat.ticks_of_ended))
}

/// CPU seconds of this process alone.
pub(crate) fn own_cpu_seconds() -> f64 {
    stat("self").map_or(0.0, |stat| seconds(stat.ticks))
}

#[expect(clippy::cast_precision_loss, reason = "ticks of some minutes")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS
}

/// The sum of the peak resident memory of a process and its running descendants, in bytes.
pub(crate) fn peak_rss_bytes_of_all(root: u32) -> u64 {
    family(root).iter().filter_map(|stat| peak_rss_bytes(stat.id)).sum()
}

/// The peak resident memory of a process, in bytes; `None` if it has ended.
pub(crate) fn peak_rss_bytes(id: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// A line that describes this machine.
pub(crate) fn machine() -> Result<String> {
    let value = |path: &str, name: &str| -> Result<String> {
        let text = fs::read_to_string(path)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        Ok(line
            .with_context(|| format!("no {name} in {path}"))?
            .trim_matches([':', '\t', ' '])
            .to_owned())
    };
    let cores = std::thread::available_parallelism()?;
    let cpu =
        value("/proc/cpuinfo", "model name").unwrap_or_else(|_| std::env::consts::ARCH.to_owned());
    let kib: u64 = value("/proc/meminfo", "MemTotal")?.trim_end_matches(" kB").parse()?;
    Ok(format!("{cores} cores of {cpu}, {} GiB", kib.div_ceil(1 << 20)))
}

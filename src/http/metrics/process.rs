//! This process, as Linux describes it in `/proc/self` (proc_pid_stat(5)).

use std::{fs, io};

/// What a process has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// Processor time, user and system, in milliseconds.
    pub(super) cpu_milliseconds: u64,
    /// Resident memory in bytes.
    pub(super) resident_bytes: u64,
    /// Open file descriptors.
    pub(super) open_files: u64,
}

impl Usage {
    /// That of this process.
    ///
    /// # Errors
    /// `/proc` is not mounted, or is not as the manual page says.
    pub(super) fn current() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/self/stat")?;
        let (ticks, pages) =
            parse(&stat).ok_or_else(|| io::Error::other("/proc/self/stat has another form"))?;
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(u64::MAX);
        // The folder is read through a descriptor of its own, which is not counted.
        let open_files = fs::read_dir("/proc/self/fd")?.count().saturating_sub(1);
        Ok(Self {
            cpu_milliseconds: ticks.saturating_mul(1000) / per_second,
            resident_bytes: pages.saturating_mul(page),
            open_files: u64::try_from(open_files).unwrap_or(u64::MAX),
        })
    }
}

/// The clock ticks of `utime` and `stime` together, and the pages of `rss`: fields 14, 15 and 24.
/// `None` where there are no such fields.
fn parse(stat: &str) -> Option<(u64, u64)> {
    // The name of the program, field 2, is in parentheses and may contain both spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let pages = fields.nth(8)?.parse().ok()?;
    Some((user.saturating_add(system), pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_from_the_end_of_the_name() {
        let stat =
            "7 (a) (b) S 1 2 3 4 5 6 70 80 90 100 1500 250 11 12 20 0 16 0 99 123456 2048 18";
        assert_eq!(parse(stat), Some((1750, 2048)));
        assert_eq!(parse("7 (a) S 1 2"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn the_kernel_describes_this_process() {
        let _one_more = fs::File::open("/proc/self/stat").unwrap();
        let usage = Usage::current().unwrap();
        assert!(usage.resident_bytes > 1 << 20, "{usage:?}");
        assert!(usage.open_files >= 4, "{usage:?}");
        assert!(usage.cpu_milliseconds < 1 << 40, "{usage:?}");
    }
}

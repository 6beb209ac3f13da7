//! What a process has used, as the kernel accounts for it.

use std::fs;
use std::time::Duration;

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// The most memory it had resident, in bytes.
    pub peak_bytes: u64,
}

/// What a process has used, by `/proc`.
///
/// # Panics
/// When there is no such process.
#[must_use]
pub fn usage(pid: u32) -> Usage {
    /// Linux counts process times in these for every architecture that it has.
    const TICKS_PER_SECOND: f64 = 100.0;
    let read = |name: &str| {
        fs::read_to_string(format!("/proc/{pid}/{name}"))
            .unwrap_or_else(|error| panic!("process {pid}: {error}"))
    };
    let stat = read("stat");
    // The command's name may hold spaces; the fields behind its bracket begin with the third.
    let fields: Vec<&str> = stat[stat.rfind(')').map_or(0, |at| at + 2)..]
        .split(' ')
        .collect();
    let ticks: f64 = fields[11..13]
        .iter()
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Usage {
        cpu: Duration::from_secs_f64(ticks / TICKS_PER_SECOND),
        peak_bytes: kib.unwrap_or(0) * 1024,
    }
}

//! Processes, told apart for ever, and signals to them.

use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

/// How often a process that should end is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One process: its id, and its start time to tell it from a later one with the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pid: u32,
    /// Clock ticks since boot, field 22 of `/proc/PID/stat` (see proc(5)).
    started: u64,
}

impl Process {
    /// The process with this id, unless it is gone or a zombie.
    #[must_use]
    pub fn find(pid: u32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        stat.runs.then_some(Self {
            pid,
            started: stat.started,
        })
    }

    /// This process.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn current() -> io::Result<Self> {
        Self::find(std::process::id())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "/proc does not list processes"))
    }

    /// The process id.
    #[must_use]
    pub fn pid(self) -> u32 {
        self.pid
    }

    /// The start time in clock ticks since boot.
    #[must_use]
    pub fn started(self) -> u64 {
        self.started
    }

    /// Whether exactly this process still runs. A zombie does not run.
    #[must_use]
    pub fn is_alive(self) -> bool {
        Self::find(self.pid) == Some(self)
    }

    /// The parent and the name (the first 15 bytes of the executable's) of this process.
    #[must_use]
    pub fn parent_and_name(self) -> Option<(u32, String)> {
        let stat = Stat::read(self.pid)?;
        (stat.started == self.started).then_some((stat.parent, stat.name))
    }

    /// Whether this process is stopped, as by SIGSTOP.
    #[must_use]
    pub fn is_stopped(self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.started == self.started && stat.stopped)
    }

    /// Parses what the keeper notes: `<pid> <start time>`.
    pub(crate) fn from_note(note: &str) -> Option<Self> {
        let mut numbers = note.split_ascii_whitespace();
        let pid = numbers.next()?.parse().ok()?;
        let started = numbers.next()?.parse().ok()?;
        Some(Self { pid, started })
    }

    /// This process and all below it, parents first.
    #[must_use]
    pub fn tree(self) -> Vec<Self> {
        let everyone: Vec<(Self, u32)> = numbered_entries("/proc")
            .filter_map(|pid| {
                let stat = Stat::read(pid)?;
                Some((
                    Self {
                        pid,
                        started: stat.started,
                    },
                    stat.parent,
                ))
            })
            .collect();
        let mut tree = vec![self];
        let mut seen = 0;
        while let Some(parent) = tree.get(seen).copied() {
            tree.extend(
                everyone
                    .iter()
                    .filter(|(_, of)| *of == parent.pid)
                    .map(|(child, _)| *child),
            );
            seen += 1;
        }
        tree
    }

    /// Waits until the process is gone; says whether it is. Cancel safe.
    pub(crate) async fn gone_within(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(LOOK_EVERY).await;
        }
        true
    }
}

/// A signal by its POSIX name.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// SIGCONT: a stopped process goes on.
    Continue,
    /// SIGINT.
    Interrupt,
    /// SIGKILL.
    Kill,
    /// SIGSTOP: the process stands still, with all it has open.
    Stop,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Continue => "CONT",
            Self::Interrupt => "INT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Terminate => "TERM",
        }
    }
}

/// Signals those of the processes that still run. Blocks for about a millisecond.
///
/// By the shell's own `kill`, since the system call would need `unsafe` and the program `kill` is
/// not on every machine.
///
/// # Errors
/// When there is no shell.
pub fn signal(signal: Signal, processes: &[Process]) -> io::Result<()> {
    let pids: Vec<String> = processes
        .iter()
        .filter(|p| p.is_alive())
        .map(|p| p.pid.to_string())
        .collect();
    if pids.is_empty() {
        return Ok(());
    }
    // The status is left aside: a process that ended in between makes `kill` fail, and whether the
    // signal did what it should is checked by looking at the processes.
    Command::new("sh")
        .args(["-c", r#"kill -s "$0" "$@""#, signal.name()])
        .args(pids)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(drop)
}

/// What `/proc/PID/stat` tells, as far as we ask.
#[derive(Debug, PartialEq)]
struct Stat {
    name: String,
    runs: bool,
    stopped: bool,
    parent: u32,
    started: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name may hold spaces and parentheses: it ends at the last `)`.
    fn parse(line: &str) -> Option<Self> {
        let (start, rest) = line.rsplit_once(") ")?;
        let (_, name) = start.split_once('(')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            name: name.to_owned(),
            runs: !matches!(*fields.first()?, "Z" | "X"),
            stopped: *fields.first()? == "T",
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

fn numbered_entries(directory: &str) -> impl Iterator<Item = u32> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_parsed() {
        let line =
            "4242 (tmux: (1) x) S 17 4242 4242 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 991 8 9";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.name, "tmux: (1) x");
        assert_eq!((stat.runs, stat.parent, stat.started), (true, 17, 991));
    }

    #[test]
    fn this_process_is_alive_and_a_namesake_is_not() {
        let me = Process::current().unwrap();
        assert!(me.is_alive());
        assert!(
            !Process {
                started: me.started + 1,
                ..me
            }
            .is_alive()
        );
        assert_eq!(
            Process::from_note(&format!("{} {}\n", me.pid, me.started)),
            Some(me)
        );
    }

    #[tokio::test]
    async fn a_killed_child_is_gone_though_nobody_reaped_it() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::find(child.id()).unwrap();
        assert!(Process::current().unwrap().tree().contains(&process));
        signal(Signal::Kill, &[process]).unwrap();
        assert!(process.gone_within(Duration::from_secs(5)).await);
        child.wait().unwrap();
    }
}

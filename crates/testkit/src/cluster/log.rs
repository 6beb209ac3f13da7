//! What the program has said.

use std::fs::{self, File};
use std::path::PathBuf;

/// The lines of a log that are told when something goes wrong.
const TAIL_LINES: usize = 30;

/// What a role has written to standard error, over all its starts.
#[derive(Debug, Clone)]
pub(crate) struct Log(PathBuf);

impl Log {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn open(&self) -> File {
        let log = File::options().create(true).append(true).open(&self.0);
        log.expect("the log's directory is writable")
    }

    /// The lines with this in them.
    pub(crate) fn lines(&self, what: &str) -> Vec<String> {
        let log = fs::read(&self.0).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines = log.lines().filter(|line| line.contains(what));
        lines.map(str::to_owned).collect()
    }

    /// The last lines.
    pub(crate) fn tail(&self) -> String {
        let lines = self.lines("");
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

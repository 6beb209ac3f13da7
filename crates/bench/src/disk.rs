//! What the disk does: everything that is promised waits for its flushes, and a virtual disk that
//! stalls for 100 ms once in a hundred flushes is in every 99th percentile.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::table::{millis, quantile};

/// How many flushes are measured, and how much is written before each.
const FLUSHES: u32 = 500;
const WRITTEN: [u8; 4096] = [0; 4096];

/// A pause between two, so that they tell of a disk that isn't busy.
const PAUSE: Duration = Duration::from_millis(5);

/// How long flushes of a directory's files took, sorted.
pub(crate) struct Flushes {
    directory: PathBuf,
    took: Vec<Duration>,
}

impl Flushes {
    /// Measures for about three seconds, while nothing else is to run: the flushes block.
    pub(crate) async fn measure(directory: &Path) -> std::io::Result<Self> {
        let path = directory.join(format!("posthaste-bench-{}", std::process::id()));
        let took = measure(&path).await;
        std::fs::remove_file(&path)?;
        Ok(Self {
            directory: directory.to_owned(),
            took: took?,
        })
    }
}

async fn measure(path: &Path) -> std::io::Result<Vec<Duration>> {
    let mut file = File::create(path)?;
    let mut took = Vec::new();
    for _ in 0..FLUSHES {
        file.write_all(&WRITTEN)?;
        let began = Instant::now();
        file.sync_data()?;
        took.push(began.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    took.sort_unstable();
    Ok(took)
}

impl fmt::Display for Flushes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a flush of 4 KiB to {}: p50 {}, p99 {}, max {}",
            self.directory.display(),
            millis(quantile(&self.took, 0.5)),
            millis(quantile(&self.took, 0.99)),
            millis(self.took.last().copied()),
        )
    }
}

//! What a process writes down before it acts: lines that are on disk when `write` returns.
//!
//! Lines that come while others are being flushed share the next flush.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};

/// How many lines may wait for a flush, and go with one.
const WAITING: usize = 4_096;

/// A file of lines.
#[derive(Debug, Clone)]
pub struct Journal {
    lines: mpsc::Sender<Line>,
}

struct Line {
    text: String,
    on_disk: oneshot::Sender<()>,
}

/// The journal can't be written any more. Whoever writes it must not act.
#[derive(Debug, thiserror::Error)]
#[error("the journal can't be written")]
pub struct Broken;

impl Journal {
    /// A new journal in place of what was there.
    ///
    /// # Errors
    /// When the file can't be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (lines, inbox) = mpsc::channel(WAITING);
        thread::Builder::new()
            .name("journal".into())
            .spawn(move || keep(file, inbox))?;
        Ok(Self { lines })
    }

    /// Writes a line, and returns when it is on disk (`fdatasync`).
    ///
    /// # Errors
    /// [`Broken`], now and for ever.
    pub async fn write(&self, text: String) -> Result<(), Broken> {
        let (on_disk, flushed) = oneshot::channel();
        let line = Line { text, on_disk };
        self.lines.send(line).await.map_err(|_| Broken)?;
        flushed.await.map_err(|_| Broken)
    }
}

/// Ends at the first failure, and with it everybody who waits.
fn keep(mut file: File, mut inbox: mpsc::Receiver<Line>) {
    let mut batch = Vec::with_capacity(WAITING);
    while inbox.blocking_recv_many(&mut batch, WAITING) > 0 {
        let text: String = batch
            .iter()
            .flat_map(|line| [line.text.as_str(), "\n"])
            .collect();
        if file.write_all(text.as_bytes()).is_err() || file.sync_data().is_err() {
            return;
        }
        for line in batch.drain(..) {
            // Whoever wrote it may be gone.
            let _nobody_waits = line.on_disk.send(());
        }
    }
}

/// The lines of a journal. A last line that is not whole is left
/// out: nobody has acted on it.
///
/// # Errors
/// When the file can't be read.
pub fn read(path: &Path) -> io::Result<impl Iterator<Item = io::Result<String>>> {
    let file = File::open(path)?;
    let mut reader = BufReader::new(file);
    Ok(std::iter::from_fn(move || {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(_) if line.ends_with('\n') => {
                line.pop();
                Some(Ok(line))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    }))
}

/// Microseconds since 1970.
#[must_use]
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_written_is_read_and_half_a_line_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::create(&path).unwrap();
        for line in ["one", "two"] {
            journal.write(line.to_owned()).await.unwrap();
        }
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"thr").unwrap();
        let lines: Vec<String> = read(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(lines, ["one", "two"]);
    }

    #[tokio::test]
    async fn nobody_acts_on_a_journal_that_is_full() {
        let journal = Journal::create(Path::new("/dev/full")).unwrap();
        journal.write("one".to_owned()).await.unwrap_err();
        journal.write("two".to_owned()).await.unwrap_err();
    }
}

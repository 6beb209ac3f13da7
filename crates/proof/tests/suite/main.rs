//! A short fault run, and runs that must find something: a suite that can't go red shows nothing.
//!
//! The program is the one beside this test's: `cargo test --workspace` builds it, and otherwise
//! `cargo build --bin posthaste` does.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

mod calibration;
mod short;

use std::path::{Path, PathBuf};
use std::time::Duration;

use proof::plan::Load;
use proof::trial::Settings;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

/// How long anything may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(180);

/// Each is twelve processes and two servers: they take turns.
async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// A small load, with its journals and logs in a directory of its own.
fn settings(directory: &TempDir) -> Settings {
    let proof = PathBuf::from(env!("CARGO_BIN_EXE_proof"));
    let posthaste = proof.with_file_name("posthaste");
    assert!(posthaste.exists(), "cargo build --bin posthaste builds it");
    Settings {
        posthaste,
        proof,
        directory: Path::new(directory.path()).to_owned(),
        load: Load::Everyday,
        seed: 1,
        rate: 100,
        publishers: 16,
        payload_bytes: 512,
        standing: Duration::from_secs(1),
    }
}

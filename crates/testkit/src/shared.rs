//! The servers that all test binaries of one `cargo test` share.
//!
//! The first test that needs them starts them, for the cargo process above it: their keeper stops
//! them a moment after cargo has ended. Where to reach them stands in a file named after that
//! process, under a lock, so that parallel tests, binaries and nextest's processes start one set
//! and not two.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sandbox::{Access, Options, Process, Servers, Watch};

/// Servers for tests: their queues are counted four times a second, and Postgres doesn't wait for
/// the disk. It keeps what was committed when it is killed, but not when the machine fails.
#[must_use]
pub fn server_options() -> Options {
    Options {
        postgres_settings: vec![
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("max_connections", "400"),
        ],
        broker_settings: vec![("collect_statistics_interval", "250")],
        broker_terms: vec![("quorum_tick_interval", "250")],
        ..Options::ephemeral()
    }
}

/// How to reach the shared servers, which are started if need be.
pub(crate) async fn shared() -> Access {
    let watched = runner();
    let path = directory().join(format!("{}-{}", watched.pid(), watched.started()));
    let mut file = tokio::task::spawn_blocking(move || locked(&path))
        .await
        .expect("locking the state file does not panic");
    if let Some(access) = read(&mut file) {
        return access;
    }
    let options = Options {
        watch: Watch::Process(watched),
        ..server_options()
    };
    let servers = Servers::start(options)
        .await
        .unwrap_or_else(|error| panic!("the tests' own servers don't start: {error}"));
    let access = servers.hand_over();
    let state = serde_json::to_vec(&access).expect("an access is plain strings and numbers");
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(&state))
        .expect("the state file is writable");
    access
}

/// The process whose end ends the servers: the nearest cargo above us, else this process.
fn runner() -> Process {
    let me = Process::current().expect("/proc is mounted");
    let mut process = me;
    while let Some((parent, name)) = process.parent_and_name() {
        if name == "cargo" || name == "cargo-nextest" {
            return process;
        }
        let Some(above) = Process::find(parent) else {
            break;
        };
        process = above;
    }
    me
}

/// The state files' directory: ours alone, since they hold passwords.
fn directory() -> PathBuf {
    let me = fs::metadata("/proc/self").expect("/proc is mounted").uid();
    let directory = std::env::temp_dir().join(format!("posthaste-testkit-{me}"));
    let _exists = DirBuilder::new().mode(0o700).create(&directory);
    let found = fs::symlink_metadata(&directory).expect("the temporary directory is writable");
    assert!(
        found.is_dir() && found.uid() == me && found.mode() & 0o077 == 0,
        "{} is not a directory of ours alone",
        directory.display()
    );
    sweep(&directory);
    directory
}

/// Removes the files of runs that are over.
fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let noted = name.to_str().and_then(|name| name.split_once('-'));
        let alive = noted.is_some_and(|(pid, started)| {
            pid.parse()
                .ok()
                .and_then(Process::find)
                .is_some_and(|process| process.started().to_string() == started)
        });
        if !alive {
            // Another process may have removed it before us.
            let _gone = fs::remove_file(entry.path());
        }
    }
}

fn locked(path: &Path) -> File {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .expect("the state file can be opened");
    // Held for as long as a start takes, and that has a limit.
    file.lock().expect("the state file can be locked");
    file
}

/// What the file tells, unless it is empty or its servers are gone.
fn read(file: &mut File) -> Option<Access> {
    let mut state = Vec::new();
    file.read_to_end(&mut state)
        .expect("the state file is readable");
    let access: Access = serde_json::from_slice(&state).ok()?;
    access.keeper.is_alive().then_some(access)
}

//! Libraries in other languages that tests use, installed from their registries, pinned, into a
//! directory of the build's. A machine without their tools, or without a way to their registries, is
//! told about; under `CI` a tool that is there must work.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Installs a library where these tests keep such things, unless it is there; none where that can't
/// be done.
pub(crate) fn installed(tool: &str, install: &[&str], library: &str) -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("library-{library}"));
    let done = directory.join("installed");
    if done.exists() {
        return Some(directory);
    }
    let output = Command::new(tool)
        .args(install)
        .arg(&directory)
        .arg(library)
        .output();
    let reason = match output {
        Ok(output) if output.status.success() => {
            std::fs::write(&done, library).expect("the directory is writable");
            return Some(directory);
        }
        Ok(output) => {
            let reason = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                std::env::var_os("CI").is_none(),
                "{library} was not installed: {reason}"
            );
            reason
        }
        Err(error) => error.to_string(),
    };
    #[expect(clippy::print_stdout, reason = "who reads the test run should know")]
    {
        println!("skipped: {library} is not to be had here: {reason}");
    }
    None
}

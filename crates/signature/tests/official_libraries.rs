//! The official Standard Webhooks libraries verify what we sign.
//!
//! They are installed from PyPI and npm, in pinned versions, into the build directory, once. Where
//! that can't be done the test says so and passes, except in CI (`CI=true`), where a machine that
//! has the tools must also be able to use them.

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use signature::{Secret, guide, standard};

const PYTHON_PACKAGES: [&str; 1] = ["standardwebhooks==1.1.0"];
const NODE_PACKAGES: [&str; 3] = [
    "standardwebhooks@1.1.1",
    "@stablelib/base64@1.0.1",
    "fast-sha256@1.3.0",
];

const INSTALL_LIMIT: Duration = Duration::from_secs(120);
const VERIFY_LIMIT: Duration = Duration::from_secs(60);

/// Data that does not survive being parsed and written again, and some that does.
const DATA: [&str; 11] = [
    r#"{"id":"shp_1"}"#,
    "9007199254740993",
    "123456789012345678901234567890",
    "1e400",
    "-0",
    "1.10",
    r#""\u0000 \ud800""#,
    r#"{"a":1,"a":2}"#,
    "{ \"odd\" :\r\n\t[ ] }",
    "\"\u{1f4ee} \u{2028}\"",
    r#"{"x":"y","signature":"0000000000000000000000000000000000000000000000000000000000000000"}"#,
];

#[test]
fn the_library_for_python_verifies_what_we_sign() {
    if !program::exists("python3", &["-m", "pip", "--version"]) {
        return program::report_skipped("the library for Python", "there is no python3 with pip");
    }
    let installed = install("python", &PYTHON_PACKAGES, |directory| {
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--retries=1",
            "--timeout=15",
        ]);
        pip.arg("--target").arg(directory).args(PYTHON_PACKAGES);
        pip
    });
    match installed {
        Ok(directory) => {
            let mut python = Command::new("python3");
            verify_all(python.arg(script("verify.py")).env("PYTHONPATH", directory));
        }
        Err(reason) => skip_unless_in_ci("the library for Python", &reason),
    }
}

#[test]
fn the_library_for_node_verifies_what_we_sign() {
    if !program::exists("node", &["--version"]) || !program::exists("npm", &["--version"]) {
        return program::report_skipped("the library for Node", "there is no node with npm");
    }
    let installed = install("node", &NODE_PACKAGES, |directory| {
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--ignore-scripts",
            "--fetch-retries=1",
            "--fetch-retry-mintimeout=1000",
        ]);
        npm.arg("--prefix").arg(directory).args(NODE_PACKAGES);
        npm
    });
    match installed {
        Ok(directory) => {
            let mut node = Command::new("node");
            let modules = directory.join("node_modules");
            verify_all(node.arg(script("verify.cjs")).env("NODE_PATH", modules));
        }
        Err(reason) => skip_unless_in_ci("the library for Node", &reason),
    }
}

/// Gives the script one delivery for each of [`DATA`], and expects it to count them all.
fn verify_all(script: &mut Command) {
    let deliveries: Vec<_> = DATA.iter().map(|data| delivery(data)).collect();
    let output = program::run(script, deliveries.concat().as_bytes(), VERIFY_LIMIT)
        .expect("the script runs to its end");
    assert!(output.status.success(), "{}", program::describe(&output));
    let count = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        count.trim(),
        DATA.len().to_string(),
        "{}",
        program::describe(&output)
    );
}

/// A line for the scripts: a delivery signed now, in the middle of a change of secret.
fn delivery(data: &str) -> String {
    let old = Secret::from_bytes((0..24).collect()).expect("24 bytes are a secret");
    let new = Secret::from_bytes((100..164).collect()).expect("64 bytes are a secret");
    let unsigned = format!(r#"{{"event":"a.b","data":{data},"timestamp":"2026-11-23T18:00:00Z"}}"#);
    let body = guide::seal(&new, unsigned.as_bytes()).expect("the body is an object");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later than 1970");
    let now = i64::try_from(now.as_secs()).expect("it is not the year 292277026596 yet");
    let id = "evt_019ab2c53f6e7d10a4b8c6d2e0f13579";
    let signatures = standard::header_value([&new, &old], id, now, &body);
    // The receiver still has the old secret, whose signature comes second.
    let (secret, body) = (old.expose(), BASE64_STANDARD.encode(body));
    let headers = format!(
        r#"{{"{}":"{id}","{}":"{now}","{}":"{signatures}"}}"#,
        standard::WEBHOOK_ID,
        standard::WEBHOOK_TIMESTAMP,
        standard::WEBHOOK_SIGNATURE,
    );
    format!("{{\"secret\":\"{secret}\",\"headers\":{headers},\"body\":\"{body}\"}}\n")
}

/// The directory that holds the packages, after the command made for it has filled it.
///
/// A directory under its final name is complete: it is filled under another one and then renamed,
/// so that neither a failure nor another test run beside this one leaves half of it.
fn install(
    language: &str,
    packages: &[&str],
    command: impl Fn(&Path) -> Command,
) -> Result<PathBuf, String> {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let versions = packages.join("+").replace("==", "@").replace('/', "_");
    let finished = parent.join(format!("{language}+{versions}"));
    if finished.is_dir() {
        return Ok(finished);
    }
    let unfinished = tempfile::tempdir_in(parent).map_err(|error| error.to_string())?;
    let output = program::run(&mut command(unfinished.path()), b"", INSTALL_LIMIT)
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(program::describe(&output));
    }
    match std::fs::rename(unfinished.keep(), &finished) {
        Err(error) if !finished.is_dir() => Err(error.to_string()),
        _ => Ok(finished),
    }
}

fn script(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "official", name]
        .iter()
        .collect()
}

fn skip_unless_in_ci(what: &str, reason: &str) {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "{what} could not be installed: {reason}");
    let summary = reason.lines().next().unwrap_or_default();
    program::report_skipped(what, &format!("it could not be installed: {summary}"));
}

//! Runs programs in other languages, each with a limit on its time.

use std::io::{self, Read, Write};
use std::process::{ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Gives `input` to the program and waits until it has closed its outputs.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when there is no such program, [`io::ErrorKind::TimedOut`] when it
/// was killed after `limit`.
pub(crate) fn run(command: &mut Command, input: &[u8], limit: Duration) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    feed(child.stdin.take(), input.to_vec());
    let outputs = stdout
        .recv_timeout(limit)
        .and_then(|out| Ok((out, stderr.recv_timeout(limit)?)));
    let Ok((stdout, stderr)) = outputs else {
        child.kill()?;
        child.wait()?;
        return Err(io::ErrorKind::TimedOut.into());
    };
    Ok(Output {
        status: child.wait()?,
        stdout,
        stderr,
    })
}

/// Whether `program` is on this machine and answers when it is asked for its version.
pub(crate) fn exists(program: &str, version_arguments: &[&str]) -> bool {
    let limit = Duration::from_secs(30);
    run(Command::new(program).args(version_arguments), b"", limit)
        .is_ok_and(|output| output.status.success())
}

/// Says on the real stdout, past the test runner's capture, that something was not tested here.
pub(crate) fn report_skipped(what: &str, why: &str) {
    let _ = writeln!(io::stdout(), "skipped: {what}: {why}");
}

/// What a panic shows of a program that did the wrong thing.
pub(crate) fn describe(output: &Output) -> String {
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|out| String::from_utf8_lossy(out));
    format!("{}\n{stdout}{stderr}", output.status)
}

/// Writes the input from a thread of its own, so that a program that doesn't read is still killed.
fn feed(stdin: Option<ChildStdin>, input: Vec<u8>) {
    let mut stdin = stdin.expect("the input is piped");
    // A program that ends without having read everything has made up its mind; that is its right.
    thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
}

/// Reads one output to its end, so that a program never waits for us to do so.
fn collect(output: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let mut output = output.expect("the output is piped");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = output.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

//! Programs that are run to their end, each under a deadline.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::account::Account;
use crate::error::StartError;

/// Lines of output or log that an error quotes.
const QUOTED_LINES: usize = 25;

/// What a program ended with.
pub(crate) struct Ended {
    pub(crate) success: bool,
    /// Standard output and error; the end of it when it is long.
    pub(crate) output: String,
}

/// A command that runs as the given account.
pub(crate) fn run_as(account: &Account, program: &Path) -> Command {
    let mut words = account.prefix().into_iter();
    let Some(first) = words.next() else {
        return Command::new(program);
    };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}

/// Runs a command with `input` to its end; at the deadline it is killed and has failed.
pub(crate) async fn finish(
    mut command: Command,
    input: &str,
    limit: Duration,
) -> Result<Ended, StartError> {
    let name = Path::new(command.as_std().get_program()).to_owned();
    let failed = |source| StartError::io("running", &name)(source);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let run = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that doesn't read its input to the end closes the pipe: its status tells.
            let _closed_early = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let Ok(output) = tokio::time::timeout(limit, run).await else {
        let output = format!("no end within {} s", limit.as_secs());
        return Ok(Ended {
            success: false,
            output,
        });
    };
    let output = output.map_err(failed)?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(Ended {
        success: output.status.success(),
        output: last_lines(&text),
    })
}

/// Like [`finish`], where anything but success is an error.
pub(crate) async fn succeed(
    command: Command,
    input: &str,
    limit: Duration,
) -> Result<String, StartError> {
    let program = format!("{:?}", command.as_std().get_program());
    let ended = finish(command, input, limit).await?;
    if ended.success {
        return Ok(ended.output);
    }
    Err(StartError::Program {
        program,
        output: ended.output,
    })
}

/// The last lines of a text, for an error.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}

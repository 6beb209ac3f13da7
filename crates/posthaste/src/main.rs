//! The `posthaste` program: one subcommand a role, and what people need beside them.

use std::process::ExitCode;

mod cli;
mod client;
mod cmd;
mod connections;
mod demo;
mod doctor;
mod ground;
mod out;
mod roles;
mod settings;
mod top;
mod up;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many files a process may open, where the system lets it ask for so many: every connection
/// is one, and 1,024 are the common default.
const OPEN_FILES: u64 = 65_536;

fn main() -> ExitCode {
    let variables = std::env::vars_os().map(|(name, _)| name);
    let command = match settings::read(std::env::args_os().collect(), variables) {
        Ok(command) => command,
        Err(error) => return fail(&error),
    };
    // One provider for the process; only a second call could fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Without it there are fewer connections at once, and what can't be opened is tried again.
    let _ = rlimit::increase_nofile_limit(OPEN_FILES);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("cannot start a runtime")),
    };
    match runtime.block_on(command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// One sentence, the innermost cause last, and a code that scripts can test.
fn fail(error: &anyhow::Error) -> ExitCode {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    #[expect(
        clippy::print_stderr,
        reason = "the one place where the program says why it failed"
    )]
    {
        eprintln!("posthaste: {}", chain.join(": "));
    }
    ExitCode::FAILURE
}

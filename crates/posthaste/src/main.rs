//! The `posthaste` program: one subcommand a role, and what people need beside them.

use std::process::ExitCode;

use clap::Parser;

mod cli;
mod client;
mod cmd;
mod connections;
mod demo;
mod ground;
mod out;
mod roles;
mod up;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = cli::Cli::parse();
    // One provider for the process; only a second call could fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
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

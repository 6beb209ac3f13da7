//! Ingest: accepts events over HTTP and from the inbox queue.
//!
//! What a publisher sent becomes a draft; `check` makes an event of it or says what is wrong;
//! the `batcher` publishes events together and tells each of them when the broker has it.
//!
//! **Invariant:** an event is said to be accepted only after the broker's confirm of a message
//! that holds it. **Invariant:** nothing here writes to Postgres, and a payload's bytes are a
//! slice of what came in.

mod config;

mod check;

mod acceptor;
mod batcher;
mod keys;
mod lane;
mod room;
mod schemas;

mod http;
mod inbox;

mod metrics;
mod run;

pub use config::Config;
pub use run::{Parts, run};

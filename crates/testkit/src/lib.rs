//! Private servers, scripted receivers and waiting with a deadline, for tests.
//!
//! [`Stack::new`] gives a test a database and a virtual host of its own, on servers that all test
//! binaries of one `cargo test` share and that end with it. [`eventually`] is the one way to wait.
//!
//! **Invariant:** nothing here touches servers that the machine runs already, and nothing sleeps
//! but [`eventually`]. What goes wrong panics with its reason: this is a crate for tests.

mod broker_admin;
mod eventually;
mod fetch;
mod shared;
mod stack;

pub use broker_admin::{BrokerAdmin, Depth, Message};
pub use eventually::{Sighting, eventually};
pub use fetch::{Fetched, fetch};
pub use shared::server_options;
pub use stack::Stack;

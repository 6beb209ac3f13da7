//! Private servers, scripted receivers and waiting with a deadline, for tests.
//!
//! [`Stack::new`] gives a test a database and a virtual host of its own, on servers that all test
//! binaries of one `cargo test` share and that end with it; [`Cluster`] runs the real program on
//! them, [`Browser`] looks at its pages, and [`Prometheus`] at its metrics. [`receiver`] and [`raw`] play endpoints that are well or ill behaved, [`proxy`] spoils the
//! network in between, and [`eventually`] is the one way to wait.
//!
//! **Invariant:** nothing here touches servers that the machine runs already, and no test sleeps:
//! it waits for a condition, under a deadline. What goes wrong panics with its reason: this is a
//! crate for tests.

mod broker_admin;
mod browser;
mod collector;
mod eventually;
mod exposition;
mod fetch;
mod filling;
mod followed;
mod port;
mod prometheus;
mod shared;
mod stack;

pub mod authority;
pub mod cluster;
pub mod name_server;
pub mod namespace;
pub mod proxy;
pub mod raw;
pub mod receiver;
pub mod usage;

pub use broker_admin::{BrokerAdmin, Depth, Message};
pub use browser::{Browser, Scheme, View};
pub use cluster::{Cluster, Instance};
pub use collector::{Collector, Metric, Span};
pub use eventually::{Sighting, eventually};
pub use exposition::total;
pub use fetch::{Fetched, fetch};
pub use filling::Filling;
pub use followed::Followed;
pub use port::free_port;
pub use prometheus::Prometheus;
pub use proxy::Proxy;
pub use receiver::{Receiver, Respond};
pub use shared::server_options;
pub use stack::Stack;

//! The console: the management API and the dashboard.
//!
//! It reads and writes the record, and to send anything it publishes to the same queues as
//! everybody else: on the retry lane, so that live traffic keeps its latency.
//!
//! **Invariant:** who may do what is decided in `access`, by the types that handlers take.
//! **Invariant:** a secret is in the answer that made it, and in no other.

mod config;

mod api;

mod access;
mod body;
mod etag;
mod page;
mod problem;
mod query;

mod resources;

mod oidc;

mod dashboard;

mod judging;
mod metrics;
pub mod reconcile;
mod release;
mod replay;
mod retry_lane;
mod run;

pub use api::openapi;
pub use config::Config;
pub use dashboard::pages;
pub use oidc::{OidcConfig, OidcConfigError, Provider, Rule};
pub use run::{Parts, run};

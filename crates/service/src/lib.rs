//! What every role needs to live in production: its life from boot to drain, its health, its
//! telemetry, its port for operators, and how its bulk work gives way.
//!
//! A role is handed a [`Lifecycle`] and a [`Health`] and knows nothing of signals or ports.

pub mod bearer;
mod buckets;
pub mod courtesy;
pub mod export;
pub mod health;
pub mod lifecycle;
pub mod ops;
pub mod patience;
pub mod problem;
pub mod server;
pub mod shares;
pub mod signals;
pub mod telemetry;
pub mod trace;

pub use courtesy::Courtesy;
pub use health::{Health, Latch, Readiness};
pub use lifecycle::{Drained, Lifecycle};
pub use shares::Shares;

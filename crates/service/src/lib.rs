//! What every role needs to live in production: its life from boot to drain, its health, its
//! telemetry.
//!
//! A role is handed a [`Lifecycle`] and a [`Health`] and knows nothing of signals or ports.

pub mod health;
pub mod lifecycle;

pub use health::{Health, Latch};
pub use lifecycle::Lifecycle;

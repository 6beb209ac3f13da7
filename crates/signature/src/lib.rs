//! Signs webhooks and verifies them, for senders and receivers alike.
//!
//! Every delivery is signed twice with the endpoint's [`Secret`]:
//! - [`standard`]: the `webhook-*` headers of [Standard Webhooks 1.0.0], which bind id, time and
//!   body, and carry one signature per live secret while a secret is rotated;
//! - [`guide`]: the body's last member, for receivers that look at nothing but the body.
//!
//! **Invariant:** bytes are signed and verified as they travel. Nothing here parses or re-encodes
//! JSON, so there is no canonical form to agree on. There is no input or output, no clock and no
//! randomness either: the caller says what time it is and brings the secret's bytes.
//!
//! [Standard Webhooks 1.0.0]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

mod secret;

pub mod standard;

pub mod guide;

mod error;
mod mac;

#[cfg(test)]
mod fuzz;

pub use error::VerifyError;
pub use secret::{Secret, SecretError};

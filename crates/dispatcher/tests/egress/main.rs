//! The egress against receivers, certificates and name servers that behave as badly as they can.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests; the lint knows functions marked as tests alone"
)]

mod answers;
mod bodies;
mod connections;
mod frames;
mod guard;
mod http2;
mod names;
mod requests;
mod slow;
mod support;
mod tls;

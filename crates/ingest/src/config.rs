//! What an operator can change about ingest.

use std::num::NonZeroU16;

use domain::limits;

/// What an operator can change about ingest.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// The largest body of a request for one event, in bytes.
    #[arg(
        long = "ingest-body-bytes",
        env = "POSTHASTE_INGEST_BODY_BYTES",
        default_value_t = limits::EVENT_BODY_BYTES
    )]
    pub body_bytes: usize,
    /// How many messages of the inbox are taken ahead.
    #[arg(
        long = "ingest-inbox-prefetch",
        env = "POSTHASTE_INGEST_INBOX_PREFETCH",
        default_value = "256"
    )]
    pub inbox_prefetch: NonZeroU16,
}

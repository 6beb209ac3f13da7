//! What an operator can change about ingest.

use std::num::{NonZeroU16, NonZeroU32};

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
    /// How many events a second go by the normal lane whoever publishes them. Above it, tenants
    /// that publish more than an equal share of it go by the bulk lane.
    #[arg(
        id = "ingest_normal_per_second",
        long = "ingest-normal-per-second",
        env = "POSTHASTE_INGEST_NORMAL_PER_SECOND",
        default_value = "2000"
    )]
    pub normal_per_second: NonZeroU32,
    /// How much of the time requests on the bulk lane are accepted while others publish, in
    /// hundredths.
    #[arg(
        id = "ingest_bulk_share",
        long = "ingest-bulk-share",
        env = "POSTHASTE_INGEST_BULK_SHARE",
        default_value_t = 2,
        value_parser = clap::value_parser!(u8).range(1..=100)
    )]
    pub bulk_share: u8,
}

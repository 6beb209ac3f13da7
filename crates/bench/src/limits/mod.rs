//! What the parts do alone on the same machine: a sender without a queue and a record, the broker,
//! the record.

/// What a part is given to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) deliveries: usize,
    /// Endpoints of each event.
    pub(crate) fan_out: usize,
    /// The payload of an event, in bytes.
    pub(crate) payload_bytes: usize,
}

pub(crate) mod broker;
pub(crate) mod http;
pub(crate) mod postgres;
pub(crate) mod waits;

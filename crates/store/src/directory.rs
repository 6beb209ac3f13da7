//! Live snapshots: what the roles need at every event, in memory.
//!
//! A [`Live`] snapshot hears of changes by notification and also asks every few seconds. It loads
//! only what changed since the epoch it knows, and keeps serving the last good state while the
//! database is down. Who must not miss a change that was committed before (fan-out, for an
//! endpoint that was made before the event) calls [`Live::refresh`] first, which costs one small
//! query when nothing has changed.

pub use access::{Access, AccessDirectory};
pub use endpoints::{EndpointDirectory, Target};
pub use live::{Live, Snapshot};
pub use schemas::{PayloadSchema, SchemaDirectory};
pub use subscriptions::SubscriptionDirectory;

mod access;
mod endpoints;
mod listen;
mod live;
mod schemas;
pub(crate) mod subscriptions;

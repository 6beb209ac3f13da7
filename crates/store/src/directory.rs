//! Live snapshots: what the roles need at every event, in memory.
//!
//! A [`Live`] snapshot hears of changes by notification and also asks every few seconds. It loads
//! only what changed since the epoch it knows, and keeps serving the last good state while the
//! database is down. Who must not miss a change that was committed before calls [`Live::refresh`]
//! first, which costs one small query when nothing has changed; or, where a row is written anyway
//! (fan-out, whose events must reach the endpoints that were there before), has it written only
//! while the directory is at the [`Epoch`] that is known.

pub use access::{Access, AccessDirectory, Audience};
pub use endpoints::{EndpointDirectory, Target};
pub use live::{Epoch, Live, Snapshot};
pub use schemas::{PayloadSchema, SchemaDirectory};
pub use subscriptions::SubscriptionDirectory;

mod access;
mod endpoints;
mod listen;
mod live;
mod schemas;
pub(crate) mod subscriptions;

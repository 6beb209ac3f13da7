//! Postgres: the record of what was published, what became of it, and who may do what.
//!
//! Postgres is the record, the queue is the work: nothing here decides what is sent next. A
//! [`Store`] is a pool of connections with bounds on every wait; its functions are grouped by what
//! they are about, each beside its SQL. What the roles need at every event is kept in memory by
//! [`directory::Live`] snapshots, which outlive an outage of the database.
//!
//! **Invariants:** every function that serves one tenant takes its [`domain::id::TenantId`] and
//! names it in the statement, and what is read for one tenant is read behind the [`fence`]; every
//! statement has a limit on its rows and its time; secrets are
//! encrypted before they get here and payloads are bytes, never text.

mod config;
mod error;
pub mod fence;
pub mod keyring;
mod metrics;
mod pool;
mod schema;
mod sql;
mod token;

pub mod page;
pub mod partitions;

pub mod api_keys;
pub mod audit;
pub mod branding;
pub mod endpoints;
pub mod event_types;
pub mod people;
pub mod sessions;
pub mod settings;
pub mod tenants;

pub mod directory;

pub mod attempts;
mod breakers;
pub mod dead_letters;
pub mod deliveries;
pub mod depths;
pub mod events;
pub mod explain;
pub mod health;
pub mod held;
pub mod lanes;
pub mod ledger;
pub mod lost;
pub mod operational;
pub mod replays;
mod reports;
pub mod server;
pub mod stats;
pub mod troubled;

pub use config::Config;
pub use directory::{
    AccessDirectory, EndpointDirectory, Live, SchemaDirectory, SubscriptionDirectory, Target,
};
pub use error::{Remedy, StoreError};
pub use keyring::Keyring;
pub use page::{Cursor, Page, PageRequest};
pub use pool::Store;
pub use schema::{SchemaMismatch, migrate};
pub use token::Token;

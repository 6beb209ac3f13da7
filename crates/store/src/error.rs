//! What went wrong, named for what the caller does next.

use std::error::Error;
use std::io;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::schema::SchemaMismatch;

/// Why the record could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is down, full, busy or too slow. Try again later.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A row's day has no partition. Make it with [`crate::Store::ensure_partitions_for`] and try
    /// again.
    #[error("there is no partition for the day of a row")]
    MissingPartition,
    /// What was to be created exists, or a bound is reached.
    #[error("it exists already, or there are too many")]
    Conflict,
    /// Somebody else has changed it: read it again.
    #[error("it has changed since it was read")]
    VersionMismatch,
    /// It does not exist, or belongs to another tenant.
    #[error("it does not exist")]
    NotFound,
    /// A text holds U+0000, which no text in the record can. Refuse it; what was looked up by it
    /// does not exist.
    #[error("a text holds the character U+0000")]
    Unstorable,
    /// The database's schema is not this program's. Migrate, or run the matching version.
    #[error(transparent)]
    Schema(#[from] SchemaMismatch),
    /// The role in which one tenant's rows are read can't be made by us. The operator can.
    #[error(
        "the role {role} can't be made or taken on: as a superuser, `create role {role}` and \
         `grant {role} to` the user that Posthaste connects as, then migrate again",
        role = crate::fence::ROLE
    )]
    Role(#[source] Box<dyn Error + Send + Sync>),
    /// A bug, or something that nobody thought of. Trying again won't help.
    #[error("the record is broken")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// What to do about an error where work must not be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Hold the work and try again.
    Wait,
    /// Make the partitions of its days and try again.
    MakePartitions,
    /// Trying again won't help: put this work aside.
    PutAside,
}

impl StoreError {
    /// What to do about it where work must not be lost.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Unavailable(_) | Self::Schema(_) | Self::Role(_) => Remedy::Wait,
            Self::MissingPartition => Remedy::MakePartitions,
            Self::Conflict
            | Self::VersionMismatch
            | Self::NotFound
            | Self::Unstorable
            | Self::Broken(_) => Remedy::PutAside,
        }
    }

    /// Wraps the end of a wait.
    pub(crate) fn elapsed(error: tokio::time::error::Elapsed) -> Self {
        Self::Unavailable(Box::new(error))
    }

    /// Wraps a row that this program can't read.
    pub(crate) fn unreadable(column: &'static str) -> Self {
        Self::Broken(Box::new(Unreadable { column }))
    }
}

/// A value in the record that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("column {column} holds a value that this version does not know")]
struct Unreadable {
    column: &'static str,
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else {
            // Without an answer of the server's: a lost connection, or a mistake of ours in types.
            let lost = error.is_closed()
                || error
                    .source()
                    .is_none_or(|source| source.downcast_ref::<io::Error>().is_some());
            return if lost {
                Self::Unavailable(Box::new(error))
            } else {
                Self::Broken(Box::new(error))
            };
        };
        match *state {
            SqlState::UNIQUE_VIOLATION => Self::Conflict,
            SqlState::FOREIGN_KEY_VIOLATION => Self::NotFound,
            SqlState::CHARACTER_NOT_IN_REPERTOIRE | SqlState::UNTRANSLATABLE_CHARACTER => {
                Self::Unstorable
            }
            // Postgres reports a row without a partition as a violated check, but one without a
            // name: https://www.postgresql.org/docs/15/ddl-partitioning.html
            SqlState::CHECK_VIOLATION
                if error
                    .as_db_error()
                    .is_some_and(|db| db.constraint().is_none()) =>
            {
                Self::MissingPartition
            }
            // A schema that is missing or locked away is the operator's to mend, and no fault of
            // what was to be recorded.
            SqlState::UNDEFINED_TABLE
            | SqlState::UNDEFINED_COLUMN
            | SqlState::UNDEFINED_FUNCTION
            | SqlState::INSUFFICIENT_PRIVILEGE
            | SqlState::LOCK_NOT_AVAILABLE
            | SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            | SqlState::INVALID_CATALOG_NAME => Self::Unavailable(Box::new(error)),
            // Connection, authentication, rollback (deadlock, serialisation), resources, operator,
            // system, and the server's own faults.
            _ if ["08", "28", "40", "53", "57", "58", "XX"]
                .iter()
                .any(|class| state.code().starts_with(class)) =>
            {
                Self::Unavailable(Box::new(error))
            }
            _ => Self::Broken(Box::new(error)),
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::NoRuntimeSpecified => Self::Broken(Box::new(error)),
            // Whatever keeps us from connecting, it lies with the server.
            PoolError::Backend(_)
            | PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::PostCreateHook(_) => Self::Unavailable(Box::new(error)),
        }
    }
}

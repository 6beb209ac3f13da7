//! Where the database is, and how long anything may wait for it.

use std::time::Duration;

use secrecy::SecretString;

use crate::keyring::Keyring;

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct Config {
    /// A `postgres://` URL. It holds a password.
    pub url: SecretString,
    /// The most connections of this process, those for notifications apart.
    pub pool_size: usize,
    /// The longest wait for a free connection.
    pub pool_wait: Duration,
    /// The longest wait for a new connection.
    pub connect_timeout: Duration,
    /// The longest that one statement may run; the server ends it.
    pub statement_timeout: Duration,
    /// The longest that one call may take, over waiting, connecting and all its statements. It
    /// bounds what the server can't: a server that has stopped answering.
    pub call_timeout: Duration,
    /// The keys that secrets are encrypted with.
    pub keyring: Keyring,
}

impl Config {
    /// The most connections, where nothing else is configured.
    pub const POOL_SIZE: usize = 8;
    /// The longest wait for a free connection, where nothing else is configured.
    pub const POOL_WAIT: Duration = Duration::from_secs(5);
    /// The longest wait for a new connection, where nothing else is configured.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
    /// The longest statement, where nothing else is configured.
    pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);
    /// The longest call, where nothing else is configured.
    pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

    /// The database at `url`, with the default bounds.
    #[must_use]
    pub fn new(url: SecretString, keyring: Keyring) -> Self {
        Self {
            url,
            pool_size: Self::POOL_SIZE,
            pool_wait: Self::POOL_WAIT,
            connect_timeout: Self::CONNECT_TIMEOUT,
            statement_timeout: Self::STATEMENT_TIMEOUT,
            call_timeout: Self::CALL_TIMEOUT,
            keyring,
        }
    }
}

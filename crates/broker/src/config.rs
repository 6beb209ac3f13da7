//! How to reach the broker.

use std::time::Duration;

use secrecy::SecretString;

/// How to reach the broker.
#[derive(Debug, Clone)]
pub struct Config {
    /// `amqp://` or `amqps://`, user, password, host, port and virtual host. Without a path the
    /// virtual host is `/`; a name in the path is percent-encoded (`%2f` for `/`).
    ///
    /// `amqps` trusts the system's certificates, or those in the file that the environment's
    /// `SSL_CERT_FILE` names.
    pub url: SecretString,
    /// What the connections' names begin with, as the broker's management shows them.
    pub name: String,
    /// How often each side shows that it lives, in whole seconds; a connection is given up after
    /// two silent intervals. Default 15 s, sensible 10 s to 30 s.
    pub heartbeat: Duration,
    /// How long connecting, and each declaration, may take. Default 10 s.
    pub connect_timeout: Duration,
}

impl Config {
    /// The defaults for this URL, and connections named after this role.
    #[must_use]
    pub fn new(url: SecretString, name: impl Into<String>) -> Self {
        Self {
            url,
            name: name.into(),
            heartbeat: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(10),
        }
    }
}
